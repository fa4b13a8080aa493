"""The commands that the documentation shows, to be run as they stand there."""

import re
import shlex
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def commands(page: str) -> list[list[str]]:
    """Return the arguments of every `delivr-operator` command in the shell blocks of a page."""
    text = (DOCS / page).read_text()
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [
        shlex.split(line.removeprefix("delivr-operator "))
        for line in lines
        if line.startswith("delivr-operator ")
    ]
