"""What proving again costs where nothing changed: each once a minute, with a credential of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from dev.bench.contenders import Contender, floor, operator
from dev.bench.creations import CREATORS, statements
from dev.bench.crowd import Crowd
from dev.bench.floor_of_verifications import MINUTE
from dev.bench.restarts import await_fresh, writes
from dev.bench.rows import Row
from dev.bench.tenants import with_github
from dev.demo import Stage
from dev.progress import say
from dev.simulator.client import Simulator

REQUESTS = 2
"""To GitHub, for one verification."""


@dataclass(frozen=True)
class Minute:
    """What one verification took, over a minute of them."""

    cpu: float
    statements: float


def measure(on: Stage, simulator: Simulator, size: int) -> list[Row]:
    """Return what a periodic verification costs."""
    say(f"{size} resources, each proved once a minute ...")
    tenants = [
        replace(with_github(simulator, f"steady-{number}", f"p{number:06}"), interval="1m")
        for number in range(size)
    ]
    with operator(on) as contender:
        crowd = Crowd.settle(on, tenants, CREATORS)
        crowd.declare_all(CREATORS)
        await_fresh(crowd)
        _minute(on, simulator, contender)  # until then some are still proved for the first time
        before = writes(contender)
        ours = _minute(on, simulator, contender)
        written = writes(contender) - before
    with floor(on, "floor_of_verifications") as contender:
        bare = _minute(on, simulator, contender)
    name = f"proving {size} resources again"
    return [
        Row(f"{name}: CPU of each", ours.cpu * 1000, bare.cpu * 1000, "ms"),
        Row(f"{name}: SQL statements of each", ours.statements, bare.statements, "statements"),
        Row(f"{name}: writes to the API server", written, 0, "writes"),
    ]


def _minute(on: Stage, simulator: Simulator, contender: Contender) -> Minute:
    cpu, sent, asked = contender.cpu, statements(on), simulator.count()
    time.sleep(MINUTE)
    count = (simulator.count() - asked) / REQUESTS
    return Minute((contender.cpu - cpu) / count, (statements(on) - sent) / count)
