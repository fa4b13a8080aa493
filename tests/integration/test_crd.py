"""The CRD on a real API server: what it takes, what it refuses and with which words, what it shows."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejection, VerificationStatus
from delivr_operator.providers import PROVIDERS
from delivr_operator.providers.declaration import Declaration, InvalidMember, declarations
from delivr_operator.reasons import Reason
from delivr_operator.resource import Frozen, InvalidSpec, Spec, Steps, parse_spec
from delivr_operator.status import Condition, Entry, Status
from dev.access import ClusterAccess
from tests.data.bad_resources import REACHES_STATUS, REFUSED, Bad
from tests.integration.declared import EXAMPLES, ROOT, documents, example, moved, new_namespace
from tests.integration.tenancy import eventually

CRD = ROOT / "crds" / "releasesetups.release.delivr.live.yaml"
REFERENCE = ROOT / "docs" / "reference" / "resource.md"
FILES = sorted(EXAMPLES.glob("*.yaml"))
SETUPS = [path.stem for path in FILES if path.stem != "namespace"]
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
Json = dict[str, Any]


def schema() -> Json:
    found: Json = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def fields(place: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Yield every field below a schema by its path."""
    for name, field in place.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
    if isinstance(place.get("items"), dict):
        yield f"{path}[]", place["items"]
        yield from fields(place["items"], f"{path}[]")


@pytest.fixture(scope="session")
def namespace(installed: ClusterAccess) -> str:
    """A namespace that tests of dry runs share."""
    return new_namespace(installed)


@pytest.fixture
def own_namespace(installed: ClusterAccess) -> str:
    return new_namespace(installed)


