"""Prometheus and promtool: the machine's own where they are on PATH, else the distribution's package."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from dev.packages import unpacked


@dataclass(frozen=True)
class Prometheus:
    """Programs that run on this machine."""

    server: Path
    promtool: Path


def prometheus() -> Prometheus:
    """Both programs exist; they need no library but the C library that every machine has."""
    found = [shutil.which(name) for name in ("prometheus", "promtool")]
    if found[0] and found[1]:
        return Prometheus(Path(found[0]), Path(found[1]))
    programs = unpacked(("prometheus",), with_libraries=False).root / "usr" / "bin"
    return Prometheus(programs / "prometheus", programs / "promtool")
