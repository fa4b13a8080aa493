"""One probe at a time with a credential, so many requests an hour, and a provider's pauses kept."""

import asyncio
from datetime import timedelta

import pytest

from delivr_operator.outcome import Doubt, Unknown
from delivr_operator.probing.budgets import Budget, Budgets
from delivr_operator.providers.exchange import Unreachable

LONG = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def said(fault: pytest.ExceptionInfo[Unreachable]) -> Unknown:
    return fault.value.outcome


def test_an_hour_allows_so_many_requests_and_no_more() -> None:
    clock = Clock()
    budget = Budget(3, clock)
    for _ in range(3):
        budget.spend()
        clock.now += 60
    with pytest.raises(Unreachable) as fault:
        budget.spend()
    assert said(fault).reason is Doubt.RATE_LIMITED
    assert said(fault).retry_after == timedelta(seconds=3600 - 180)
    clock.now += 3600 - 181
    with pytest.raises(Unreachable):
        budget.spend()
    clock.now += 1
    budget.spend()


def test_a_refused_request_spends_nothing() -> None:
    clock = Clock()
    budget = Budget(1, clock)
    budget.spend()
    for _ in range(5):
        clock.now += 600
        with pytest.raises(Unreachable):
            budget.spend()
    clock.now += 600
    budget.spend()


def test_without_a_limit_nothing_is_counted() -> None:
    budget = Budget(None, Clock())
    for _ in range(10_000):
        budget.spend()
    assert budget.is_idle


async def test_one_probe_is_in_flight_at_a_time() -> None:
    budget = Budget(None, Clock())
    inside, order, release = 0, [], asyncio.Event()

    async def probe(name: str) -> None:
        nonlocal inside
        async with budget.turn(LONG):
            inside += 1
            assert inside == 1
            order.append(name)
            if name == "first":
                await release.wait()
            inside -= 1

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(probe("first"))
        await asyncio.sleep(0)
        tasks.create_task(probe("second"))
        tasks.create_task(probe("third"))
        await asyncio.sleep(0)
        assert order == ["first"]
        release.set()
    assert order == ["first", "second", "third"]
    assert budget.is_idle


async def test_waiting_for_a_turn_has_an_end() -> None:
    budget = Budget(None, Clock())
    async with budget.turn(LONG):
        with pytest.raises(Unreachable) as fault:
            async with budget.turn(timedelta(milliseconds=10)):
                pytest.fail("two probes in flight")
        assert said(fault).reason is Doubt.TIMED_OUT
    async with budget.turn(LONG):
        pass


async def test_a_turn_ends_with_a_probe_that_breaks_off() -> None:
    budget = Budget(None, Clock())
    with pytest.raises(RuntimeError):
        async with budget.turn(LONG):
            raise RuntimeError
    async with budget.turn(LONG):
        pass


async def test_a_pause_is_kept_and_never_shortened() -> None:
    clock = Clock()
    budget = Budget(None, clock)
    budget.hold(timedelta(minutes=10))
    budget.hold(timedelta(minutes=1))
    clock.now += 599
    with pytest.raises(Unreachable) as fault:
        async with budget.turn(LONG):
            pytest.fail("asked during a pause")
    assert said(fault) == Unknown(Doubt.RATE_LIMITED, retry_after=timedelta(seconds=1))
    clock.now += 1
    async with budget.turn(LONG):
        pass


async def test_budgets_are_shared_by_key_and_forgotten_when_they_forbid_nothing() -> None:
    clock = Clock()
    budgets = Budgets(clock)
    first = budgets.of("first", 5)
    assert budgets.of("first", 5) is first
    assert budgets.of("other", 5) is not first
    first.spend()
    held = budgets.of("held", None)
    held.hold(timedelta(hours=2))
    busy = budgets.of("busy", None)
    async with busy.turn(LONG):
        for number in range(5000):
            budgets.of(f"idle {number}", None)
        assert budgets.of("first", 5) is first
        assert budgets.of("held", None) is held
        assert budgets.of("busy", None) is busy
        assert budgets.size < 1500
    clock.now += 3600
    assert first.is_idle
    assert not held.is_idle