def refusal(access: ClusterAccess, *arguments: str, stdin: str | None = None) -> str:
    """Return what the API server said when it refused."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        access.kubectl(*arguments, stdin=stdin)
    return str(caught.value.stderr)


def dry_run(access: ClusterAccess, text: str) -> str:
    return access.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)


# What people read


def test_every_field_is_explained() -> None:
    unexplained = [
        path
        for path, field in fields(schema())
        if not path.endswith("[]") and path != ".metadata" and len(field.get("description", "")) < 20
    ]
    assert not unexplained


@pytest.mark.parametrize(
    "path",
    [
        "spec.github.secretRef.keys",
        "spec.codeSigning.ios.teamId",
        "spec.interval",
        "status.conditions.reason",
    ],
)
def test_kubectl_explains_fields(installed: ClusterAccess, path: str) -> None:
    field = f"releasesetups.release.delivr.live.{path}"

    def explained() -> str:  # the API server publishes its schema a moment after the definition stands
        try:
            return installed.kubectl("explain", field)
        except subprocess.CalledProcessError:
            return ""

    described = eventually(explained, f"{field} is explained")
    assert "DESCRIPTION:" in described
    assert "<empty>" not in described


def test_every_rule_says_what_to_do() -> None:
    rules = [rule for _, field in fields(schema()) for rule in field.get("x-kubernetes-validations", ())]
    assert len(rules) > 30
    assert [rule["rule"] for rule in rules if len(rule.get("message", "")) < 20] == []


def test_every_list_and_text_of_the_spec_is_bounded() -> None:
    unbounded = [
        path
        for path, field in fields(schema()["properties"]["spec"], "spec")
        if (field["type"] == "array" and "maxItems" not in field)
        or (field["type"] == "string" and not {"maxLength", "enum"} & field.keys())
        or ("additionalProperties" in field and "maxProperties" not in field)
    ]
    assert not unbounded


def test_nothing_inside_a_list_is_defaulted() -> None:
    assert not [path for path, field in fields(schema()) if "[]" in path and "default" in field]


# What the operator and the definition have to agree on


def test_the_spec_has_the_fields_that_the_operator_reads() -> None:
    declared = schema()["properties"]["spec"]["properties"]
    own = {str(field.alias) for field in Spec.model_fields.values()}
    assert declared.keys() == own | {provider.member for provider in PROVIDERS}


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.member)
def test_members_have_the_fields_that_their_provider_reads(provider: Any) -> None:
    declared = schema()["properties"]["spec"]["properties"][provider.member]["properties"]
    assert declared.keys() == {*provider.config_fields, "secretRef"}
    names = provider.secret_keys
    keys = declared["secretRef"]["properties"]["keys"]
    assert keys["maxProperties"] == len(names)
    listed = ", ".join(f"'{name}'" for name in names)
    assert f"field in [{listed}]" in keys["x-kubernetes-validations"][0]["rule"]
    assert all(name in keys["description"] for name in names)


def test_every_secret_ref_is_declared_alike() -> None:
    references = [field for path, field in fields(schema()) if path.endswith(".secretRef")]
    assert len(references) == len(PROVIDERS)
    assert all(each["properties"]["name"] == references[0]["properties"]["name"] for each in references)


def test_the_status_has_the_fields_that_the_operator_writes() -> None:
    declared = schema()["properties"]["status"]["properties"]
    places: dict[type[Frozen], Json] = {
        Status: declared,
        Steps: declared["steps"]["properties"],
        Entry: declared["integrations"]["items"]["properties"],
        Condition: declared["conditions"]["items"]["properties"],
    }
    for model, properties in places.items():
        assert properties.keys() == {str(field.alias) for field in model.model_fields.values()}
    entry = places[Entry]
    assert entry["type"]["enum"] == list(IntegrationType)
    assert entry["verificationStatus"]["enum"] == list(VerificationStatus)


def full_status(reason: str, caveats: tuple[Caveat, ...] = ()) -> Status:
    """Return a status with a value in every field."""
    return Status(
        observed_generation=1,
        committed_generation=1,
        setup_complete=True,
        completed_at=NOON,
        message="One sentence.",
        steps=Steps(github_connected=True),
        integrations=(
            Entry(
                type=IntegrationType.GITHUB,
                verification_status=VerificationStatus.VALID,
                reason=reason,
                message="One sentence.",
                last_verified_at=NOON,
                expires_at=NOON,
                secret_version="1",
                fingerprint="f",
                refused_at=NOON,
                retry_at=NOON,
                failures=1,
                caveats=caveats or None,
            ),
        ),
        conditions=tuple(
            Condition(
                type=kind,
                status="True",
                reason=reason,
                message="One sentence.",
                observed_generation=1,
                last_transition_time=NOON,
            )
            for kind in ("Ready", "GitHubConnected", "PlatformCredentialsConfigured", "CICDConfigured")
        ),
        last_verified_at=NOON,
        next_expiry_at=NOON,
        last_handled_reconcile_at="now",
    )


def patch_status(access: ClusterAccess, namespace: str, status: Status) -> Json:
    """Write the whole status as the operator does; return it as stored."""
    patch = json.dumps([{"op": "add", "path": "/status", "value": status.as_json()}])
    where = ("--namespace", namespace, "releasesetup", "mobile-app")
    stored = access.kubectl(
        "patch", *where, "--subresource=status", "--type=json", f"--patch={patch}", "--output=json"
    )
    found: Json = json.loads(stored)["status"]
    return found


def test_a_status_with_every_field_is_stored_whole(installed: ClusterAccess, own_namespace: str) -> None:
    installed.kubectl("create", "-f", "-", stdin=moved([example("complete")], own_namespace))
    for reason in (*Reason, *Rejection, *Doubt):
        status = full_status(reason.value, tuple(Caveat))
        assert patch_status(installed, own_namespace, status) == status.as_json()


def test_every_field_of_the_spec_is_documented() -> None:
    text = REFERENCE.read_text()
    names = {path.removesuffix("[]").rpartition(".")[2] for path, _ in fields(schema()["properties"]["spec"])}
    assert not [name for name in names if f"`{name}`" not in text]


# What it takes


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_example_passes_strict_validation(installed: ClusterAccess, namespace: str, path: Path) -> None:
    objects = documents(path)
    if path.stem != "namespace":
        assert {each["metadata"]["namespace"] for each in objects} == {"falcon"}
        dry_run(installed, moved(objects, namespace))
    else:
        dry_run(installed, yaml.safe_dump_all(objects).replace("falcon", f"{namespace}-b"))


@pytest.mark.parametrize("name", SETUPS)
def test_every_example_is_whole_and_read_by_the_operator(name: str) -> None:
    secrets = {
        each["metadata"]["name"]: each
        for each in documents(EXAMPLES / f"{name}.yaml")
        if each["kind"] == "Secret"
    }
    spec = parse_spec(example(name)["spec"])
    assert isinstance(spec, Spec)
    declared = declarations(spec)
    used = set()
    for each in declared:
        assert isinstance(each, Declaration)
        used.add(each.secret_ref.name)
        provider = each.provider
        names = {each.secret_ref.keys.get(field, field) for field in provider.secret_fields}
        bundle = {provider.bundle.name} if provider.bundle else names
        given = secrets[each.secret_ref.name]["stringData"].keys() - {*provider.optional}
        assert given in (names, bundle)
    assert used == secrets.keys()


def test_there_is_an_example_for_every_type() -> None:
    shown = {member for name in SETUPS if name != "complete" for member in example(name)["spec"]}
    assert {provider.member for provider in PROVIDERS} <= shown


@pytest.mark.parametrize("name", SETUPS)
def test_applying_twice_leaves_no_drift(installed: ClusterAccess, own_namespace: str, name: str) -> None:
    text = moved([example(name)], own_namespace)
    for _ in range(2):
        installed.kubectl("apply", "--server-side", "-f", "-", stdin=text)
    for mode in (("--server-side",), ()):
        assert installed.kubectl("diff", *mode, "-f", "-", stdin=text) == ""
    where = ("--namespace", own_namespace, "releasesetup", "mobile-app")
    assert installed.kubectl("get", *where, "--output=jsonpath={.metadata.generation}") == "1"


def test_applying_from_the_client_leaves_no_drift(installed: ClusterAccess, own_namespace: str) -> None:
    text = moved([example("complete")], own_namespace)
    for _ in range(2):
        installed.kubectl("apply", "-f", "-", stdin=text)
    assert installed.kubectl("diff", "-f", "-", stdin=text) == ""


def test_a_diff_shows_a_change(installed: ClusterAccess, own_namespace: str) -> None:
    setup = example("complete")
    installed.kubectl("apply", "--server-side", "-f", "-", stdin=moved([setup], own_namespace))
    setup["spec"]["slack"]["channels"] = ["elsewhere"]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        installed.kubectl("diff", "--server-side", "-f", "-", stdin=moved([setup], own_namespace))
    assert caught.value.returncode == 1
    assert "elsewhere" in caught.value.stdout


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("targets", []),
        ("owner", "own_7Qx2-"),
        ("tenantId", "3f0c5a52-8d0e-4c1b-9a5e-6f7f1f0c2b11"),
        ("tenantId", "-_"),
        ("interval", "1m"),
        ("interval", "24h"),
        ("interval", "1h30m15s"),
        ("platforms", ["WEB", "ANDROID", "IOS"]),
        ("github.organization", "acme_corp-1"),
        ("github.repoName", ".github"),
        ("github.secretRef.keys", {"accessToken": "Token_1.txt"}),
        ("appStoreConnect.bundleId", "com.acme-corp.App2"),
        ("playStore.packageName", "com.acme.App_2"),
        ("codeSigning", {"android": {"keyAlias": "Upload key 1"}, "secretRef": {"name": "signing"}}),
        ("slack.channels", ["C024BE91L", "発売", "a_b-c"]),
        ("slack.notifyOnEvents", []),
        ("githubActions.workflows.0.target", None),
    ],
)
def test_it_takes_what_is_unusual_but_right(
    installed: ClusterAccess, namespace: str, path: str, value: Any
) -> None:
    setup = Bad(path, {f"spec.{path}": value}, "", "").made_from(example("complete"))
    if value is None:
        del setup["spec"]["githubActions"]["workflows"][0]["target"]
    dry_run(installed, moved([setup], namespace))
    spec = parse_spec(setup["spec"])
    assert isinstance(spec, Spec)
    assert all(isinstance(each, Declaration) for each in declarations(spec))


@pytest.mark.parametrize(
    "url",
    [
        "https://jenkins",
        "https://JENKINS.acme.example:8443/ci/",
        "https://10.0.0.1/jenkins",
        "https://[2001:db8::1]:8443",
        "https://ci.acme.example/a.b/..c/~me",
    ],
)
def test_it_takes_every_plain_address(installed: ClusterAccess, namespace: str, url: str) -> None:
    setup = example("jenkins")
    setup["spec"]["jenkins"]["url"] = url
    dry_run(installed, moved([setup], namespace))
    spec = parse_spec(setup["spec"])
    assert isinstance(spec, Spec)
    assert all(isinstance(each, Declaration) for each in declarations(spec))


def test_a_setup_may_begin_with_nothing(installed: ClusterAccess, namespace: str) -> None:
    setup = example("complete")
    setup["spec"] = {key: setup["spec"][key] for key in ("tenantId", "owner")}
    dry_run(installed, moved([setup], namespace))


def test_the_longest_lists_fit(installed: ClusterAccess, namespace: str) -> None:
    setup = example("complete")
    one = setup["spec"]["githubActions"]["workflows"][0]
    setup["spec"]["githubActions"]["workflows"] = [{**one, "name": f"{n:x>255}"} for n in range(50)]
    setup["spec"]["slack"]["channels"] = [f"{n:x>80}" for n in range(100)]
    dry_run(installed, moved([setup], namespace))


# What it refuses


def test_the_table_of_bad_resources_has_no_doubles() -> None:
    names = [bad.name for bad in (*REFUSED, *REACHES_STATUS)]
    assert len(names) == len(set(names))
    assert len(REFUSED) >= 45


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.name)
def test_it_refuses_and_says_what_to_do(installed: ClusterAccess, namespace: str, bad: Bad) -> None:
    text = moved([bad.made_from(example("complete"))], namespace)
    said = refusal(installed, "create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
    assert bad.says in said
    assert bad.at in said


@pytest.mark.parametrize("bad", REACHES_STATUS, ids=lambda bad: bad.name)
def test_what_it_cannot_know_the_operator_refuses(installed: ClusterAccess, namespace: str, bad: Bad) -> None:
    setup = bad.made_from(example("complete"))
    dry_run(installed, moved([setup], namespace))
    spec = parse_spec(setup["spec"])
    assert not isinstance(spec, InvalidSpec)
    (wrong,) = (each for each in declarations(spec) if isinstance(each, InvalidMember))
    assert [problem for problem in wrong.problems if bad.at in problem and bad.says in problem]


def test_the_tenant_cannot_be_changed(installed: ClusterAccess, own_namespace: str) -> None:
    setup = example("complete")
    installed.kubectl("apply", "--server-side", "-f", "-", stdin=moved([setup], own_namespace))
    setup["spec"]["tenantId"] = "kp3xq7_m-z"
    said = refusal(installed, "apply", "--server-side", "-f", "-", stdin=moved([setup], own_namespace))
    assert "spec.tenantId" in said
    assert "cannot be changed; create another ReleaseSetup for the other tenant" in said


def test_a_wrong_status_is_refused(installed: ClusterAccess, own_namespace: str) -> None:
    installed.kubectl("create", "-f", "-", stdin=moved([example("github")], own_namespace))
    where = (
        "--namespace",
        own_namespace,
        "releasesetup",
        "mobile-app",
        "--subresource=status",
        "--type=merge",
    )
    for wrong in (
        {"integrations": [{"type": "SVN"}]},
        {"integrations": [{"type": "SLACK", "reason": "two words"}]},
        {"integrations": [{"type": "SLACK"}, {"type": "SLACK"}]},
        {"lastVerifiedAt": "yesterday"},
    ):
        patch = json.dumps({"status": wrong})
        said = refusal(installed, "patch", *where, "--patch", patch)
        assert f"status.{next(iter(wrong))}" in said


# What it shows


def shown(access: ClusterAccess, namespace: str, *options: str) -> tuple[list[str], str]:
    """Return the heads of the table's columns, and its one line."""
    head, line = access.kubectl("--namespace", namespace, "get", "rset", *options).splitlines()
    return re.split(r" {3,}", head.rstrip()), line


