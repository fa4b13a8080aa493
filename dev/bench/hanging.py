"""How soon a new resource is settled while many others wait for providers that hang."""

from __future__ import annotations

from dev.bench.contenders import operator, until
from dev.bench.creations import CREATORS, one_by_one
from dev.bench.crowd import Crowd, in_parallel
from dev.bench.rows import Row, percentile
from dev.bench.tenants import with_github
from dev.demo import Stage
from dev.progress import say
from dev.simulator.client import Simulator

SILENT = 16
"""Requests without an answer: as many as there are workers."""
PACE = 1.0
"""Seconds between two, so that some come when the first of those that hang are given up."""


def measure(on: Stage, simulator: Simulator, size: int, samples: int) -> list[Row]:
    """Return how soon `samples` come, one after the other, beside `size` that hang and beside none."""
    say(f"{samples} new resources beside {size} whose provider hangs ...")
    hanging = [with_github(simulator, f"silent-{number}", f"h{number:06}") for number in range(size)]
    in_parallel(lambda one: simulator.fault("HANG", credential=one.labels["GITHUB"]), hanging)
    others = [with_github(simulator, f"lively-{number}", f"l{number:06}") for number in range(2 * samples)]
    first, second = (Crowd.settle(on, some, CREATORS) for some in (others[:samples], others[samples:]))
    silent = Crowd.settle(on, hanging, CREATORS)
    with operator(on) as contender:
        alone = one_by_one(first, PACE)
        asked = simulator.count()
        silent.declare_all(CREATORS)
        until(lambda: simulator.count() - asked >= SILENT, "the first hang")
        beside = one_by_one(second, PACE)
        peak = contender.peak
        left = sum(not status.get("integrations") for status in silent.statuses())
    say(f"memory at most: {peak:.0f} MB; of those that hang {left} have no status yet")
    if not left:
        raise RuntimeError("nothing was left to hold others up: make more that hang")
    name = f"a new one beside {size} whose provider hangs (floor: none hangs)"
    return [
        Row(f"{name}: {said}", percentile(beside, share), percentile(alone, share), "s")
        for said, share in (("median", 0.5), ("p95", 0.95))
    ]
