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
_INLINE = re.compile(r"`((?:kubectl|keytool|openssl|base64|delivr-operator) [^`]+)`")
_COMMANDS = {"sh", "bash", "shell", "zsh", "console"}
TEXT = {"", "yaml", "json", "text", "mermaid"}
"""What is shown and not run."""

UNRUN = {
    "kubectl apply -f manifests/base/operator-role.yaml": "needs controllers: test_deletion.py does the same",
    "export STORAGE_DRIVER=vfs": "builds an image as root, in minutes: test_image.py does where buildah is",
}
"""How a block begins that no test runs, and why."""
UNRUN_LINES = {
    "make test ": "is what .ci/run does, and this with it",
    "sops ": "seals files for a key of the reader's own, with a program that is not here",
}
"""How a line begins that is left out of its block, and why."""
UNRUN_WORDS = {
    "keytool ": "asks for passwords on a terminal; tests/data/signing has keystores that it made",
}
"""How a command in the middle of a sentence begins that no test runs, and why."""


DEMO = "make demo "
"""How the block begins that has a cluster of its own."""
OF_THEIR_OWN = ("docs/install.md", "docs/first-setup.md", "docs/adoption.md", "docs/key-rotation.md")
"""Pages that the test of all commands types where a reader would be in them."""
WITH_SETUP = (
    *(
        "README.md",
        "docs/gitops.md",
        "docs/monitoring.md",
        "docs/projections.md",
        "docs/reference/resource.md",
    ),
    *("docs/troubleshooting.md", "docs/upgrade.md", "docs/integrations/code-signing.md"),
)
"""Pages that begin with a setup that is Ready, in any order: a new page with commands is one of these."""


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
        lines = self.text.splitlines()
        if self.language == "console":
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        return "".join(f"{line}\n" for line in lines if not line.startswith(tuple(UNRUN_LINES)))

    @property
    def shown(self) -> str:
        """What a console's picture shows to be answered."""
        return "".join(f"{line}\n" for line in self.text.splitlines() if not line.startswith("$ "))

    @property
    def unrun(self) -> str | None:
        """Why no test runs it."""
        return next((why for beginning, why in UNRUN.items() if self.text.startswith(beginning)), None)


def blocks(page: str) -> Iterator[Block]:
    """Every fenced block of a page."""
    for _, language, text in _BLOCK.findall((ROOT / page).read_text()):
        yield Block(page, language, dedent(text))


def inline_commands(page: str) -> list[str]:
    """Every whole command that stands in a sentence of a page."""
    text = re.sub(_BLOCK, "", (ROOT / page).read_text())
    return [" ".join(found.split()) for found in _INLINE.findall(text)]


def commands(page: str) -> list[list[str]]:
    """The arguments of every `delivr-operator` command in the shell blocks of a page below docs."""
    texts = [block.text for block in blocks(f"docs/{page}") if block.language == "sh"]
    lines = [line.strip() for text in texts for line in text.replace("\\\n", " ").splitlines()]
    return [
        shlex.split(line.removeprefix("delivr-operator "))
        for line in lines
        if line.startswith("delivr-operator ")
    ]
