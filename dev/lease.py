"""Servers that several processes share: started by whoever asks first, stopped when the last one is gone.

Everyone who uses a server holds a shared lock on a file, for as long as the process lives. A supervisor
started by the first waits for the exclusive lock on it, which the kernel grants when the last holder has let
go or has died in any way, and then stops the server: neither a crash nor Ctrl-C of a test run leaves one.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from dev.cache import locked
from dev.private_file import write_private
from dev.process import Identity, spawn, wait_until
from dev.servers import KINDS, start_server

READY_SECONDS = 900.0  # the first use on a machine may have to build or to download
ROOT = Path(__file__).parent.parent


@contextmanager
def shared_server(kind: str, directory: Path) -> Iterator[dict[str, str]]:
    """While the body runs the server of that kind runs too; gives the record of how to reach it."""
    if kind not in KINDS:
        raise ValueError(f"no such server: {kind}; known are {', '.join(KINDS)}")
    home = directory / kind
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    record = home / "ready.json"
    with (home / "users.lock").open("a") as users:
        with locked(home / "start.lock"):
            # Waits while a supervisor that saw no more users is still stopping its server.
            fcntl.flock(users, fcntl.LOCK_SH)
            if not _running(record):
                _start_supervisor(kind, home, record)
        yield json.loads(record.read_text())["access"]


def _running(record: Path) -> bool:
    try:
        content = json.loads(record.read_text())
    except FileNotFoundError:
        return False
    return Identity(**content["supervisor"]).alive()


def _start_supervisor(kind: str, home: Path, record: Path) -> None:
    record.unlink(missing_ok=True)
    log = home / "supervisor.log"
    supervisor = spawn([sys.executable, "-m", "dev.lease", kind, str(home)], log, directory=ROOT)
    wait_until(
        record.exists,
        name=f"the {kind} for this run",
        process=supervisor,
        log=log,
        deadline_seconds=READY_SECONDS,
    )


def supervise(kind: str, home: Path) -> None:
    """The server ran until its last user was gone, and has been stopped."""
    with locked(home / "supervisor.lock"), (home / "users.lock").open("a") as users:
        # One started by a user that died meanwhile finds another's server gone, and nobody who wants its own.
        if not _nobody_uses(users):
            _run_server(kind, home, users)


def _nobody_uses(users: TextIO) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _run_server(kind: str, home: Path, users: TextIO) -> None:
    data, record = home / "data", home / "ready.json"
    shutil.rmtree(data, ignore_errors=True)
    server, access = start_server(kind, data, dies_with_parent=True)
    try:
        own = Identity.of(os.getpid())
        assert own is not None  # noqa: S101 -- this process reads its own entry
        write_private(record, json.dumps({"supervisor": vars(own), "access": access}))
        fcntl.flock(users, fcntl.LOCK_EX)
        record.unlink(missing_ok=True)
    finally:
        server.stop()
        shutil.rmtree(data, ignore_errors=True)


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    supervise(sys.argv[1], Path(sys.argv[2]))
