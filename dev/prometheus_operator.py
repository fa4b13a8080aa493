"""The Prometheus Operator's own CRDs, taken from its Go module: manifests for it are held to them."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from dev.binaries import build_environment
from dev.go_toolchain import go_command
from dev.process import StartError

MODULE = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
SUM = "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s="
KINDS = ("prometheusrules", "servicemonitors")


def definitions() -> tuple[Path, ...]:
    """The files of the CRDs that our manifests use; the module's content is the one that is pinned."""
    with tempfile.TemporaryDirectory() as nowhere:
        answer = subprocess.run(
            [str(go_command()), "mod", "download", "-json", MODULE],
            cwd=nowhere,
            env={**build_environment(), "GOFLAGS": "-modcacherw"},
            check=False,
            capture_output=True,
            text=True,
        )
    if answer.returncode != 0:
        raise StartError(f"{MODULE} could not be had:\n{answer.stdout[-1000:]}{answer.stderr[-1000:]}")
    found = json.loads(answer.stdout)
    if found["Sum"] != SUM:
        raise StartError(f"{MODULE} is not what it was: {found['Sum']}")
    folder = Path(found["Dir"]) / "example" / "prometheus-operator-crd"
    return tuple(folder / f"monitoring.coreos.com_{kind}.yaml" for kind in KINDS)
