"""The manifests on a real API server: they apply, they grant the least that works, the policy refuses."""

import json
import os
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from delivr_operator.probing.address_guard import is_public
from delivr_operator.settings import Settings
from delivr_operator.sharing import PARTS, Shard
from dev.access import ClusterAccess
from tests.integration.declared import ROOT, documents, example, moved, new_namespace
from tests.integration.tenancy import eventually

BASE = ROOT / "manifests" / "base"
NAMESPACED = ROOT / "manifests" / "overlays" / "namespaced"
AVAILABLE = ROOT / "manifests" / "overlays" / "high-availability"
SHARDED = ROOT / "manifests" / "overlays" / "sharded"
SECRETS = {
    "DATABASE_URL": "mysql+pymysql://user:password@database:3306/delivr",
    "INTEGRATION_ENCRYPTION_KEY": "00" * 32,
}
SECRET_SETTINGS = {
    *SECRETS,
    "BACKEND_STORAGE_ENCRYPTION_KEY",
    "INTEGRATION_ENCRYPTION_KEY_PREVIOUS",
    "BACKEND_STORAGE_ENCRYPTION_KEY_PREVIOUS",
}
Json = dict[str, Any]


def rendered(access: ClusterAccess, folder: Any) -> list[Json]:
    return [each for each in yaml.safe_load_all(access.kubectl("kustomize", str(folder))) if each]


def one(objects: list[Json], kind: str, name: str = "delivr-operator") -> Json:
    (found,) = (
        each for each in objects if each["kind"] == kind and each["metadata"]["name"].startswith(name)
    )
    return found


def kinds(objects: list[Json]) -> list[tuple[str, str]]:
    return [(each["kind"], each["metadata"]["name"]) for each in objects]


@pytest.fixture(scope="session")
def cluster(installed: ClusterAccess) -> ClusterAccess:
    """The cluster has the namespaces that a dry run of namespaced objects needs."""
    for namespace in (BASE / "namespace.yaml", ROOT / "examples" / "namespace.yaml"):
        installed.kubectl("apply", "--server-side", "-f", str(namespace))
    return installed


