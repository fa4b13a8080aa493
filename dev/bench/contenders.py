"""The operator and its floor as running programs, and what each has used so far."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from dev.demo import SYSTEM, Stage, program
from dev.ports import free_ports
from dev.process import Identity, spawn, stop
from dev.progress import say

PATIENCE = 120.0
QUIET_PATIENCE = 300.0
QUIET_SECONDS = 5.0
"""Longer than any one answer of the API server takes, for which a program waits without working."""
LOOK_SECONDS = 0.25
BUSY_SHARE = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Contender:
    """A running program, and its numbers."""

    name: str
    process: Identity
    port: int = 0
    began: float = 0.0
    """When it was started, on the monotonic clock."""

    @property
    def resident(self) -> float:
        """MB of memory now."""
        return self._kilobytes("VmRSS") / 1000

    @property
    def peak(self) -> float:
        """MB of memory at its most."""
        return self._kilobytes("VmHWM") / 1000

    @property
    def cpu(self) -> float:
        """Seconds of both cores, in all threads, so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def counted(self, metric: str, **labels: str) -> float:
        """Return the sum of one of the operator's own counters over all that has these labels."""
        page = httpx.get(f"http://127.0.0.1:{self.port}/metrics", trust_env=False).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == metric and labels.items() <= sample.labels.items()
        )

    def _kilobytes(self, name: str) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


@contextmanager
def operator(on: Stage, *options: str, name: str = "operator") -> Iterator[Contender]:
    """The operator runs, with its own service account."""
    port = free_ports(1)[0]
    command = [program(), "run", "--health-port", str(port), *options]
    began = time.monotonic()
    with _running(on, name, command, '"watching"') as process:
        yield Contender(name, process, port, began)


@contextmanager
def floor(on: Stage, module: str, *arguments: str) -> Iterator[Contender]:
    """The bare program runs, with the same service account."""
    command = [sys.executable, "-m", f"dev.bench.{module}", *arguments]
    began = time.monotonic()
    with _running(on, "floor", command, "ready") as process:
        yield Contender("floor", process, began=began)


@contextmanager
def _running(on: Stage, name: str, command: list[str], sign: str) -> Iterator[Identity]:
    token = on.access.service_account_token(SYSTEM, "delivr-operator", "12h")
    kubeconfig = on.access.kubeconfig_for("delivr-operator", token, on.folder / f"{name}.kubeconfig")
    environment = {**os.environ, **on.variables, "KUBECONFIG": str(kubeconfig)}
    log = on.folder / f"{name}.log"
    process = spawn(command, log, environment=environment)
    try:
        until(lambda: sign in log.read_text(), f"{name} is ready")
        yield process
    except BaseException:
        say(log.read_text()[-3000:])
        raise
    finally:
        stop(process)


def quiet(contender: Contender) -> float:
    """Return, on the monotonic clock, since when the program has had next to nothing to do.

    Raises:
        TimeoutError: it never had.
    """
    busy_until, used = time.monotonic(), contender.cpu
    deadline = busy_until + QUIET_PATIENCE
    while (now := time.monotonic()) - busy_until < QUIET_SECONDS:
        if now > deadline:
            raise TimeoutError(f"{contender.name} is quiet")
        time.sleep(LOOK_SECONDS)
        before, used = used, contender.cpu
        if used - before > BUSY_SHARE * LOOK_SECONDS:
            busy_until = time.monotonic()
    return busy_until


def until(look: Callable[[], Any], what: str, patience: float = PATIENCE, pause: float = 0.05) -> None:
    """Return once `look`, done every `pause` seconds, returns something true.

    Raises:
        TimeoutError: it did not, for so many seconds.
    """
    deadline = time.monotonic() + patience
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(pause)
