"""Processes that are started, recognised again later, waited for and stopped by identity."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.05
PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """A server did not come up; the message holds the end of its log."""


class AddressInUseError(StartError):
    """A server found its port taken between the choice and the bind."""


@dataclass(frozen=True)
class Identity:
    """One process: its number, and when it began, so that a recycled number is not mistaken for it."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The identity of the process that has this number now, None when there is no live one."""
        began = _beginning(pid)
        return None if began is None else cls(pid, began)

    def alive(self) -> bool:
        """True while this very process runs."""
        return _beginning(self.pid) == self.began


def _beginning(pid: int) -> str | None:
    if not Path("/proc/self/stat").exists():
        return _beginning_by_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and parentheses
    return None if fields[0] in "ZX" else fields[19]


def _beginning_by_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], check=False, capture_output=True, text=True
    )
    state, _, began = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else began.strip()


def spawn(
    arguments: Sequence[str | Path],
    log: Path,
    *,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    dies_with_parent: bool = False,
) -> Identity:
    """The program runs in a session of its own, out of reach of terminal signals, and writes to the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            [str(one) for one in arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=None if environment is None else dict(environment),
            start_new_session=True,
            preexec_fn=_killed_with_parent if dies_with_parent else None,  # noqa: PLW1509 -- no threads there
        )
    began = _beginning(child.pid)
    child.returncode = 0  # reaping is `stop`'s and `wait_until`'s: it outlives this object, silently
    return Identity(child.pid, began or "ended at once")


def _killed_with_parent() -> None:
    # Only Linux knows this; elsewhere a killed supervisor leaves its servers to the next clean-up.
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(identity: Identity, patience: float = 15.0) -> None:
    """The process has ended: asked first, and killed when it did not within its time."""
    for request, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
        if not identity.alive():
            break
        _signal(identity, request)
        wait_for_end(identity, seconds)
    _reap(identity.pid)


def _signal(identity: Identity, request: signal.Signals) -> None:
    try:
        if hasattr(os, "pidfd_open"):
            handle = os.pidfd_open(identity.pid)  # pins the process: checked after, it cannot be another one
            try:
                if identity.alive():
                    signal.pidfd_send_signal(handle, request)
            finally:
                os.close(handle)
        elif identity.alive():
            os.kill(identity.pid, request)
    except ProcessLookupError:
        return  # it ended by itself


def wait_for_end(identity: Identity, seconds: float) -> None:
    """The process has ended, or that much time has passed."""
    if hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            return
        try:
            if identity.alive():
                poll = select.poll()
                poll.register(handle, select.POLLIN)
                poll.poll(seconds * 1000)
        finally:
            os.close(handle)
        return
    deadline = time.monotonic() + seconds
    while identity.alive() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # another process's child: its own parent collects it


def tail(log: Path, lines: int = 25) -> str:
    """The last lines of a log, or a word that there are none."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(empty log)"


def wait_until(
    ready: Callable[[], bool], *, name: str, process: Identity, log: Path, deadline_seconds: float
) -> None:
    """The condition holds; StartError with the log's end when the process ended or time ran out first."""
    deadline = time.monotonic() + deadline_seconds
    while not ready():
        if not process.alive():
            _reap(process.pid)
            end = tail(log)
            kind = AddressInUseError if "address already in use" in end.lower() else StartError
            raise kind(f"{name} ended before it was ready; the end of {log}:\n{end}")
        if time.monotonic() > deadline:
            raise StartError(
                f"{name} was not ready after {deadline_seconds:.0f} s; the end of {log}:\n{tail(log)}"
            )
        time.sleep(POLL_SECONDS)
