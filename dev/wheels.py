"""Programs that are to be had as Python wheels, pinned by hash and installed into the cache."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dev.cache import fingerprint, made_once
from dev.process import StartError
from dev.progress import step


def installed_wheel(pinned: Path, what: str, programs: tuple[str, ...]) -> Path:
    """The folder that holds what the requirements file names, those folders' files executable."""
    name = f"toolchain/{fingerprint(pinned.read_bytes())}"
    return made_once(name, lambda folder: _install(pinned, what, programs, folder))


def _install(pinned: Path, what: str, programs: tuple[str, ...], target: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        raise StartError(f"no {what} on PATH, and no {uv} to install it with: install {what}")
    with step(f"installing {what}"):
        answer = subprocess.run(
            [
                *(str(uv), "pip", "install", "--quiet", "--python", sys.executable, "--require-hashes"),
                *("--no-deps", "--only-binary", ":all:", "--target", str(target), "-r", str(pinned)),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
    if answer.returncode != 0:
        raise StartError(f"{what} could not be installed:\n{answer.stderr[-2000:]}")
    # Installers differ in whether a wheel's mode bits survive.
    for folder in programs:
        for program in (target / folder).rglob("*"):
            if program.is_file():
                program.chmod(0o755)
