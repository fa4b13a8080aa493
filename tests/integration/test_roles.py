"""Who may do what, asked of a real API server whose controllers gather our roles into Kubernetes' own."""

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from dev.access import ClusterAccess
from dev.control_plane import ControlPlane
from tests.integration.declared import ROOT, documents, example, moved, new_namespace
from tests.integration.tenancy import eventually

BASE = ROOT / "manifests" / "base"
SETUPS = "releasesetups.release.delivr.live"
READING = ("get", "list", "watch")
WRITING = ("create", "update", "patch", "delete", "deletecollection")
ACCOUNT = "delivr-operator"


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterAccess]:
    """A cluster with kube-controller-manager, the base manifests less the Deployment, and gathered roles."""
    directory: Path = tmp_path_factory.mktemp("governed")
    with ControlPlane(directory, controller_manager=True, dies_with_parent=True) as access:
        rendered = access.kubectl("kustomize", str(BASE))
        objects = [o for o in yaml.safe_load_all(rendered) if o and o["kind"] != "Deployment"]
        first = [o for o in objects if o["kind"] in ("CustomResourceDefinition", "Namespace")]
        access.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(first))
        access.kubectl("wait", "--for=condition=Established", f"crd/{SETUPS}")
        access.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))
        for role in ("admin", "edit", "view"):
            eventually(partial(has_gathered, access, role), f"{role} has gathered ours")
        yield access


def has_gathered(access: ClusterAccess, role: str) -> bool:
    return "release.delivr.live" in access.kubectl("get", "clusterrole", role, "--output=yaml")


def can(access: ClusterAccess, user: str, question: str, namespace: str) -> bool:
    """Ask `kubectl auth can-i` in the user's name; `question` is `verb resource[/subresource] [name]`."""
    verb, thing, *name = question.split()
    resource, _, below = thing.partition("/")
    asked = [
        verb,
        f"{resource}/{name[0]}" if name else resource,
        *([f"--subresource={below}"] if below else []),
    ]
    program = [str(access.kubectl_program), "--kubeconfig", str(access.kubeconfig)]
    answer = subprocess.run(
        [*program, "auth", "can-i", *asked, "--namespace", namespace, "--as", user],
        capture_output=True,
        text=True,
        check=False,
    )
    said: str = answer.stdout.strip().partition(" ")[0]
    assert said in {"yes", "no"}, answer.stderr
    return said == "yes"


def both(access: ClusterAccess, user: str, namespace: str, *, may: list[str], may_not: list[str]) -> None:
    for question in may:
        assert can(access, user, question, namespace), f"{user} should: {question}"
    for question in may_not:
        assert not can(access, user, question, namespace), f"{user} should not: {question}"


@pytest.fixture(scope="module")
def tenant(governed: ClusterAccess) -> str:
    """A namespace of the tenant, with a person in each of Kubernetes' own roles and one in none."""
    namespace = new_namespace(governed)
    for role in ("admin", "edit", "view"):
        bound = (f"--clusterrole={role}", f"--user={role}-person")
        governed.kubectl("--namespace", namespace, "create", "rolebinding", role, *bound)
    return namespace


NOBODYS = [
    *(f"{verb} {SETUPS}/status" for verb in ("update", "patch")),
    *(f"{verb} namespaces" for verb in ("update", "patch", "create")),
    "patch customresourcedefinitions.apiextensions.k8s.io",
    "patch validatingadmissionpolicies.admissionregistration.k8s.io",
    "patch clusterroles.rbac.authorization.k8s.io",
]
"""What no tenant may: say what the operator found, bind a namespace, change the rules."""


def test_an_owner_writes_setups_and_not_what_is_found_of_them(governed: ClusterAccess, tenant: str) -> None:
    may = [f"{verb} {SETUPS}" for verb in (*READING, *WRITING)] + [f"get {SETUPS}/status"]
    both(governed, "admin-person", tenant, may=may, may_not=NOBODYS)


