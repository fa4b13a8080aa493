"""The work queue: nothing lost, nothing twice at once, fair turns, times and back-off."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivr_operator.queue import LAST_PAUSE, WorkQueue
from delivr_operator.resource import Key

A, B, C = (Key("one", name) for name in "abc")
OTHER = Key("two", "z")
START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue:
    return WorkQueue(clock)


async def take(queue: WorkQueue) -> Key | None:
    try:
        return await asyncio.wait_for(queue.take(), 0.05)
    except TimeoutError:
        return None


async def test_a_key_added_twice_comes_once(queue: WorkQueue) -> None:
    queue.add(A)
    queue.add(A)
    assert [await take(queue), await take(queue)] == [A, None]


async def test_a_key_added_under_way_waits_until_it_is_given_back(queue: WorkQueue) -> None:
    queue.add(A)
    assert await take(queue) == A
    queue.add(A)
    assert await take(queue) is None
    queue.done(A, None)
    assert await take(queue) == A


async def test_a_lone_key_of_another_namespace_comes_second_not_last(queue: WorkQueue) -> None:
    for key in (A, B, C, OTHER):
        queue.add(key)
    assert [await take(queue) for _ in range(4)] == [A, OTHER, B, C]


@pytest.mark.parametrize("namespaces", [1, 100])
async def test_a_newcomer_waits_for_no_backlog(queue: WorkQueue, namespaces: int) -> None:
    for number in range(100):
        queue.add(Key(f"n{number % namespaces}", f"k{number}"))
    for _ in range(10):
        await queue.take()
    queue.add(OTHER)
    assert OTHER in [await queue.take() for _ in range(2)]


async def test_a_backlog_waits_for_no_newcomers(queue: WorkQueue) -> None:
    backlog = [Key(f"n{number}", "k") for number in range(40)]
    for key in backlog:
        queue.add(key)
    taken = []
    for number in range(80):  # one newcomer for each turn
        queue.add(Key(f"m{number}", "new"))
        taken.append(await queue.take())
    assert [key for key in taken if key in backlog] == backlog


async def test_a_planned_key_comes_at_its_time_and_not_before(queue: WorkQueue, clock: Clock) -> None:
    queue.add_at(A, START + timedelta(minutes=1))
    assert await take(queue) is None
    clock.now += timedelta(minutes=1)
    assert await take(queue) == A


async def test_the_earliest_of_several_times_counts(queue: WorkQueue, clock: Clock) -> None:
    queue.add_at(A, START + timedelta(minutes=9))
    queue.add_at(A, START + timedelta(minutes=1))
    queue.add_at(A, START + timedelta(minutes=5))
    clock.now += timedelta(minutes=1)
    assert await take(queue) == A
    queue.done(A, None)
    clock.now += timedelta(minutes=30)
    assert await take(queue) is None


async def test_a_waiting_taker_wakes_for_a_key_that_is_added_later(queue: WorkQueue) -> None:
    taking = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.add(B)
    assert await asyncio.wait_for(taking, 1) == B


async def test_no_more_are_worked_on_than_there_are_places(clock: Clock) -> None:
    queue = WorkQueue(clock, places=2)
    for key in (A, B, C):
        queue.add(key)
    taken = [await take(queue), await take(queue)]
    assert await take(queue) is None
    queue.failed(taken[0] or A)
    assert await take(queue) not in (None, *taken)


async def test_whoever_steps_aside_makes_place_for_one_and_keeps_its_key(clock: Clock) -> None:
    queue = WorkQueue(clock, places=1)
    queue.add(A)
    assert await take(queue) == A
    for key in (A, B, C):
        queue.add(key)
    queue.step_aside(A)
    queue.step_aside(A)
    second = await take(queue)
    assert second in (B, C)
    assert await take(queue) is None
    queue.done(A, None)  # its place was given away, and does not come back twice
    assert await take(queue) is None
    queue.done(second, None)
    assert await take(queue) in {A, B, C} - {second}


async def test_a_taker_that_is_told_to_stop_leaves_its_place(clock: Clock) -> None:
    queue = WorkQueue(clock, places=1)
    assert await take(queue) is None
    queue.add(A)
    assert await take(queue) == A


async def test_failures_pause_longer_each_time_and_a_success_forgets_them(
    queue: WorkQueue, clock: Clock
) -> None:
    pauses = []
    for _ in range(12):
        queue.add(A)
        assert await take(queue) == A
        pauses.append(queue.failed(A))
        clock.now += pauses[-1]
        assert await take(queue) == A
        queue._give_back(A, None)
    assert pauses[:3] == [timedelta(seconds=n) for n in (1, 2, 4)]
    assert pauses[-1] == LAST_PAUSE
    queue.add(A)
    await take(queue)
    queue.done(A, None)
    queue.add(A)
    await take(queue)
    assert queue.failed(A) == timedelta(seconds=1)


@given(st.lists(st.tuples(st.sampled_from(["add", "take", "done"]), st.sampled_from([A, B, C, OTHER]))))
def test_no_key_is_with_two_workers_and_none_is_lost(steps: list[tuple[str, Key]]) -> None:
    async def play() -> None:
        queue, working, owed = WorkQueue(Clock()), set[Key](), set[Key]()
        for step, key in steps:
            if step == "add":
                queue.add(key)
                owed.add(key)
            elif step == "take" and len(queue):
                taken = await queue.take()
                assert taken not in working
                working.add(taken)
                owed.discard(taken)
            elif step == "done" and key in working:
                working.discard(key)
                queue.done(key, None)
        for key in tuple(working):
            queue.done(key, None)
        assert {await queue.take() for _ in range(len(queue))} == owed

    asyncio.run(play())


async def test_the_oldest_wait_is_that_of_the_key_that_came_first(queue: WorkQueue, clock: Clock) -> None:
    queue.add(A)
    clock.now += timedelta(hours=1)
    assert queue.oldest_wait() == timedelta()  # it stands by: nobody takes keys here
    assert await take(queue) == A
    queue.done(A, None)
    assert queue.oldest_wait() == timedelta()
    queue.add(A)
    clock.now += timedelta(minutes=1)
    queue.add(B)
    queue.add(A)
    assert queue.oldest_wait() == timedelta(minutes=1)
    assert await take(queue) == A
    queue.add(A)  # under way: it does not wait for a worker
    assert queue.oldest_wait() == timedelta()
    clock.now += timedelta(minutes=1)
    assert queue.oldest_wait() == timedelta(minutes=1)


async def test_a_key_whose_time_has_come_waits_although_no_worker_looks(
    queue: WorkQueue, clock: Clock
) -> None:
    queue.add_at(A, clock.now + timedelta(minutes=1))
    assert await take(queue) is None
    assert queue.oldest_wait() == timedelta()
    clock.now += timedelta(minutes=4)
    assert queue.oldest_wait() == timedelta(minutes=3)
    assert await take(queue) == A
    assert queue.oldest_wait() == timedelta()


async def test_a_change_wakes_one_of_the_workers_that_wait() -> None:
    looked: list[datetime] = []

    def now() -> datetime:
        looked.append(START)
        return START

    async def settled() -> int:
        for _ in range(10):
            await asyncio.sleep(0)
        return len(looked)

    queue = WorkQueue(now)
    workers = [asyncio.create_task(queue.take()) for _ in range(16)]
    before = await settled()
    queue.add_at(A, START + timedelta(hours=1))
    woken = await settled()
    queue.add_at(B, START + timedelta(hours=2))
    assert 0 < woken - before < 4, "one looks, and looks how long to wait"
    assert await settled() == woken, "what comes later than the first wakes nobody"
    for worker in workers:
        worker.cancel()
    await asyncio.wait(workers)
