"""Reading manifests: both forms of Secret data, lists, namespaces, and errors that name the place."""

from pathlib import Path

import pytest

from delivr_operator.manifest import ManifestError, read_manifests
from delivr_operator.resource import InvalidSpec, Spec

SETUP = """
apiVersion: release.delivr.live/v1
kind: ReleaseSetup
metadata: {name: app, namespace: falcon}
spec: {tenantId: Kp3xQ7_m-Z, owner: owner@example.test}
"""
SECRET = """
apiVersion: v1
kind: Secret
metadata:
  name: github
  namespace: falcon
  annotations: {release.delivr.live/allowed-hosts: "Jenkins.acme.test, ci.acme.test:8443"}
data: {a: Y2FuYXJ5}
stringData: {b: plain}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "given.yaml"
    path.write_text(text)
    return path


def test_setups_and_secrets_are_read_and_other_kinds_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path, f"{SETUP}---\n{SECRET}---\nkind: Namespace\nmetadata: {{name: falcon}}\n---\n")
    found = read_manifests([path])
    assert [(setup.namespace, setup.name) for setup in found.setups] == [("falcon", "app")]
    assert isinstance(found.setups[0].spec, Spec)
    secret = found.secrets["falcon", "github"]
    assert {key: value.get_secret_value() for key, value in secret.data.items()} == {
        "a": b"canary",
        "b": b"plain",
    }
    assert secret.allowed_hosts == {"jenkins.acme.test", "ci.acme.test:8443"}
    assert "canary" not in repr(found)


def test_a_list_is_its_items(tmp_path: Path) -> None:
    indented = SETUP.strip().replace("\n", "\n  ")
    path = written(tmp_path, f"kind: List\nitems:\n- {indented}\n")
    assert [setup.name for setup in read_manifests([path]).setups] == ["app"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "is no valid YAML"),
        ("just words", "no Kubernetes object"),
        (SECRET.replace("Y2FuYXJ5", "'%canary'"), "Secret falcon/github, key a: is no base64"),
    ],
)
def test_an_unreadable_file_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ManifestError) as caught:
        read_manifests([path])
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        read_manifests([tmp_path / "nowhere.yaml"])


def test_an_invalid_spec_is_kept_with_its_problems(tmp_path: Path) -> None:
    path = written(tmp_path, SETUP.replace("owner: owner@example.test", "targets: [APP_STORE], interval: 5s"))
    spec = read_manifests([path]).setups[0].spec
    assert isinstance(spec, InvalidSpec)
    assert any(problem.startswith("spec.owner:") for problem in spec.problems)
    assert any(problem.startswith("spec.interval:") for problem in spec.problems)


def test_a_target_needs_its_platform(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        SETUP.replace("}", ", targets: [APP_STORE]}", 2).replace("falcon, targets: [APP_STORE]", "falcon"),
    )
    spec = read_manifests([path]).setups[0].spec
    assert isinstance(spec, InvalidSpec)
    assert spec.problems == ("spec: target APP_STORE needs platform IOS: add it to platforms",)
