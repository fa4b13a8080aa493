"""Every folder that people apply is applied in earnest, to an API server of its own, and nothing is left."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.access import ClusterAccess
from dev.control_plane import ControlPlane
from dev.prometheus_operator import definitions
from tests.integration.declared import ROOT

MANIFESTS = ROOT / "manifests"
FOLDERS = sorted(
    path.parent.relative_to(MANIFESTS)
    for path in MANIFESTS.rglob("kustomization.yaml")
    if yaml.safe_load(path.read_text())["kind"] == "Kustomization"
)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterAccess]:
    """A cluster that nobody else looks at: what is applied here would change what other tests may do."""
    with ControlPlane(tmp_path_factory.mktemp("plane"), dies_with_parent=True) as access:
        access.kubectl("apply", "--server-side", *(f"--filename={path}" for path in definitions()))
        for definition in access.kubectl("get", "crd", "--output=name").split():
            access.await_established(definition.partition("/")[2])
        # Namespaces that an overlay takes for granted: its own tenants', and the operator's.
        for namespace in (MANIFESTS / "base" / "namespace.yaml", ROOT / "examples" / "namespace.yaml"):
            access.kubectl("apply", "--server-side", "-f", str(namespace))
        yield access


def run(access: ClusterAccess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [access.kubectl_program, "--kubeconfig", access.kubeconfig, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_folders_are_those_that_are_documented() -> None:
    named = (ROOT / "docs" / "install.md").read_text()
    for folder in FOLDERS:
        if folder.parts[0] == "overlays" or folder == Path("monitoring"):
            assert f"manifests/{folder}" in named


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
@pytest.mark.parametrize("how", [(), ("--server-side", "--force-conflicts")], ids=["client", "server"])
def test_what_was_applied_leaves_nothing_to_apply(
    plane: ClusterAccess, folder: Path, how: tuple[str, ...]
) -> None:
    path = str(MANIFESTS / folder)
    applied = run(plane, "apply", *how, "--validate=strict", "-k", path)
    assert applied.returncode == 0, applied.stderr
    again = run(plane, "diff", *how, "-k", path)
    assert (again.returncode, again.stdout) == (0, ""), again.stdout + again.stderr


def test_monitoring_selects_what_the_overlays_install(plane: ClusterAccess) -> None:
    def rendered(folder: str, kind: str) -> dict[str, Any]:
        text = plane.kubectl("kustomize", str(MANIFESTS / folder))
        (found,) = (one for one in yaml.safe_load_all(text) if one["kind"] == kind)
        return dict(found)

    deployment = rendered("overlays/cluster-wide", "Deployment")
    service, monitor = rendered("monitoring", "Service"), rendered("monitoring", "ServiceMonitor")
    pod = deployment["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    (port,) = service["spec"]["ports"]
    assert port["targetPort"] in [one["name"] for one in pod["spec"]["containers"][0]["ports"]]
    labels = service["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert monitor["spec"]["endpoints"][0]["port"] == port["name"]
    assert service["metadata"]["namespace"] == deployment["metadata"]["namespace"]
