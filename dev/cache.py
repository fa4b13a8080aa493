"""Where things that are slow to make are kept, each made once and as a whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.progress import step


def cache_directory() -> Path:
    """The cache's folder, which exists."""
    named = os.environ.get("DELIVR_DEV_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(named).absolute() if named else Path(home) / "delivr-dev"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def fingerprint(*parts: str | bytes) -> str:
    """A short name that differs as soon as one of the parts does."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()[:16]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The body runs while no other process holds the same lock; a killed holder frees it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step(f"waiting for another process to release {path.name}"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The cached folder of that name, which `make` filled completely, in this run or an earlier one."""
    cache = cache_directory()
    final = cache / name
    if final.is_dir():
        return final
    with locked(cache / "locks" / name.replace("/", "-")):
        if final.is_dir():
            return final
        final.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(final)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
        try:
            make(unfinished)
            unfinished.rename(final)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return final


def _remove_leftovers(final: Path) -> None:
    # The lock is held, so whatever an earlier try left behind belongs to a process that was killed.
    for leftover in final.parent.glob(f".{final.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