@pytest.mark.parametrize("role", ["edit", "view"])
def test_editors_and_viewers_read_and_write_nothing(governed: ClusterAccess, tenant: str, role: str) -> None:
    may = [f"{verb} {SETUPS}" for verb in READING] + [f"get {SETUPS}/status"]
    may_not = [f"{verb} {SETUPS}" for verb in WRITING] + NOBODYS
    both(governed, f"{role}-person", tenant, may=may, may_not=may_not)


def test_a_viewer_reads_no_credential(governed: ClusterAccess, tenant: str) -> None:
    may_not = [f"{verb} secrets" for verb in (*READING, *WRITING)]
    both(governed, "view-person", tenant, may=[], may_not=may_not)


def test_nobody_has_rights_in_another_tenants_namespace(governed: ClusterAccess, tenant: str) -> None:
    elsewhere = new_namespace(governed, tenant="kp3xq7_m-z")
    for role in ("admin", "edit", "view"):
        may_not = [f"{verb} {SETUPS}" for verb in (*READING, *WRITING)] + ["get secrets"]
        both(governed, f"{role}-person", elsewhere, may=[], may_not=may_not)
    both(governed, "stranger", tenant, may=[], may_not=[f"get {SETUPS}", "get secrets", *NOBODYS])


def test_what_is_forbidden_is_forbidden_when_it_is_tried(governed: ClusterAccess, tenant: str) -> None:
    governed.kubectl("create", "-f", "-", "--as", "admin-person", stdin=moved([example("github")], tenant))
    tries = (
        (
            "edit-person",
            ("patch", "releasesetup", "mobile-app", "--type=merge", '--patch={"spec":{"suspend":true}}'),
        ),
        (
            "admin-person",
            *(
                (
                    *("patch", "releasesetup", "mobile-app", "--subresource=status", "--type=merge"),
                    '--patch={"status":{"setupComplete":true}}',
                ),
            ),
        ),
        (
            "admin-person",
            ("annotate", "namespace", tenant, "--overwrite", "release.delivr.live/tenant-id=other"),
        ),
        ("view-person", ("delete", "releasesetup", "mobile-app")),
    )
    for user, arguments in tries:
        with pytest.raises(subprocess.CalledProcessError) as refused:
            governed.kubectl("--namespace", tenant, "--as", user, *arguments)
        assert "orbidden" in refused.value.stderr, arguments
    governed.kubectl("--namespace", tenant, "--as", "admin-person", "delete", "releasesetup", "mobile-app")


WORK = [
    *(f"{verb} {SETUPS}" for verb in (*READING, "patch")),
    f"patch {SETUPS}/status",
    *(f"{verb} secrets" for verb in READING),
    "create events",
]
NO_WORK = [
    *(f"{verb} {SETUPS}" for verb in ("create", "update", "delete", "deletecollection")),
    f"update {SETUPS}/status",
    *(f"{verb} secrets" for verb in WRITING),
    *("get configmaps", "list pods", "create pods/exec", "create serviceaccounts/token", "impersonate users"),
    *("create namespaces", "patch namespaces", "delete events", "list events"),
    "create rolebindings.rbac.authorization.k8s.io",
]


def test_the_operator_of_a_cluster(governed: ClusterAccess, tenant: str) -> None:
    user = f"system:serviceaccount:delivr-system:{ACCOUNT}"
    may = [*WORK, *(f"{verb} namespaces" for verb in READING)]
    both(governed, user, tenant, may=may, may_not=NO_WORK)


def test_the_operator_of_a_namespace(governed: ClusterAccess) -> None:
    home, elsewhere = new_namespace(governed), new_namespace(governed)
    role, binding = documents(ROOT / "manifests" / "overlays" / "namespaced" / "role.yaml")
    binding["subjects"][0]["namespace"] = home
    governed.kubectl("create", "-f", "-", stdin=moved([role, binding], home))
    user = f"system:serviceaccount:{home}:{ACCOUNT}"
    both(governed, user, home, may=[*WORK, f"get namespaces {home}"], may_not=NO_WORK)
    both(governed, user, elsewhere, may=[], may_not=[*WORK, *NO_WORK, f"get namespaces {elsewhere}"])
