"""What a restart over many fresh resources costs, and what they weigh afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dev.bench.contenders import Contender, floor, operator, quiet, until
from dev.bench.copies import copy
from dev.bench.creations import statements
from dev.bench.crowd import Crowd
from dev.bench.rows import Row
from dev.bench.tenants import Tenant, with_github
from dev.demo import Stage
from dev.progress import say
from dev.simulator.client import Simulator

_WRITES = ("create", "update", "patch", "delete")


@dataclass(frozen=True)
class Start:
    """What one start took."""

    seconds: float
    cpu: float
    resident: float
    peak: float
    asked: float
    """Requests to providers."""
    statements: float
    writes: float = 0
    passes: float = 0


def measure(on: Stage, simulator: Simulator, size: int) -> list[Row]:
    """Return what a start costs where all are fresh; they share a credential, to be made quickly."""
    one = with_github(simulator, "rest-0", "r000000")
    tenants = [one, *(one.moved(f"rest-{number}", f"r{number:06}") for number in range(1, size))]
    empty = of_operator(on, simulator, 0), _of_floor(on, simulator)
    say(f"{size} resources ...")
    make_fresh(on, one, tenants[1:])
    ours, bare = of_operator(on, simulator, size), _of_floor(on, simulator)
    name = f"a restart over {size} fresh resources"
    weights = [
        (full.resident - none.resident) * 1000 / size for full, none in zip((ours, bare), empty, strict=True)
    ]
    return [
        Row(f"{name}: time until quiet", ours.seconds, bare.seconds, "s"),
        Row(f"{name}: the same where there are none", empty[0].seconds, empty[1].seconds, "s"),
        Row(f"{name}: CPU", ours.cpu, bare.cpu, "s"),
        Row(f"{name}: requests to providers", ours.asked, bare.asked, "requests"),
        Row(f"{name}: writes to the API server", ours.writes, bare.writes, "writes"),
        Row(f"{name}: SQL statements", ours.statements, bare.statements, "statements"),
        Row(f"{name}: passes", ours.passes, bare.passes, "passes"),
        Row(f"{name}: memory afterwards", ours.resident, bare.resident, "MB"),
        Row(f"{name}: memory at most", ours.peak, bare.peak, "MB"),
        Row(f"{name}: memory of each resource", weights[0], weights[1], "KB"),
    ]


def make_fresh(on: Stage, original: Tenant, others: Sequence[Tenant], *, is_new: bool = True) -> None:
    """One resource is verified and committed by a real operator, which has ended, and the others copied."""
    if is_new:
        with operator(on):
            crowd = Crowd.settle(on, [original])
            crowd.declare_all()
            await_fresh(crowd)
    copy(on, original, others)


def await_fresh(crowd: Crowd, pause: float = 5.0) -> None:
    """All that there are, looked at every `pause` seconds, have been verified and committed."""
    until(lambda: all(map(_is_fresh, crowd.statuses())), "all are fresh", patience=900, pause=pause)


def writes(contender: Contender) -> float:
    """Return how often the operator has written to the API server so far."""
    return sum(contender.counted("delivr_api_requests_total", verb=verb) for verb in _WRITES)


def _is_fresh(status: dict[str, Any]) -> bool:
    verdicts = {one["verificationStatus"] for one in status.get("integrations", ())}
    return status.get("committedGeneration") == 1 and verdicts == {"VALID"}


def of_operator(on: Stage, simulator: Simulator, size: int) -> Start:
    """Return what a start of the operator takes over the `size` resources that there are."""
    before = simulator.count(), statements(on)
    with operator(on) as contender:
        found = _start(on, simulator, contender, before)
        known = contender.counted("delivr_setup_verified_timestamp_seconds")
        written = writes(contender)
        passes = contender.counted("delivr_reconciles_total")
    if bool(known) is not bool(size):
        raise RuntimeError("the operator was quiet before it knew what there is")
    return Start(**{**vars(found), "writes": written, "passes": passes})


def _of_floor(on: Stage, simulator: Simulator) -> Start:
    before = simulator.count(), statements(on)
    with floor(on, "floor_of_restarts") as contender:
        return _start(on, simulator, contender, before)


def _start(on: Stage, simulator: Simulator, contender: Contender, before: tuple[int, int]) -> Start:
    asked, sent = before
    seconds = quiet(contender) - contender.began
    now, again = statements(on), statements(on)
    return Start(
        seconds=seconds,
        cpu=contender.cpu,
        resident=contender.resident,
        peak=contender.peak,
        asked=simulator.count() - asked,
        statements=now - sent - (again - now),  # less what asking for the number takes
    )