def test_a_new_resource_says_that_nobody_has_looked(installed: ClusterAccess, own_namespace: str) -> None:
    text = moved([example("github")], own_namespace)
    created = json.loads(installed.kubectl("create", "-f", "-", "--output=json", stdin=text))
    assert created["status"] == {"observedGeneration": -1}


def test_the_table_shows_the_state(installed: ClusterAccess, own_namespace: str) -> None:
    installed.kubectl("create", "-f", "-", stdin=moved([example("github")], own_namespace))
    patch_status(installed, own_namespace, full_status("Verified"))
    heads, line = shown(installed, own_namespace)
    assert heads == ["NAME", "READY", "COMPLETE", "GITHUB", "STORES", "CICD", "SLACK", "REASON", "AGE"]
    assert line.split()[:7] == ["mobile-app", "True", "true", "True", "True", "True", "Verified"]
    wide, line = shown(installed, own_namespace, "--output=wide")
    assert wide == [*heads, "MESSAGE", "LAST VERIFIED", "NEXT EXPIRY"]
    assert "One sentence." in line
    assert line.rstrip().endswith("2026-01-02T12:00:00Z")
    assert "<invalid>" not in line


def test_it_is_found_by_tenant_and_by_category(installed: ClusterAccess, own_namespace: str) -> None:
    installed.kubectl("create", "-f", "-", stdin=moved([example("github")], own_namespace))
    ask = ("--namespace", own_namespace, "get", "releasesetups", "--output=name")
    found = installed.kubectl(*ask, "--field-selector=spec.tenantId=Kp3xQ7_m-Z")
    assert found.strip() == "releasesetup.release.delivr.live/mobile-app"
    assert installed.kubectl(*ask, "--field-selector=spec.tenantId=kp3xq7_m-z") == ""
    assert "mobile-app" in installed.kubectl("--namespace", own_namespace, "get", "delivr")
