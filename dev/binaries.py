"""The control plane's programs, found on the machine or built from their Go modules into the cache."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dev.cache import cache_directory, fingerprint, made_once
from dev.go_toolchain import MODULE, go_command, version_numbers
from dev.process import StartError
from dev.progress import step

KUBERNETES_VERSION = "v1.36.3"
OLDEST_KUBECTL = (1, 31)
OLDEST_API_SERVER = (1, 32)  # the first with selectable fields of custom resources for good
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
    found = {name: _found(name) for name in ("etcd", "kube-apiserver", "kube-controller-manager")}
    apiserver = found["kube-apiserver"]
    if apiserver is None or server_version(apiserver) < OLDEST_API_SERVER:
        apiserver = _built("kube-apiserver")
    manager = None
    if controller_manager:
        manager = found["kube-controller-manager"] or _built("kube-controller-manager")
    return Binaries(found["etcd"] or _built("etcd"), apiserver, kubectl(), manager)


def kubectl() -> Path:
    """A kubectl that is new enough for the API server."""
    found = _found("kubectl")
    return found if found and client_version(found) >= OLDEST_KUBECTL else _built("kubectl")


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


def server_version(program: Path) -> tuple[int, ...]:
    """The version that a Kubernetes server reports of itself, empty when it cannot run."""
    try:
        answer = subprocess.run(
            [str(program), "--version"], check=False, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return version_numbers(answer.stdout)


def _found(name: str) -> Path | None:
    for directory in (os.environ.get("KUBEBUILDER_ASSETS"), None):
        found = shutil.which(name, path=directory)
        if found:
            return Path(found)
    return None


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
        build(folder / name, MODULE, PACKAGES[name], _version_stamp())


def build(program: Path, module: Path, package: str = ".", link_flags: str = "") -> None:
    """The program stands at its path, made of a package of a Go module.

    Raises:
        StartError: it could not be built; the message holds the end of what Go said.
    """
    answer = subprocess.run(
        [
            *(str(go_command()), "build", "-trimpath", f"-ldflags=-s -w {link_flags}".rstrip()),
            *("-o", str(program), package),
        ],
        cwd=module,
        env=build_environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    if answer.returncode != 0:
        raise StartError(f"{program.name} could not be built:\n{answer.stderr[-3000:]}")


def _version_stamp() -> str:
    major, minor, _ = version_numbers(KUBERNETES_VERSION)
    values = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())


def build_environment() -> dict[str, str]:
    """The environment in which Go takes and builds modules here."""
    # -mod=readonly: go.sum is committed and complete, so a module whose content changed fails the build.
    # Go's own caches go below ours, writable: gigabytes, all gone with the one folder that is documented.
    go = cache_directory() / "go"
    fixed = {
        "GOFLAGS": "-mod=readonly -buildvcs=false -modcacherw",
        "GOCACHE": str(go / "build"),
        "GOMODCACHE": str(go / "modules"),
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "GOWORK": "off",
    }
    return {**os.environ, **fixed}
