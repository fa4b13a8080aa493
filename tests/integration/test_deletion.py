"""What goes when a resource goes, with the controllers that really take namespaces away."""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from dev.access import ClusterAccess
from dev.control_plane import ControlPlane
from dev.database_server import DatabaseAccess, DatabaseServer
from tests.integration.rest import Rest
from tests.integration.tenancy import ROOT, Tenancy, eventually, make_tenancy

MANY = 50
TABLES = ("tenant_release_settings", "tenant_integrations", "tenant_release_claims")
FINALIZER = "release.delivr.live/rows"
WAY_OUT = ("--type=merge", "--patch", '{"metadata":{"finalizers":null}}')


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    folder = tmp_path_factory.mktemp("controllers")
    return ControlPlane(folder, controller_manager=True, dies_with_parent=True)


@pytest.fixture(scope="module")
def controllers(plane: ControlPlane) -> Iterator[ClusterAccess]:
    """A cluster with kube-controller-manager and the base manifests, less the Deployment."""
    with plane as access:
        access.install(ROOT / "manifests" / "base")
        yield access


@pytest.fixture(scope="module", params=["mysql", "mariadb"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[DatabaseServer, DatabaseAccess]]:
    """A server that a test may stop, if it starts it again."""
    folder = tmp_path_factory.mktemp(request.param)
    server = DatabaseServer(request.param, folder / "database", dies_with_parent=True)
    try:
        yield server, server.start()
    finally:
        server.stop()


@pytest.fixture
def whole(
    controllers: ClusterAccess,
    database: tuple[DatabaseServer, DatabaseAccess],
    simulator: dict[str, str],
    tmp_path: Path,
) -> Iterator[Tenancy]:
    for tenancy in make_tenancy(controllers, database[1], simulator, tmp_path):
        tenancy.extra["RECHECK_INTERVAL"] = "1s"
        yield tenancy


@pytest.fixture
def rest(whole: Tenancy) -> Iterator[Rest]:
    found = Rest(whole.access, whole.namespace)
    yield found
    found.close()


def rows(tenancy: Tenancy) -> dict[str, int]:
    found = {table: tenancy.rows(f"SELECT COUNT(*) AS n FROM {table}") for table in TABLES}  # noqa: S608
    return {table: int(row["n"]) for table, (row,) in found.items()}


NONE = dict.fromkeys(TABLES, 0)


def committed(rest: Rest, generation: int = 1) -> bool:
    return bool(rest.standing().get("status", {}).get("committedGeneration") == generation)


def waits(rest: Rest) -> bool:
    """Tell whether the resource says that it cannot go, why, and what the way out is."""
    ready: Any = next(c for c in rest.standing()["status"]["conditions"] if c["type"] == "Ready")
    said = ("The database cannot be reached." in ready["message"]) and (FINALIZER in ready["message"])
    return ready["reason"] == "Deleting" and said


def gone(access: ClusterAccess, namespace: str) -> bool:
    try:
        access.kubectl("get", "namespace", namespace)
    except subprocess.CalledProcessError as error:
        return "NotFound" in error.stderr
    return False


@pytest.mark.timeout(400)
def test_a_namespace_with_fifty_resources_goes(whole: Tenancy, rest: Rest) -> None:
    member = whole.github()
    with whole.operator(cluster_wide=True):
        whole.apply(*(whole.setup(f"setup-{number:02}", github=member) for number in range(MANY)))

        def all_seen() -> bool:
            found = json.loads(whole.kubectl("get", "releasesetups", "--output=json"))["items"]
            return all(one.get("status", {}).get("observedGeneration") == 1 for one in found)

        eventually(all_seen, "each has a status", 120)
        assert rows(whole)["tenant_release_claims"] == 1
        whole.access.kubectl("delete", "namespace", whole.namespace, "--timeout=120s")
        # At once, but for one whose finalizer the API server passed over: see below.
        eventually(lambda: rows(whole) == NONE, "nothing is left of any")
    assert '"exception"' not in whole.log()


@pytest.mark.timeout(400)
def test_without_a_database_deletion_waits_says_so_and_there_is_a_way_out(
    whole: Tenancy, rest: Rest, database: tuple[DatabaseServer, DatabaseAccess]
) -> None:
    server, _ = database
    member = whole.github()
    with whole.operator(cluster_wide=True):
        rest.create(whole.setup(github=member))
        eventually(lambda: committed(rest), "it has rows")

        server.stop()
        rest.delete()
        eventually(lambda: waits(rest), "it waits, and says so")
        server.start()
        eventually(lambda: rest.setup() is None, "it goes by itself when the database is back")
        assert rows(whole) == NONE

        rest.create(whole.setup(github=member))
        eventually(lambda: committed(rest), "it has rows again")
        server.stop()
        whole.access.kubectl("delete", "namespace", whole.namespace, "--wait=false")
        eventually(lambda: waits(rest), "a namespace waits too")
        whole.kubectl("patch", "releasesetup", "mobile-app", *WAY_OUT)
        eventually(lambda: gone(whole.access, whole.namespace), "the way out lets the namespace go", 90)
        server.start()
        assert rows(whole) == {**dict.fromkeys(TABLES, 1)}
    assert '"exception"' not in whole.log()


def pass_over_finalizers(plane: ControlPlane, namespace: str, name: str) -> None:
    """What is left of an object when the first finalizer came after the deletion had begun.

    The API server does that to few of those that it could (kubernetes/kubernetes#77988); etcd does it surely.
    """
    key = f"/registry/release.delivr.live/releasesetups/{namespace}/{name}"
    asked = {"key": base64.b64encode(key.encode()).decode()}
    answer = httpx.post(f"{plane.etcd_url}/v3/kv/deleterange", json=asked, trust_env=False)
    assert answer.raise_for_status().json()["deleted"] == "1"


@pytest.mark.timeout(400)
def test_one_that_goes_in_spite_of_its_finalizer_leaves_no_rows(
    whole: Tenancy, rest: Rest, plane: ControlPlane, database: tuple[DatabaseServer, DatabaseAccess]
) -> None:
    server, _ = database
    member = whole.github()
    with whole.operator(cluster_wide=True):
        rest.create(whole.setup(github=member))
        eventually(lambda: committed(rest), "it has rows")
        assert FINALIZER in rest.standing()["metadata"]["finalizers"]
        server.stop()
        pass_over_finalizers(plane, whole.namespace, "mobile-app")
        eventually(lambda: "in spite of its finalizer" in whole.log(), "the operator wants them gone")
        server.start()
        eventually(lambda: rows(whole) == NONE, "its rows went after it")

        rest.create(whole.setup(github=member))
        eventually(lambda: committed(rest), "it has rows again")
        pass_over_finalizers(plane, whole.namespace, "mobile-app")
        eventually(lambda: rows(whole) == NONE, "its rows went after it")
    assert '"exception"' not in whole.log()


def narrow_rights(whole: Tenancy) -> None:
    """What the overlay for one namespace grants: the account is elsewhere, its rights are there."""
    account = f"narrow-{whole.namespace}"
    metadata = {"name": account, "namespace": "delivr-system"}
    subjects = [{"kind": "ServiceAccount", **metadata}]
    account_object = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    whole.access.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(account_object))
    change = json.dumps({"subjects": subjects})
    whole.kubectl("patch", "rolebinding", "delivr-operator", "--type=merge", "--patch", change)
    token = whole.access.service_account_token("delivr-system", account)
    whole.access.kubeconfig_for(account, token, whole.folder / "operator.kubeconfig")


