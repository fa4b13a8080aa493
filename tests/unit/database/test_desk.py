"""The desk asks in threads, counts how each question ends, and shows the ones that hang."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from delivr_operator.database import (
    ClaimedByAnother,
    Database,
    DatabaseUnavailable,
    Desk,
    Outage,
    StaleGeneration,
)
from delivr_operator.resource import DeletionPolicy

SECOND = timedelta(seconds=1)


@dataclass
class Witness:
    busy: set[str] = field(default_factory=set)
    told: list[tuple[str, str, bool]] = field(default_factory=list)

    def began(self, work: str) -> None:
        self.busy.add(work)

    def ended(self, work: str) -> None:
        self.busy.remove(work)

    def transacted(self, kind: str, result: str, took: timedelta, *, usable: bool) -> None:
        assert took >= timedelta()
        self.told.append((kind, result, usable))


@dataclass
class Answers:
    """A database that does what each test wants of it."""

    answer: Callable[[], Any]

    def read_tenant(self, tenant_id: str, owner: str) -> Any:
        return (tenant_id, owner, self.answer())

    def forget_generation(self, *values: Any) -> None:
        assert values == ("tenant", "uid", 7)

    def release(self, tenant_id: str, uid: str, policy: DeletionPolicy) -> Any:
        return (tenant_id, uid, policy, self.answer())

    def sync(self, desired: Any, *, may_replace: frozenset[str]) -> Any:
        return (desired, may_replace, self.answer())


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def desk(threads: ThreadPoolExecutor, answer: Callable[[], Any]) -> tuple[Desk, Witness]:
    witness = Witness()
    return Desk(cast("Database", Answers(answer)), threads, witness), witness


def failing(error: Exception) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


async def test_each_question_reaches_the_database_with_its_values(threads: ThreadPoolExecutor) -> None:
    asked, witness = desk(threads, threading.get_ident)
    *values, thread = cast("Any", await asked.read_tenant("tenant", "owner"))
    assert values == ["tenant", "owner"]
    assert thread != threading.get_ident()
    desired: Any = object()
    found: Any = await asked.sync(desired, may_replace=frozenset({"uid"}))
    assert found[:2] == (desired, frozenset({"uid"}))
    gone: Any = await asked.release("tenant", "uid", DeletionPolicy.DELETE)
    assert gone[:3] == ("tenant", "uid", DeletionPolicy.DELETE)
    await asked.forget_generation("tenant", "uid", 7)
    assert witness.told == [(kind, "done", True) for kind in ("read", "sync", "release", "forget")]
    assert witness.busy == set()


@pytest.mark.parametrize(
    ("error", "result", "usable"),
    [
        (StaleGeneration(7), "refused", True),
        (ClaimedByAnother("n", "x"), "refused", True),
        (DatabaseUnavailable(Outage.UNREACHABLE), "unreachable", False),
        (DatabaseUnavailable(Outage.SCHEMA_MISSING), "schema_missing", False),
        (DatabaseUnavailable(Outage.LOCK_TIMEOUT), "lock_timeout", True),
        (DatabaseUnavailable(Outage.FOREIGN_KEY_GONE), "foreign_key_gone", True),
        (KeyError("bug"), "broken", True),
    ],
)
async def test_every_end_is_counted_and_comes_through(
    threads: ThreadPoolExecutor, error: Exception, result: str, usable: bool
) -> None:
    asked, witness = desk(threads, failing(error))
    with pytest.raises(type(error)):
        await asked.read_tenant("tenant", "owner")
    assert witness.told == [("read", result, usable)]
    assert witness.busy == set()


async def test_a_question_that_hangs_is_seen_after_its_asker_gave_up(threads: ThreadPoolExecutor) -> None:
    release, started = threading.Event(), threading.Event()

    def hang() -> None:
        started.set()
        release.wait(30)

    asked, witness = desk(threads, hang)
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asked.read_tenant("tenant", "owner")
        assert started.is_set()
        assert [work.rpartition(" ")[0] for work in witness.busy] == ["database read"]
        assert await asked.settle(timedelta(milliseconds=50)) is False
    finally:
        release.set()
    assert await asked.settle(30 * SECOND) is True
    assert witness.busy == set()
    assert witness.told == [("read", "done", True)]
