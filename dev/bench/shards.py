"""What several operators that share the tenants take together for the storm that one takes alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from delivr_operator.sharing import PARTS
from dev.bench.contenders import Contender, operator, until
from dev.bench.creations import CREATORS, statements
from dev.bench.crowd import Crowd
from dev.bench.restarts import await_fresh
from dev.bench.rows import Row
from dev.bench.tenants import with_github
from dev.demo import ROOT, SYSTEM, Stage
from dev.progress import say
from dev.simulator.client import Simulator

PROCESSES = (1, 2, 4)
PAUSE = 0.25
"""Between two lists, which are asked for instead of a watch: seldom enough to leave them the cores."""


@dataclass(frozen=True)
class Shared:
    """What a storm took of all processes together."""

    seconds: float
    cpu: float
    peak: float
    """MB of the largest of them."""
    passes: float
    """Over each resource; more than one is work done again."""
    busiest: float
    """Which share of all passes was done by the process that did most."""
    writes: float
    asked: float
    """Requests to providers, for each resource."""
    statements: float


def measure(on: Stage, simulator: Simulator, size: int) -> list[Row]:
    """Return what 2 and 4 processes take, beside what one takes."""
    on.kubectl("apply", "-f", str(ROOT / "manifests" / "overlays" / "sharded" / "lease-role.yaml"))
    found = {of: _storm(on, simulator, size, of) for of in PROCESSES}
    alone = found.pop(1)
    return [
        row
        for of, several in found.items()
        for row in _rows(f"a storm of {size}, {of} share it (floor: one)", several, alone)
    ]


def _rows(name: str, several: Shared, alone: Shared) -> list[Row]:
    measured: Sequence[tuple[str, Callable[[Shared], float], str]] = (
        ("time until all are settled", lambda one: one.seconds, "s"),
        ("CPU of all", lambda one: one.cpu, "s"),
        ("memory at most, of the largest", lambda one: one.peak, "MB"),
        ("passes over each", lambda one: one.passes, "passes"),
        ("share of the busiest", lambda one: one.busiest, ""),
        ("status writes of each", lambda one: one.writes, "writes"),
        ("requests to providers for each", lambda one: one.asked, "requests"),
        ("SQL statements for each", lambda one: one.statements, "statements"),
    )
    return [Row(f"{name}: {what}", get(several), get(alone), unit) for what, get, unit in measured]


def _storm(on: Stage, simulator: Simulator, size: int, of: int) -> Shared:
    say(f"a storm of {size} new resources, shared by {of} ...")
    tenants = [with_github(simulator, f"by-{of}-{number}", f"b{of}s{number:06}") for number in range(size)]
    crowd = Crowd.settle(on, tenants, CREATORS)
    with ExitStack() as stack:
        sharing = [stack.enter_context(_one_of(on, number, of)) for number in range(1, of + 1)]
        until(lambda: _sum(sharing, "delivr_shard_parts_held") == PARTS, "every part is held")
        until(lambda: all(map(_follows, sharing)), "all watches follow")
        sent, asked, cpu = statements(on), simulator.count(), sum(one.cpu for one in sharing)
        began = time.monotonic()
        crowd.declare_all(CREATORS)
        await_fresh(crowd, pause=PAUSE)
        seconds = time.monotonic() - began
        passes = [one.counted("delivr_reconciles_total") for one in sharing]
        found = Shared(
            seconds=seconds,
            cpu=sum(one.cpu for one in sharing) - cpu,
            peak=max(one.peak for one in sharing),
            passes=sum(passes) / size,
            busiest=max(passes) / sum(passes),
            writes=_sum(sharing, "delivr_status_writes_total") / size,
            asked=(simulator.count() - asked) / size,
            statements=(statements(on) - sent) / size,
        )
        crowd.withdraw_all(CREATORS)  # the next storm begins where there are none
    return found


def _sum(sharing: Sequence[Contender], metric: str) -> float:
    return sum(one.counted(metric) for one in sharing)


def _follows(contender: Contender) -> bool:
    """Tell whether no list of the start is still to come, which would have resources looked at again."""
    return all(
        contender.counted("delivr_api_requests_total", verb="watch", resource=one)
        for one in ("releasesetups", "namespaces", "secrets")
    )


def _one_of(on: Stage, number: int, of: int) -> AbstractContextManager[Contender]:
    leases = f"--shard-leases={SYSTEM}/delivr-operator"
    return operator(on, f"--shard={number}/{of}", leases, name=f"operator-{number}-of-{of}")
