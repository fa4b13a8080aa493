"""Files that hold credentials."""

from __future__ import annotations

from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """The file holds the text as a whole or is as it was, and only its owner can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    unfinished.rename(path)
