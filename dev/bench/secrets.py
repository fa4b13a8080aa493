"""How soon a changed Secret has its verdict, and what Secrets of others cost."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, watch

from dev.bench.crowd import GROUP, PLURAL, VERSION, Crowd, in_parallel
from dev.bench.rows import Row, percentile
from dev.demo import SYSTEM, Stage, program
from dev.ports import free_ports
from dev.process import Identity, spawn, stop
from dev.progress import say
from dev.simulator.client import Simulator

PATIENCE = 120.0
CHANGES = 60
WEIGHT = 100_000
BATCH = 500


@dataclass(frozen=True)
class Contender:
    """A running program, and its numbers."""

    process: Identity

    @property
    def resident(self) -> float:
        """MB of memory now."""
        return self._kilobytes("VmRSS") / 1000

    @property
    def peak(self) -> float:
        """MB of memory at its most."""
        return self._kilobytes("VmHWM") / 1000

    def _kilobytes(self, name: str) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


@contextmanager
def operator(on: Stage) -> Iterator[Contender]:
    """The operator runs, with its own service account."""
    port = str(free_ports(1)[0])
    with _running(on, "operator", [program(), "run", "--health-port", port], '"watching"') as found:
        yield found


@contextmanager
def floor(on: Stage) -> Iterator[Contender]:
    """The bare program runs, with the same service account."""
    with _running(on, "floor", [sys.executable, "-m", "dev.bench.floor"], "ready") as found:
        yield found


@contextmanager
def _running(on: Stage, name: str, command: list[str], sign: str) -> Iterator[Contender]:
    token = on.access.service_account_token(SYSTEM, "delivr-operator")
    kubeconfig = on.access.kubeconfig_for("delivr-operator", token, on.folder / f"{name}.kubeconfig")
    environment = {**os.environ, **on.variables, "KUBECONFIG": str(kubeconfig)}
    log = on.folder / f"{name}.log"
    process = spawn(command, log, environment=environment)
    try:
        _until(lambda: sign in log.read_text(), f"{name} is ready")
        yield Contender(process)
    except BaseException:
        say(log.read_text()[-3000:])
        raise
    finally:
        stop(process)


def measure(on: Stage, simulator: Simulator, resources: int, strangers: int) -> list[Row]:
    """Return the rows of this benchmark."""
    crowd = Crowd.settle(on, simulator, resources)
    rows = []
    with operator(on) as ours:
        _until(lambda: all(status.get("integrations") for status in crowd.statuses()), "all are proved")
        quiet_ours = ours.resident
        times_ours = _changes(crowd)
    with floor(on) as bare:
        quiet_bare = bare.resident
        times_bare = _changes(crowd)
    rows += _times(f"{resources} resources", times_ours, times_bare)
    say(f"making {strangers} Secrets of {WEIGHT} bytes ...")
    with operator(on) as ours, floor(on) as bare:
        before_ours, before_bare = ours.resident, bare.resident
        _make_strangers(crowd, strangers)
        times_ours = _changes(crowd)
        rows.append(
            Row(
                f"{strangers} Secrets of others come: memory",
                ours.peak - before_ours,
                bare.peak - before_bare,
                "MB",
            )
        )
    with operator(on) as ours:
        times_ours = _changes(crowd)
        listed_ours = ours.peak
    with floor(on) as bare:
        times_bare = _changes(crowd)
        listed_bare = bare.peak
    name = f"{strangers} Secrets of others stand at a start: memory"
    rows.append(Row(name, listed_ours - quiet_ours, listed_bare - quiet_bare, "MB"))
    rows.append(Row("memory before them", quiet_ours, quiet_bare, "MB"))
    rows += _times(f"{resources} resources and those Secrets", times_ours, times_bare)
    return rows


def _times(where: str, ours: list[float], bare: list[float]) -> list[Row]:
    return [
        Row(f"changed Secret to new verdict, {where}: median", *_pair(ours, bare, 0.5), "s"),
        Row(f"changed Secret to new verdict, {where}: p95", *_pair(ours, bare, 0.95), "s"),
    ]


def _pair(ours: list[float], bare: list[float], share: float) -> tuple[float, float]:
    return percentile(ours, share), percentile(bare, share)


def _changes(crowd: Crowd) -> list[float]:
    """Change Secrets one after the other, for worse and for better; return the seconds to each verdict."""
    found: list[float] = []
    good, bad = crowd.token.secret["accessToken"], "ghp_" + "0" * 36
    chooser = random.Random(7)  # noqa: S311 - the same choice for both
    for _ in range(CHANGES // 2):
        namespace = chooser.choice(crowd.namespaces)
        for token in (bad, good):
            began = time.monotonic()
            _await_version(crowd, namespace, crowd.put_token(namespace, token))
            found.append(time.monotonic() - began)
    return found


def _await_version(crowd: Crowd, namespace: str, version: str) -> None:
    listing = crowd.custom.list_namespaced_custom_object
    events: Iterator[Any] = watch.Watch().stream(  # type: ignore[no-untyped-call]
        listing, GROUP, VERSION, namespace, PLURAL, timeout_seconds=int(PATIENCE)
    )
    for event in events:
        (entry,) = event["object"]["status"]["integrations"]
        if entry.get("secretVersion") == version:
            return
    raise TimeoutError(f"no verdict on the Secret in {namespace}")


def _make_strangers(crowd: Crowd, count: int) -> None:
    strangers = client.V1Namespace(metadata=client.V1ObjectMeta(name="strangers"))
    crowd.core.create_namespace(strangers)

    def make(number: int) -> None:
        value = os.urandom(WEIGHT // 2).hex()
        crowd.put_secret("strangers", f"stranger-{number}", {"value": value})

    for start in range(0, count, BATCH):
        in_parallel(make, range(start, min(start + BATCH, count)))


def _until(look: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)
