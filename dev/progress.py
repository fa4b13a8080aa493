"""What a long step is waiting for, told on standard error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_SECONDS = 10.0


def say(line: str) -> None:
    """The line is on standard error, where it cannot mix with output that a shell reads."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def step(what: str, every: float = EVERY_SECONDS) -> Iterator[None]:
    """While the body runs, the reader keeps being told what it does and for how long."""
    finished = threading.Event()
    begun = time.monotonic()

    def tick() -> None:
        while not finished.wait(every):
            say(f"  ... {what}: {time.monotonic() - begun:.0f} s")

    teller = threading.Thread(target=tick, name="progress", daemon=True)
    say(f"{what} ...")
    teller.start()
    try:
        yield
    finally:
        finished.set()
        teller.join()
    say(f"{what}: done in {time.monotonic() - begun:.1f} s")
