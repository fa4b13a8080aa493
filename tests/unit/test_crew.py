"""The workers as one: when they work, when they end, and what is left to the next."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from delivr_operator.crew import Crew, Ending
from delivr_operator.queue import WorkQueue
from delivr_operator.resource import Key

KEY = Key("falcon", "app")


@dataclass
class Worker:
    """Works until cancelled, as the real one does, on what the queue gives."""

    queue: WorkQueue
    seen: list[Key] = field(default_factory=list)
    cancelled: int = 0
    fails: bool = False

    def __post_init__(self) -> None:
        self.reconciler = SimpleNamespace(inventory=[KEY])
        self.shares = Shares()
        self.instruments = SimpleNamespace(health=SimpleNamespace(taken=lambda: None))

    async def run(self) -> None:
        try:
            while True:
                key = await self.queue.take()
                if self.fails:
                    raise KeyError("a bug")
                self.seen.append(key)
                self.queue.done(key, None)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@dataclass
class Leadership:
    """An election that a test decides."""

    won: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    released: int = 0

    async def while_leading(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self.won.wait()
        task = asyncio.create_task(work())
        try:
            await self.lost.wait()
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def release(self) -> None:
        self.released += 1


@dataclass
class PartLeases(Leadership):
    """Parts that a test wins and loses."""

    ended: bool | None = None

    async def run(
        self,
        won: Callable[[frozenset[int]], None],
        lost: Callable[[frozenset[int]], Coroutine[Any, Any, bool]],
    ) -> None:
        await self.won.wait()
        won(frozenset({1}))
        await self.lost.wait()
        self.ended = await lost(frozenset({1}))
        await asyncio.Event().wait()


@dataclass
class Shares:
    """What a worker would ask."""

    won: list[frozenset[int]] = field(default_factory=list)
    lost: list[frozenset[int]] = field(default_factory=list)
    stops: bool = True

    def win(self, parts: frozenset[int]) -> None:
        self.won.append(parts)

    async def lose(self, parts: frozenset[int]) -> bool:
        self.lost.append(parts)
        return self.stops


@dataclass
class Scene:
    """A crew of two, and what it is told."""

    elected: bool = True
    settles: bool = True
    parts: PartLeases | None = None
    leadership: Leadership = field(default_factory=Leadership)
    ending: Ending = field(default_factory=lambda: Ending(asyncio.Event(), asyncio.Event(), asyncio.Event()))

    def __post_init__(self) -> None:
        self.worker = Worker(WorkQueue(lambda: datetime.now(UTC)))
        self.order: list[str] = []

    async def settled(self) -> bool:
        self.order.append(f"settled after {self.worker.cancelled} ended")
        return self.settles

    def start(self) -> "asyncio.Task[None]":
        leadership: Any = self.leadership if self.elected else None
        worker: Any = self.worker
        parts: Any = self.parts
        crew = Crew(worker, 2, leadership, self.settled, self.ending, parts)
        return asyncio.create_task(crew.run())


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not look():  # noqa: ASYNC110 - the loop's own turns are the clock
            await asyncio.sleep(0)


async def test_without_a_lease_it_works_at_once_and_ends_when_told() -> None:
    scene = Scene(elected=False)
    running = scene.start()
    scene.worker.queue.add(KEY)
    await until(lambda: scene.worker.seen)
    scene.ending.told.set()
    await running
    assert scene.worker.cancelled == 2
    assert not scene.ending.lost.is_set()


async def test_whoever_stands_by_works_at_nothing_and_sees_to_everything_once_it_leads() -> None:
    scene = Scene()
    running = scene.start()
    scene.worker.queue.add(KEY)
    await until(lambda: len(scene.worker.queue) == 0)
    assert scene.worker.seen == []
    scene.leadership.won.set()
    await until(lambda: scene.worker.seen)
    assert scene.worker.seen == [KEY]
    scene.ending.told.set()
    await running
    assert scene.order == ["settled after 2 ended"]
    assert scene.leadership.released == 1


async def test_a_lease_is_not_left_while_a_transaction_is_under_way() -> None:
    scene = Scene(settles=False)
    running = scene.start()
    scene.leadership.won.set()
    await until(lambda: scene.worker.seen)
    scene.ending.told.set()
    await running
    assert scene.leadership.released == 0


async def test_a_lost_lease_ends_the_work_and_the_process() -> None:
    scene = Scene()
    running = scene.start()
    scene.leadership.won.set()
    await until(lambda: scene.worker.seen)
    scene.leadership.lost.set()
    await running
    assert scene.worker.cancelled == 2
    assert scene.ending.told.is_set()
    assert scene.ending.lost.is_set()


def sharing(*, settles: bool = True) -> tuple[Scene, PartLeases]:
    parts = PartLeases()
    return Scene(elected=False, parts=parts, settles=settles), parts


async def test_with_a_share_it_works_from_the_beginning_and_leaves_its_parts_at_the_end() -> None:
    scene, parts = sharing()
    running = scene.start()
    scene.worker.queue.add(KEY)
    await until(lambda: scene.worker.seen)  # what is not in its share, a worker lets go by itself
    parts.won.set()
    await until(lambda: scene.worker.shares.won)
    scene.ending.told.set()
    await running
    assert scene.order == ["settled after 2 ended"]
    assert parts.released == 1
    assert not scene.ending.lost.is_set()


async def test_with_a_lost_part_it_works_on_once_nothing_of_that_is_under_way() -> None:
    scene, parts = sharing()
    running = scene.start()
    parts.won.set()
    parts.lost.set()
    await until(lambda: parts.ended is not None)
    assert parts.ended is True
    assert scene.order == ["settled after 0 ended"]
    assert not scene.ending.told.is_set()
    scene.ending.told.set()
    await running


@pytest.mark.parametrize("what", ["pass", "transaction"])
async def test_a_lost_part_of_which_something_goes_on_ends_the_process(what: str) -> None:
    scene, parts = sharing(settles=what == "pass")
    scene.worker.shares.stops = what == "transaction"
    running = scene.start()
    parts.won.set()
    parts.lost.set()
    await running
    assert scene.ending.lost.is_set()
    assert scene.worker.cancelled == 2


async def test_a_worker_that_breaks_off_breaks_the_crew_off() -> None:
    scene = Scene(elected=False)
    scene.worker.fails = True
    running = scene.start()
    scene.worker.queue.add(KEY)
    with pytest.raises(KeyError):
        await running
    assert not scene.ending.told.is_set()