def widened(whole: Tenancy) -> list[dict[str, Any]]:
    """manifests/base/operator-role.yaml, for that account."""
    text = (ROOT / "manifests" / "base" / "operator-role.yaml").read_text()
    role, binding = yaml.safe_load_all(text)
    binding["subjects"][0]["name"] = f"narrow-{whole.namespace}"
    for one in (role, binding):
        one["metadata"]["name"] = f"narrow-{whole.namespace}"
    binding["roleRef"]["name"] = f"narrow-{whole.namespace}"
    return [role, binding]


def test_a_namespace_that_takes_the_rights_along_goes_once_they_are_given_again(
    whole: Tenancy, rest: Rest
) -> None:
    narrow_rights(whole)
    with whole.operator():
        rest.create(whole.setup(github=whole.github()))
        eventually(lambda: committed(rest), "it has rows")
        # A namespace's end deletes its objects in no order that anybody may rely on: here the worst.
        whole.kubectl("delete", "rolebinding", "delivr-operator")
        whole.access.kubectl("delete", "namespace", whole.namespace, "--wait=false")
        eventually(lambda: '"http": 403' in whole.log(), "the operator says what it may not")
        assert FINALIZER in rest.standing()["metadata"]["finalizers"]
        wide = yaml.safe_dump_all(widened(whole))
        whole.access.kubectl("apply", "-f", "-", stdin=wide)
        eventually(lambda: gone(whole.access, whole.namespace), "the namespace goes", 120)
        assert rows(whole) == NONE
    whole.access.kubectl("delete", "-f", "-", stdin=wide)
    assert '"exception"' not in whole.log()


