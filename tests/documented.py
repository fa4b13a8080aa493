"""The commands that the documentation tells people to run, and the few that are not run by the tests."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "dev").rglob("*.md")]
)
_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_COMMANDS = {"sh", "console"}
TEXT = {"", "yaml", "json", "text", "mermaid"}
"""What is shown and not run."""

_EXPORT = "delivr-operator export --tenant Kp3xQ7_m-Z --namespace falcon"
UNRUN = {
    "make demo ": "starts a cluster of its own for half a minute and runs these very tests again",
    "export STORAGE_DRIVER=vfs": "builds an image as root: tests/integration/test_image.py does, where asked",
    "export DATABASE_URL=... OLD=<": "has words to fill in: test_rotation.py runs its command",
    "delivr-operator rotate-key --from-env OLD": "goes on from that one: tests/integration/test_rotation.py",
    f"{_EXPORT} --sealed": "needs rows made by hand: test_export.py runs it",
    f"{_EXPORT} |": "needs rows made by hand: test_export.py runs it",
    f"{_EXPORT} >": "needs rows made by hand, and sops, which is not here",
    "export BACKEND_STORAGE_ENCRYPTION_KEY=<": "has words to fill in: test_rotation.py runs its command",
}
"""How the first line of a block begins, and why the block is run by no test."""


@dataclass(frozen=True)
class Block:
    """One block of a page."""

    page: str
    language: str
    text: str

    @property
    def is_commands(self) -> bool:
        return self.language in _COMMANDS

    @property
    def script(self) -> str:
        """The commands alone: in a console's picture those are the lines that begin with `$ `."""
        if self.language == "sh":
            return self.text
        return "".join(f"{line[2:]}\n" for line in self.text.splitlines() if line.startswith("$ "))

    @property
    def unrun(self) -> str | None:
        """Why no test runs it."""
        return next((why for beginning, why in UNRUN.items() if self.text.startswith(beginning)), None)


def blocks(page: str) -> Iterator[Block]:
    """Every fenced block of a page."""
    for _, language, text in _BLOCK.findall((ROOT / page).read_text()):
        yield Block(page, language, dedent(text))


def commands(page: str) -> list[list[str]]:
    """The arguments of every `delivr-operator` command in the shell blocks of a page below docs."""
    texts = [block.text for block in blocks(f"docs/{page}") if block.language == "sh"]
    lines = [line.strip() for text in texts for line in text.replace("\\\n", " ").splitlines()]
    return [
        shlex.split(line.removeprefix("delivr-operator "))
        for line in lines
        if line.startswith("delivr-operator ")
    ]
