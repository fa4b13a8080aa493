"""Whether what many cost grows in line with how many they are: storms, and restarts over fresh ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dev.bench.contenders import operator
from dev.bench.creations import CREATORS, Storm, storm
from dev.bench.crowd import Crowd
from dev.bench.plot import Growth, drawing
from dev.bench.restarts import Start, make_fresh, of_operator
from dev.bench.rows import Row
from dev.bench.tenants import with_github
from dev.demo import Stage
from dev.progress import say
from dev.simulator.client import Simulator

Measured = tuple[str, str, Callable[[Any], float]]
_STORM: Sequence[Measured] = (
    ("storm: time", "s", lambda one: one.seconds),
    ("storm: processor time", "s", lambda one: one.cpu),
    ("storm: SQL statements", "", lambda one: one.statements),
    ("storm: requests to providers", "", lambda one: one.asked_providers),
)
_START: Sequence[Measured] = (
    ("restart: time", "s", lambda one: one.seconds),
    ("restart: processor time", "s", lambda one: one.cpu),
    ("restart: memory", "MB", lambda one: one.resident),
)


def measure(
    on: Stage, simulator: Simulator, storms: Sequence[int], sizes: Sequence[int], picture: Path
) -> list[Row]:
    """Return each number beside the straight line through its like, and draw both into `picture`."""
    grown = {size + 1: _of_storm(on, simulator, size) for size in storms}
    fresh = _of_starts(on, simulator, sorted(sizes))
    growths = [
        *(Growth.of(name, unit, [(n, get(one)) for n, one in fresh.items()]) for name, unit, get in _START),
        *(
            Growth.of(name, unit, [(n, get(one) * (1 if unit else n)) for n, one in grown.items()])
            for name, unit, get in _STORM
        ),
    ]
    picture.write_text(drawing(growths))
    for one in growths:
        say(f"{one.name}: {one.rest:.3g} + {one.slope:.3g} for each, off by {one.deviation:.1f} % at most")
    return [
        Row(f"{one.name}, {size:,.0f} (floor: the straight line)", value, one.line(size), one.unit)
        for one in growths
        for size, value in one.points
    ]


def _of_storm(on: Stage, simulator: Simulator, size: int) -> Storm:
    say(f"a storm of {size} ...")
    tenants = [
        with_github(simulator, f"grow-{size}-{number}", f"g{size}n{number:06}") for number in range(size + 1)
    ]
    with operator(on) as contender:
        crowd = Crowd.settle(on, tenants, CREATORS)
        found = storm(on, simulator, crowd, contender)
        crowd.withdraw_all(CREATORS)  # the next one begins where there are none
    return found


def _of_starts(on: Stage, simulator: Simulator, sizes: Sequence[int]) -> dict[int, Start]:
    one = with_github(simulator, "rest-0", "r000000")
    found, there = {}, 0
    for size in sizes:
        say(f"a restart over {size} ...")
        more = [one.moved(f"rest-{number}", f"r{number:06}") for number in range(max(there, 1), size)]
        make_fresh(on, one, more, is_new=not there)
        found[size], there = of_operator(on, simulator, size), size
    return found