CRD = "releasesetups.release.delivr.live"
ANY_OBJECT = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
TAKE_ANYTHING = (
    {"op": "remove", "path": "/spec/versions/0/selectableFields"},
    {"op": "replace", "path": "/spec/versions/0/schema", "value": ANY_OBJECT},
)
UNREADABLE = {"spec": {"owner": None, "interval": "soon"}}


def stored(rest: Rest, change: object) -> bool:
    with suppress(httpx.HTTPStatusError):  # the definition is still the strict one, or being replaced
        return bool(rest.patch(change))
    return False


def is_strict(whole: Tenancy) -> bool:
    other = json.dumps(whole.setup("other", interval="soon"))
    try:
        whole.kubectl("create", "--dry-run=server", "-f", "-", stdin=other)
    except subprocess.CalledProcessError as error:
        return "must be a duration" in error.stderr
    return False


@contextmanager
def taking_anything(access: ClusterAccess) -> Iterator[None]:
    """The schema is as loose as that of another version may have been."""
    access.kubectl("patch", "crd", CRD, "--type=json", "--patch", json.dumps(TAKE_ANYTHING))
    try:
        yield
    finally:
        access.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(ROOT / "crds"))


def unreadable(rest: Rest) -> bool:
    conditions: Any = rest.standing()["status"]["conditions"]
    return any((one["type"], one["reason"]) == ("Ready", "InvalidSpec") for one in conditions)


@pytest.mark.timeout(400)
def test_one_whose_stored_spec_can_no_longer_be_read_goes_with_its_rows(whole: Tenancy, rest: Rest) -> None:
    with whole.operator(cluster_wide=True):
        rest.create(whole.setup(github=whole.github()))
        eventually(lambda: committed(rest), "it has rows")
        with taking_anything(whole.access):
            eventually(lambda: stored(rest, UNREADABLE), "it is stored")
        eventually(lambda: is_strict(whole), "the schema is strict again")
        eventually(lambda: unreadable(rest), "it says that it cannot be read")
        assert rows(whole) == dict.fromkeys(TABLES, 1)
        rest.delete()
        eventually(lambda: rest.setup() is None, "it goes")
        assert rows(whole) == NONE
    assert '"exception"' not in whole.log()


@pytest.mark.timeout(400)
def test_one_made_again_under_the_same_name_inherits_nothing(whole: Tenancy, rest: Rest) -> None:
    member = whole.github()
    label = whole.issued["github"].label
    good = whole.issued["github"].secret
    rest.secret("github", {"accessToken": "ghp_" + "0" * 36})
    with whole.operator(cluster_wide=True):
        first = rest.create(whole.setup(github=member))
        eventually(lambda: committed(rest), "the first is refused by its provider")
        assert rest.standing()["status"]["integrations"][0]["verificationStatus"] == "INVALID"
        # The first is in the middle of a pass when it goes: what that finds out is not about the second.
        whole.simulator.fault("HANG", provider="GITHUB")
        rest.patch({"metadata": {"annotations": {"release.delivr.live/requestedAt": "now"}}})
        eventually(
            lambda: whole.simulator.requests(provider="GITHUB", answered=False), "a question is under way"
        )
        rest.delete()
        rest.patch({"metadata": {"finalizers": None}})
        rest.secret("github", good)
        second = rest.create(whole.setup(github=member, interval="2h"))
        whole.simulator.lift()
        assert second["metadata"]["uid"] != first["metadata"]["uid"]
        eventually(lambda: committed(rest), "the second has its rows", 90)
        status = rest.standing()["status"]
        assert [e["verificationStatus"] for e in status["integrations"]] == ["VALID"]
        assert "lastHandledReconcileAt" not in status
        (claim,) = whole.rows("SELECT resourceUid, generation FROM tenant_release_claims")
        assert claim == {"resourceUid": second["metadata"]["uid"], "generation": 1}
        reasons = {reason for reason, _ in rest.events(second["metadata"]["uid"])}
        assert "BadCredentials" not in reasons
        assert whole.simulator.count(credential=label) > 0
