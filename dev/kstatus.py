"""kstatus, by which Flux and Helm wait: a small Go program around it, built into the cache."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dev.binaries import build
from dev.cache import fingerprint, made_once
from dev.go_toolchain import MODULE
from dev.progress import step

SOURCE = MODULE / "kstatus"
FILES = ("main.go", "go.mod", "go.sum")


def kstatus(objects: Sequence[Any]) -> list[tuple[str, str]]:
    """What kstatus says of each object: its status, such as `Current`, and its message."""
    answer = subprocess.run(
        [str(_program())], input=json.dumps(objects), capture_output=True, text=True, check=True, timeout=60
    )
    return [(each["status"], each["message"]) for each in json.loads(answer.stdout)]


def _program() -> Path:
    key = fingerprint(
        *((SOURCE / name).read_bytes() for name in FILES), platform.system(), platform.machine()
    )
    return made_once(f"bin/{key}/kstatus", _build) / "kstatus"


def _build(folder: Path) -> None:
    with step("building kstatus (once; a minute)"):
        build(folder / "kstatus", SOURCE)
