"""The installation for a whole cluster, on an API server of its own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.control_plane import ControlPlane
from dev.database_server import DatabaseAccess
from tests.integration.tenancy import ROOT, TENANT, Tenancy, eventually, make_tenancy


@pytest.fixture
def whole(mariadb_server: DatabaseAccess, simulator: dict[str, str], tmp_path: Path) -> Iterator[Tenancy]:
    """A cluster with the base manifests, less the Deployment: the operator runs here."""
    with ControlPlane(tmp_path / "control-plane") as access:
        access.install(ROOT / "manifests" / "base")
        yield from make_tenancy(access, mariadb_server, simulator, tmp_path)


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