@pytest.mark.parametrize("folder", [BASE, NAMESPACED, SHARDED], ids=["base", "namespaced", "sharded"])
def test_it_applies_cleanly(cluster: ClusterAccess, folder: Any) -> None:
    how = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    answer = subprocess.run(
        [cluster.kubectl_program, "--kubeconfig", cluster.kubeconfig, "apply", *how, "-k", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "Warning" not in answer.stderr
    assert len(answer.stdout.splitlines()) == len(rendered(cluster, folder))


def with_election(folder: Path, base: Path) -> Path:
    """A kustomization of one's own with the component in it, as its comment says."""
    resources = [os.path.relpath(base, folder)]
    components = [os.path.relpath(ROOT / "manifests" / "components" / "leader-election", folder)]
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
        "components": components,
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.mark.parametrize("folder", [BASE, NAMESPACED], ids=["base", "namespaced"])
def test_several_replicas_may_elect_the_one_that_works(
    cluster: ClusterAccess, folder: Any, tmp_path: Path
) -> None:
    alone = rendered(cluster, folder)
    objects = rendered(cluster, with_election(tmp_path, folder))
    added = set(kinds(objects)) - set(kinds(alone))
    assert added == {
        ("Role", "delivr-operator-lease"),
        ("RoleBinding", "delivr-operator-lease"),
        ("PodDisruptionBudget", "delivr-operator"),
    }
    deployment = one(objects, "Deployment")["spec"]
    (operator,) = deployment["template"]["spec"]["containers"]
    assert deployment["replicas"] == 2
    before = one(alone, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert operator["args"] == [*before, "--leader-elect=delivr-system/delivr-operator-leader"]
    how = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    cluster.kubectl("apply", *how, "-k", str(tmp_path))


def test_high_availability_is_the_base_with_the_election(cluster: ClusterAccess, tmp_path: Path) -> None:
    assert rendered(cluster, AVAILABLE) == rendered(cluster, with_election(tmp_path, BASE))


def test_a_drain_may_take_one_of_the_two_and_each_has_a_node_of_its_own(cluster: ClusterAccess) -> None:
    objects = rendered(cluster, AVAILABLE)
    deployment = one(objects, "Deployment")["spec"]
    budget = one(objects, "PodDisruptionBudget")["spec"]
    assert (deployment["replicas"], budget["maxUnavailable"]) == (2, 1)
    (spread,) = deployment["template"]["spec"]["topologySpreadConstraints"]
    labels = deployment["template"]["metadata"]["labels"]
    for selector in (budget["selector"], spread["labelSelector"]):
        assert selector["matchLabels"].items() <= labels.items()


def test_the_lease_that_is_asked_for_is_the_one_that_may_be_held(cluster: ClusterAccess) -> None:
    objects = rendered(cluster, AVAILABLE)
    (operator,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    role = one(objects, "Role", "delivr-operator-lease")
    (named,) = (rule for rule in role["rules"] if "resourceNames" in rule)
    place = f"{role['metadata']['namespace']}/{named['resourceNames'][0]}"
    assert f"--leader-elect={place}" in operator["args"]


# Several that share the tenants


def test_those_that_share_the_tenants_are_the_base_and_each_knows_its_number(cluster: ClusterAccess) -> None:
    alone, objects = rendered(cluster, BASE), rendered(cluster, SHARDED)
    assert set(kinds(objects)) - set(kinds(alone)) == {
        ("StatefulSet", "delivr-operator"),
        ("Role", "delivr-operator-part-leases"),
        ("RoleBinding", "delivr-operator-part-leases"),
        ("PodDisruptionBudget", "delivr-operator"),
    }
    assert set(kinds(alone)) - set(kinds(objects)) == {("Deployment", "delivr-operator")}
    several, one_alone = one(objects, "StatefulSet")["spec"], one(alone, "Deployment")["spec"]
    (operator,) = several["template"]["spec"].pop("containers")
    (base,) = one_alone["template"]["spec"].pop("containers")
    assert several["template"]["spec"].pop("topologySpreadConstraints")
    assert several["template"] == one_alone["template"]
    own = {"args", "env"}
    assert {k: v for k, v in operator.items() if k not in own} == {
        k: v for k, v in base.items() if k not in own
    }
    label = {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}
    assert operator["env"] == [{"name": "SHARD", "valueFrom": label}]
    assert operator["args"][:2] == ["run", f"--shard=$(SHARD)/{several['replicas']}"]
    assert several["ordinals"] == {"start": 1}
    assert several["podManagementPolicy"] == "Parallel"
    assert one(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert Shard.parse(f"{several['replicas']}/{several['replicas']}")


def test_the_leases_that_are_asked_for_are_those_that_may_be_held(cluster: ClusterAccess) -> None:
    objects = rendered(cluster, SHARDED)
    (operator,) = one(objects, "StatefulSet")["spec"]["template"]["spec"]["containers"]
    role = one(objects, "Role", "delivr-operator-part-leases")
    (named,) = (rule for rule in role["rules"] if "resourceNames" in rule)
    place = operator["args"][-1].removeprefix("--shard-leases=")
    home = role["metadata"]["namespace"]
    names = [f"{home}/{name}" for name in named["resourceNames"]]
    assert names == [f"{place}-part-{part:02}" for part in range(PARTS)]


# What runs


def settings_file() -> dict[str, str]:
    lines = (BASE / "settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_settings_file_shows_every_setting_with_its_default() -> None:
    assert settings_file().keys() == {name.upper() for name in Settings.model_fields} - SECRET_SETTINGS
    as_shipped = Settings.from_environment({**settings_file(), **SECRETS})
    assert as_shipped == Settings.from_environment(SECRETS)


def test_the_secret_settings_are_documented_and_not_shipped(cluster: ClusterAccess) -> None:
    lines = (BASE / "deployment.yaml").read_text().splitlines()
    said = {word.rstrip(",") for line in lines if line.startswith("#   ") for word in line.split()}
    assert said >= SECRET_SETTINGS
    assert "Secret" not in [kind for kind, _ in kinds(rendered(cluster, BASE))]


def test_a_changed_setting_rolls_the_deployment(cluster: ClusterAccess) -> None:
    objects = rendered(cluster, BASE)
    settings = one(objects, "ConfigMap")
    assert settings["metadata"]["name"] != "delivr-operator"  # it ends in a hash of its content
    (operator,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert operator["envFrom"][0] == {"configMapRef": {"name": settings["metadata"]["name"]}}
    assert operator["envFrom"][1] == {"secretRef": {"name": "delivr-operator"}}


@pytest.mark.parametrize(
    ("folder", "arguments"), [(BASE, ["run"]), (NAMESPACED, ["run", "--namespace", "falcon"])]
)
def test_the_deployment_is_what_the_restricted_standard_asks(
    cluster: ClusterAccess, folder: Any, arguments: list[str]
) -> None:
    deployment = one(rendered(cluster, folder), "Deployment")["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    pod = deployment["template"]["spec"]
    (operator,) = pod["containers"]
    assert operator["args"] == arguments
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert operator["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["terminationGracePeriodSeconds"] == 20
    assert operator["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert operator["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    assert operator["ports"] == [{"name": "health", "containerPort": 8080}]


INSTALLATIONS = sorted(
    path.parent
    for path in (ROOT / "manifests").rglob("kustomization.yaml")
    if yaml.safe_load(path.read_text())["kind"] == "Kustomization"
)


def pods(objects: list[Json]) -> list[Json]:
    """The pod templates of everything that runs, Jobs and CronJobs too."""
    found = []
    for each in objects:
        spec = each.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec and "containers" in spec["template"].get("spec", {}):
            found.append(spec["template"]["spec"])
    return found


@pytest.mark.parametrize("folder", INSTALLATIONS, ids=lambda folder: folder.name)
def test_every_pod_of_every_installation_is_admitted_as_restricted(
    cluster: ClusterAccess, folder: Any
) -> None:
    account = documents(BASE / "service-account.yaml")[0]
    namespace = new_namespace(cluster, labels={"pod-security.kubernetes.io/enforce": "restricted"})
    cluster.kubectl("create", "-f", "-", stdin=moved([account], namespace))
    for number, spec in enumerate(pods(rendered(cluster, folder))):
        metadata = {"name": f"pod-{number}", "namespace": namespace}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        if "restartPolicy" in spec and spec["restartPolicy"] == "Always":
            pod["spec"] = {k: v for k, v in spec.items() if k != "restartPolicy"}
        cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump(pod))
        stored = json.loads(cluster.kubectl("get", "pod", f"pod-{number}", "-n", namespace, "--output=json"))
        tokens = [
            v for v in stored["spec"].get("volumes", ()) if "serviceAccountToken" in str(v.get("projected"))
        ]
        runs = [c for c in spec["containers"] if c.get("args", ["run"])[0] == "run"]
        assert bool(tokens) is bool(runs), "only what asks the API server has a token"


def test_a_pod_that_does_not_ask_for_a_token_gets_none(cluster: ClusterAccess) -> None:
    account = documents(BASE / "service-account.yaml")[0]
    namespace = new_namespace(cluster)
    cluster.kubectl("create", "-f", "-", stdin=moved([account], namespace))
    spec = {
        "serviceAccountName": "delivr-operator",
        "containers": [{"name": "c", "image": "delivr-operator", "args": ["migrate", "up"]}],
    }
    metadata = {"name": "migrate", "namespace": namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump(pod))
    stored = cluster.kubectl("get", "pod", "migrate", "-n", namespace, "--output=jsonpath={.spec.volumes}")
    assert stored == ""


def test_the_network_is_closed_and_opened_only_for_what_is_needed(cluster: ClusterAccess) -> None:
    folder = ROOT / "manifests" / "network"
    cluster.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-k", str(folder))
    deny, opens = rendered(cluster, folder)
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    operator = one(rendered(cluster, BASE), "Deployment")["spec"]["template"]
    assert opens["spec"]["podSelector"]["matchLabels"].items() <= operator["metadata"]["labels"].items()
    public = opens["spec"]["egress"][-1]
    assert public["ports"] == [{"port": 443}]
    blocks = [each["ipBlock"] for each in public["to"]]
    closed = [ip_network(text) for block in blocks for text in block.get("except", ())]
    opened = [ip_network(block["cidr"]) for block in blocks]
    for text in (
        "169.254.169.254",
        "10.0.0.1",
        "127.0.0.1",
        "100.64.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "::1",
    ):
        address = ip_address(text)
        assert not any(address in each for each in opened) or any(address in each for each in closed), text
    assert all(not any(is_public(address) for address in (each[0], each[-1])) for each in closed)


def test_the_api_server_holds_the_pod_to_the_restricted_standard(cluster: ClusterAccess) -> None:
    pod = one(rendered(cluster, BASE), "Deployment")["spec"]["template"]
    bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator", "namespace": "delivr-system"}}
    cluster.kubectl("apply", "--server-side", "-f", str(BASE / "service-account.yaml"))
    create = ("create", "--dry-run=server", "-f", "-")
    cluster.kubectl(*create, stdin=yaml.safe_dump({**bare, "spec": pod["spec"]}))
    del pod["spec"]["containers"][0]["securityContext"]["capabilities"]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        cluster.kubectl(*create, stdin=yaml.safe_dump({**bare, "spec": pod["spec"]}))
    assert "unrestricted capabilities" in caught.value.stderr


# What the operator may do


def rules(role: Json) -> dict[tuple[str, str], set[str]]:
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_both_installations_grant_the_same_but_for_namespaces(cluster: ClusterAccess) -> None:
    wide = rules(one(rendered(cluster, BASE), "ClusterRole"))
    narrow = rules(one(rendered(cluster, NAMESPACED), "Role"))
    assert wide.pop(("", "namespaces")) == {"get", "list", "watch"}
    assert narrow.pop(("", "namespaces")) == {"get"}
    assert wide == narrow


def test_the_namespaced_installation_has_nothing_of_the_cluster_wide_one(cluster: ClusterAccess) -> None:
    left = set(kinds(rendered(cluster, BASE))) - set(kinds(rendered(cluster, NAMESPACED)))
    added = set(kinds(rendered(cluster, NAMESPACED))) - set(kinds(rendered(cluster, BASE)))
    assert left == {("ClusterRole", "delivr-operator"), ("ClusterRoleBinding", "delivr-operator")}
    assert added == {("Role", "delivr-operator"), ("RoleBinding", "delivr-operator")}


ALLOWED = (
    *((verb, "releasesetups.release.delivr.live") for verb in ("get", "list", "watch", "patch")),
    ("patch", "releasesetups.release.delivr.live/status"),
    *((verb, "secrets") for verb in ("get", "list", "watch")),
    ("get", "namespaces"),
    ("create", "events"),
)
DENIED = (
    *((verb, "releasesetups.release.delivr.live") for verb in ("create", "update", "delete")),
    ("update", "releasesetups.release.delivr.live/status"),
    *((verb, "secrets") for verb in ("create", "update", "patch", "delete", "deletecollection")),
    *((verb, "namespaces") for verb in ("create", "patch", "update", "delete")),
    *((verb, "events") for verb in ("list", "delete")),
    ("get", "pods"),
    ("create", "pods/exec"),
    ("create", "serviceaccounts/token"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
    ("get", "customresourcedefinitions.apiextensions.k8s.io"),
    ("impersonate", "users"),
)


@pytest.fixture(params=["cluster-wide", "namespaced"])
def operator(request: pytest.FixtureRequest, cluster: ClusterAccess) -> tuple[str, str]:
    """A service account with the operator's rights, by its name, and a namespace where it works."""
    namespace = new_namespace(cluster)
    folder, kind = (NAMESPACED, "Role") if request.param == "namespaced" else (BASE, "ClusterRole")
    unique = f"delivr-operator-{namespace}"
    objects = [one(rendered(cluster, folder), kind), one(rendered(cluster, folder), f"{kind}Binding")]
    for each in objects:
        each["metadata"] = {"name": unique, "namespace": namespace} if kind == "Role" else {"name": unique}
    objects[1]["roleRef"]["name"] = unique
    objects[1]["subjects"][0]["namespace"] = namespace
    cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump_all(objects))
    return f"system:serviceaccount:{namespace}:delivr-operator", namespace


def may(access: ClusterAccess, user: str, verb: str, resource: str, namespace: str) -> bool:
    """Ask the API server whether a user may do something in a namespace."""
    plural, _, subresource = resource.partition("/")
    kind, _, group = plural.partition(".")
    attributes = {"verb": verb, "resource": kind, "group": group, "subresource": subresource}
    name = {"name": namespace} if kind == "namespaces" else {}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": {**attributes, **name, "namespace": namespace}},
    }
    answer = json.loads(access.kubectl("create", "-f", "-", "--output=json", stdin=json.dumps(review)))
    return bool(answer["status"]["allowed"])


def test_the_operator_may_do_what_it_does_and_nothing_else(
    cluster: ClusterAccess, operator: tuple[str, str]
) -> None:
    user, namespace = operator
    for verb, resource in ALLOWED:
        assert may(cluster, user, verb, resource, namespace), (verb, resource)
    for verb, resource in DENIED:
        assert not may(cluster, user, verb, resource, namespace), (verb, resource)


def test_only_the_cluster_wide_operator_sees_other_namespaces(
    cluster: ClusterAccess, operator: tuple[str, str]
) -> None:
    user, namespace = operator
    elsewhere = new_namespace(cluster)
    wide = namespace in cluster.kubectl("get", "clusterrolebindings", "--output=name")
    for verb, resource in (*ALLOWED, ("list", "namespaces")):
        assert may(cluster, user, verb, resource, elsewhere) == wide, (verb, resource)


# What people may do


@pytest.fixture(scope="session")
def people(cluster: ClusterAccess) -> str:
    """A namespace with a ReleaseSetup, an owner and a viewer."""
    namespace = new_namespace(cluster)
    cluster.kubectl("apply", "--server-side", "-f", str(BASE / "tenant-roles.yaml"))
    for person in ("owner", "viewer"):
        role, user = f"--clusterrole=delivr-tenant-{person}", f"--user={person}-{namespace}"
        cluster.kubectl("--namespace", namespace, "create", "rolebinding", person, role, user)
    cluster.kubectl("create", "-f", "-", stdin=moved([example("github")], namespace))
    return namespace


def test_owners_write_and_viewers_read(cluster: ClusterAccess, people: str) -> None:
    setups = "releasesetups.release.delivr.live"
    reading = {"get", "list", "watch"}
    writing = {"create", "update", "patch", "delete", "deletecollection"}
    for verb in reading | writing:
        assert may(cluster, f"owner-{people}", verb, setups, people), verb
        assert may(cluster, f"viewer-{people}", verb, setups, people) == (verb in reading), verb


@pytest.mark.parametrize("person", ["owner", "viewer"])
def test_nobody_writes_a_status_or_reads_a_secret(cluster: ClusterAccess, people: str, person: str) -> None:
    user = f"{person}-{people}"
    status = "releasesetups.release.delivr.live/status"
    assert may(cluster, user, "get", status, people)
    for verb in ("update", "patch"):
        assert not may(cluster, user, verb, status, people)
    for verb in ("get", "list"):
        assert not may(cluster, user, verb, "secrets", people)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        cluster.kubectl(
            *("--namespace", people, "--as", user, "patch", "releasesetup", "mobile-app"),
            *("--subresource=status", "--type=merge", '--patch={"status":{"setupComplete":true}}'),
        )
    assert "Forbidden" in caught.value.stderr


def test_a_status_written_beside_the_spec_is_dropped(cluster: ClusterAccess, people: str) -> None:
    stored = cluster.kubectl(
        *("--namespace", people, "--as", f"owner-{people}", "patch", "releasesetup", "mobile-app"),
        *("--type=merge", '--patch={"status":{"setupComplete":true}}', "--output=jsonpath={.status}"),
    )
    assert json.loads(stored) == {"observedGeneration": -1}


@pytest.mark.parametrize(
    ("built_in", "gathers"),
    [
        ("admin", {"delivr-tenant-owner"}),
        ("edit", {"delivr-tenant-viewer"}),
        ("view", {"delivr-tenant-viewer"}),
    ],
)
def test_kubernetes_own_roles_gather_ours(cluster: ClusterAccess, built_in: str, gathers: set[str]) -> None:
    role = json.loads(cluster.kubectl("get", "clusterrole", built_in, "--output=json"))
    selectors = [each["matchLabels"].items() for each in role["aggregationRule"]["clusterRoleSelectors"]]
    ours = documents(BASE / "tenant-roles.yaml")
    found = {
        each["metadata"]["name"]
        for each in ours
        if any(selector <= each["metadata"]["labels"].items() for selector in selectors)
    }
    assert found == gathers


# The policy


@pytest.fixture(scope="session")
def policy(cluster: ClusterAccess) -> dict[str, str]:
    """The policy is in force, for namespaces with the returned label only: other tests need others."""
    label = {"policy-test": uuid4().hex[:12]}
    rule, binding = documents(BASE / "tenant-policy.yaml")
    name = f"{rule['metadata']['name']}.{label['policy-test']}"
    rule["metadata"]["name"] = binding["metadata"]["name"] = binding["spec"]["policyName"] = name
    binding["spec"]["matchResources"] = {"namespaceSelector": {"matchLabels": label}}
    cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump_all([rule, binding]))
    text = moved([example("github")], new_namespace(cluster, tenant=None, labels=label))
    trial = ("create", "--dry-run=server", "-f", "-")
    said = eventually(lambda: refusal_or_nothing(cluster, *trial, stdin=text), "the policy is in force")
    assert f"ValidatingAdmissionPolicy '{name}'" in said
    return label


def refusal_or_nothing(access: ClusterAccess, *arguments: str, stdin: str | None = None) -> str:
    """Return what was said at a refusal, or nothing where there was none."""
    try:
        access.kubectl(*arguments, stdin=stdin)
    except subprocess.CalledProcessError as refused:
        return str(refused.stderr)
    return ""


def refusal(access: ClusterAccess, *arguments: str, stdin: str | None = None) -> str:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        access.kubectl(*arguments, stdin=stdin)
    return str(caught.value.stderr)


def test_the_policy_lets_the_bound_tenant_in(cluster: ClusterAccess, policy: dict[str, str]) -> None:
    namespace = new_namespace(cluster, labels=policy)
    setup = example("github")
    cluster.kubectl("create", "-f", "-", stdin=moved([setup], namespace))
    setup["spec"]["suspend"] = True
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=moved([setup], namespace))


@pytest.mark.parametrize(
    ("tenant", "says"),
    [
        (None, "is bound to no tenant of Delivr: ask the platform team to set its annotation"),
        ("kp3xq7_m-z", "is not the tenant that namespace"),
    ],
    ids=["unbound", "case twin"],
)
def test_the_policy_refuses_other_tenants(
    cluster: ClusterAccess, policy: dict[str, str], tenant: str | None, says: str
) -> None:
    namespace = new_namespace(cluster, tenant=tenant, labels=policy)
    said = refusal(cluster, "create", "-f", "-", stdin=moved([example("github")], namespace))
    assert says in said
    assert namespace in said
    assert "release.delivr.live/tenant-id" in said


def test_the_policy_leaves_life_to_go_on_when_the_binding_is_lost(
    cluster: ClusterAccess, policy: dict[str, str]
) -> None:
    namespace = new_namespace(cluster, labels=policy)
    cluster.kubectl("create", "-f", "-", stdin=moved([example("github")], namespace))
    here = ("--namespace", namespace)
    cluster.kubectl("annotate", "namespace", namespace, "release.delivr.live/tenant-id-")
    setup = (*here, "patch", "releasesetup", "mobile-app", "--type=merge")
    change = (*setup, "--dry-run=server", '--patch={"spec":{"suspend":true}}')
    said = eventually(lambda: refusal_or_nothing(cluster, *change), "the policy sees the lost annotation")
    assert "is bound to no tenant" in said
    cluster.kubectl(*setup, '--patch={"metadata":{"finalizers":["release.delivr.live/rows"]}}')
    cluster.kubectl(*here, "annotate", "releasesetup", "mobile-app", "release.delivr.live/requestedAt=now")
    cluster.kubectl(*setup, "--subresource=status", '--patch={"status":{"message":"Not bound."}}')
    cluster.kubectl(*here, "delete", "releasesetup", "mobile-app", "--wait=false")
    cluster.kubectl(*setup, '--patch={"metadata":{"finalizers":null}}')
    assert cluster.kubectl(*here, "get", "releasesetups", "--output=name") == ""
