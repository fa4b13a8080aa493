from pathlib import Path

import pytest

from dev import binaries as module
from dev.binaries import binaries, client_version, kubectl, server_version

KUBECTL = """#!/bin/sh
echo '{"clientVersion": {"gitVersion": "%s"}}'
"""
SERVER = """#!/bin/sh
echo 'Kubernetes %s'
"""


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "assets"
    folder.mkdir()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(folder))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(module, "_built", lambda name: Path("/built") / name)
    return folder


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(script)
    path.chmod(0o755)
    return path


def test_what_is_there_is_used(assets: Path) -> None:
    etcd = program(assets, "etcd", "#!/bin/sh\n")
    apiserver = program(assets, "kube-apiserver", SERVER % "v1.36.3")
    own = program(assets, "kubectl", KUBECTL % "v1.36.3")
    found = binaries()
    assert (found.etcd, found.kube_apiserver, found.kubectl) == (etcd, apiserver, own)
    assert found.kube_controller_manager is None


def test_what_is_too_old_is_built(assets: Path) -> None:
    program(assets, "kube-apiserver", SERVER % "v1.29.0")
    program(assets, "kubectl", KUBECTL % "v1.27.4")
    assert binaries().kube_apiserver == Path("/built/kube-apiserver")
    assert kubectl() == Path("/built/kubectl")


def test_a_controller_manager_comes_only_on_demand(assets: Path) -> None:
    assert binaries(controller_manager=True).kube_controller_manager == Path("/built/kube-controller-manager")


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho nonsense\n", "#!/nowhere\n"])
def test_a_program_that_does_not_work_has_no_version(assets: Path, script: str) -> None:
    broken = program(assets, "broken", script)
    assert client_version(broken) == ()
    assert server_version(broken) == ()
