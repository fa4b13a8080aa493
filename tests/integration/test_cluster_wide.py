"""The installation for a whole cluster, on an API server of its own."""

import subprocess

from tests.integration.tenancy import TENANT, Tenancy, eventually


def test_one_operator_serves_the_cluster_and_sees_namespaces_change(whole: Tenancy) -> None:
    setup = whole.complete()

    def refused() -> bool:
        """The policy takes a moment to be in force after it was applied."""
        foreign = whole.setup("foreign", tenantId="kp3xq7_m-z")
        try:
            whole.apply(foreign)
        except subprocess.CalledProcessError as error:
            return "release.delivr.live/tenant-id" in error.stderr
        whole.kubectl("delete", "releasesetup", "foreign")
        return False

    eventually(refused, "a foreign tenant is refused at apply")
    whole.apply(setup)
    with whole.operator(cluster_wide=True):
        whole.await_ready("True")
        mark = ["annotate", "namespace", whole.namespace, "--overwrite"]
        whole.kubectl(*mark, "release.delivr.live/tenant-id-")
        whole.await_ready("False", "NamespaceNotBound")  # sooner than RECHECK_INTERVAL: the watch told
        assert len(whole.integrations()) == 5
        whole.kubectl(*mark, f"release.delivr.live/tenant-id={TENANT}")
        whole.await_ready("True")
        whole.kubectl("delete", "releasesetup", "mobile-app", "--timeout=30s")
    assert whole.integrations() == {}
