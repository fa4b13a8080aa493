"""A Go toolchain that is new enough, the machine's own or one installed into the cache."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from dev.wheels import installed_wheel

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
    return installed_wheel(PINNED, "Go", ("go/bin", "go/pkg/tool")) / "go" / "bin" / "go"


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
