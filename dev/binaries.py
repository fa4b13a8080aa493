"""The control plane's programs, found on the machine or built from their Go modules into the cache."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dev.cache import fingerprint, made_once
from dev.go_toolchain import MODULE, go_command, version_numbers
from dev.process import StartError
from dev.progress import step

KUBERNETES_VERSION = "v1.36.3"
OLDEST_KUBECTL = (1, 31)
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}


@dataclass(frozen=True)
class Binaries:
    """Paths of programs that run on this machine."""

    etcd: Path
    kube_apiserver: Path
    kubectl: Path
    kube_controller_manager: Path | None = None


def binaries(controller_manager: bool = False) -> Binaries:
    """Every program that a control plane needs exists."""
    etcd, apiserver = _etcd_and_apiserver()
    manager = _found_or_built("kube-controller-manager") if controller_manager else None
    return Binaries(etcd, apiserver, kubectl(), manager)


def kubectl() -> Path:
    """A kubectl that is new enough for the API server."""
    for directory in (os.environ.get("KUBEBUILDER_ASSETS"), None):
        found = shutil.which("kubectl", path=directory)
        if found and client_version(Path(found)) >= OLDEST_KUBECTL:
            return Path(found)
    return _built("kubectl")


def client_version(program: Path) -> tuple[int, ...]:
    """The version that a kubectl reports of itself, empty when it cannot run."""
    try:
        answer = subprocess.run(
            [str(program), "version", "--client", "-o", "json"],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return version_numbers(str(json.loads(answer.stdout)["clientVersion"]["gitVersion"]))
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        return ()


def _etcd_and_apiserver() -> tuple[Path, Path]:
    return _found_or_built("etcd"), _found_or_built("kube-apiserver")


def _found_or_built(name: str) -> Path:
    for directory in (os.environ.get("KUBEBUILDER_ASSETS"), None):
        found = shutil.which(name, path=directory)
        if found:
            return Path(found)
    return _built(name)


def _built(name: str) -> Path:
    key = fingerprint(
        KUBERNETES_VERSION,
        (MODULE / "go.mod").read_bytes(),
        (MODULE / "go.sum").read_bytes(),
        platform.system(),
        platform.machine(),
        "trimmed",
    )
    return made_once(f"bin/{key}/{name}", lambda folder: _build(name, folder)) / name


def _build(name: str, folder: Path) -> None:
    with step(f"building {name} (once; minutes for a Kubernetes program)"):
        answer = subprocess.run(
            [
                *(str(go_command()), "build", "-trimpath", f"-ldflags=-s -w {_version_stamp()}"),
                *("-o", str(folder / name), PACKAGES[name]),
            ],
            cwd=MODULE,
            env=_build_environment(),
            check=False,
            capture_output=True,
            text=True,
        )
    if answer.returncode != 0:
        raise StartError(f"{name} could not be built:\n{answer.stderr[-3000:]}")


def _version_stamp() -> str:
    major, minor, _ = version_numbers(KUBERNETES_VERSION)
    values = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())


def _build_environment() -> dict[str, str]:
    # -mod=readonly: go.sum is committed and complete, so a module whose content changed fails the build.
    fixed = {
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "GOWORK": "off",
    }
    return {**os.environ, **fixed}
