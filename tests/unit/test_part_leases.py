"""Who holds which part: taken when free, left at once, lost well before another may take it."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException

from delivr_operator.cluster import LeaseName, PartLeases, part_leases
from delivr_operator.cluster.leadership import LEASE_SECONDS, RENEW_SECONDS


@dataclass
class Server:
    """The API server's Leases, as far as candidates ask for them; it may be out of reach for some."""

    leases: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    cut_off: set[str] = field(default_factory=set)
    loses_answers: bool = False

    def door(self, who: str) -> Any:
        """The client of one candidate."""

        def reach() -> None:
            if who in self.cut_off:
                raise ApiException(status=503)

        async def list_all(_: str) -> Any:
            reach()
            return SimpleNamespace(items=[copy.deepcopy(one) for one in self.leases.values()])

        async def create(_: str, body: Any) -> Any:
            reach()
            if body.metadata.name in self.leases:
                raise ApiException(status=409)
            return self._store(body)

        async def replace(name: str, _: str, body: Any) -> Any:
            reach()
            standing = self.leases.get(name)
            if standing is None or standing.metadata.resource_version != body.metadata.resource_version:
                raise ApiException(status=409 if standing else 404)
            return self._store(body)

        return SimpleNamespace(
            list_namespaced_lease=list_all, create_namespaced_lease=create, replace_namespaced_lease=replace
        )

    def _store(self, body: Any) -> Any:
        self.version += 1
        stored = copy.deepcopy(body)
        stored.metadata.resource_version = str(self.version)
        self.leases[stored.metadata.name] = stored
        if self.loses_answers:
            raise ApiException(status=504)
        return copy.deepcopy(stored)

    def holder(self, part: int) -> str:
        return str(self.leases[f"x-part-{part:02}"].spec.holder_identity)


@dataclass
class Candidate:
    """One process, which works on what it was told that it has."""

    leases: PartLeases
    works_on: set[int] = field(default_factory=set)
    stops: bool = True

    def won(self, parts: frozenset[int]) -> None:
        self.works_on |= parts

    async def lost(self, parts: frozenset[int]) -> bool:
        self.works_on -= parts
        return self.stops


class Scene:
    """A server, a clock that a test moves, and candidates."""

    def __init__(self) -> None:
        self.server, self.now = Server(), 100.0

    @asynccontextmanager
    async def candidate(self, who: str, *wanted: int) -> AsyncIterator[Candidate]:
        leases = PartLeases(client.ApiClient(), LeaseName("n", "x"), frozenset(wanted), lambda: self.now)
        leases._leases = self.server.door(who)
        leases._identity = who
        found = Candidate(leases)
        running = asyncio.create_task(leases.run(found.won, found.lost))
        try:
            yield found
        finally:
            running.cancel()
            await asyncio.wait([running])


@pytest.fixture(autouse=True)
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """The loops take turns without pauses."""
    monkeypatch.setattr(part_leases, "RETRY_SECONDS", 0)
    monkeypatch.setattr(part_leases, "GUARD_SECONDS", 0)
    return Scene()


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not look():  # noqa: ASYNC110 - the loop's own turns are the clock
            await asyncio.sleep(0)


async def turns() -> None:
    """Everybody had more than enough turns to do what they would."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_what_is_free_is_taken_and_what_another_has_is_not(scene: Scene) -> None:
    async with scene.candidate("a", 1, 2) as a, scene.candidate("b", 2, 3) as b:
        await until(lambda: len(a.works_on) + len(b.works_on) == 3)
        await turns()
        assert a.works_on | b.works_on == {1, 2, 3}
        assert not a.works_on & b.works_on


async def test_what_is_left_is_taken_at_once(scene: Scene) -> None:
    async with scene.candidate("a", 1) as a:
        await until(lambda: a.works_on)
        async with scene.candidate("b", 1) as b:
            await turns()
            assert not b.works_on
    async with scene.candidate("b", 1) as b:
        await turns()
        assert not b.works_on, "it ended without leaving"
        await a.leases.release()
        assert scene.server.holder(1) in ("", "b")
        await until(lambda: b.works_on)


async def test_a_holder_that_says_nothing_more_keeps_its_part_for_as_long_as_its_lease(scene: Scene) -> None:
    async with scene.candidate("a", 1) as a:
        await until(lambda: a.works_on)
    async with scene.candidate("b", 1) as b:
        await turns()
        scene.now += LEASE_SECONDS - 0.1
        await turns()
        assert not b.works_on
        scene.now += 0.1
        await until(lambda: b.works_on)


async def test_a_holder_that_goes_on_renews_and_keeps_its_part(scene: Scene) -> None:
    async with scene.candidate("a", 1) as a, scene.candidate("b", 1) as b:
        await until(lambda: a.works_on or b.works_on)
        first = set(a.works_on)
        for _ in range(LEASE_SECONDS + 5):
            scene.now += 1
            await turns()
        assert a.works_on == first
        assert a.works_on ^ b.works_on == {1}


async def test_work_stops_while_its_lease_still_keeps_others_away_and_goes_on_afterwards(
    scene: Scene,
) -> None:
    async with scene.candidate("a", 1) as a:
        await until(lambda: a.works_on)
        async with scene.candidate("b", 1) as b:
            await turns()
            scene.server.cut_off = {"a"}
            scene.now += RENEW_SECONDS - 0.1
            await turns()
            assert a.works_on
            scene.now += 0.1
            await until(lambda: not a.works_on)
            assert not b.works_on
            scene.server.cut_off = set()
            await until(lambda: a.works_on)
            assert not b.works_on


async def test_a_part_whose_work_did_not_stop_is_not_taken_again(scene: Scene) -> None:
    async with scene.candidate("a", 1) as a:
        await until(lambda: a.works_on)
        a.stops, scene.server.cut_off = False, {"a"}
        scene.now += RENEW_SECONDS
        await until(lambda: not a.works_on)
        scene.server.cut_off = set()
        await turns()
        assert not a.works_on


async def test_a_part_that_somebody_else_has_written_is_lost_at_once(scene: Scene) -> None:
    async with scene.candidate("a", 1) as a:
        await until(lambda: a.works_on)
        scene.server.leases["x-part-01"].spec.holder_identity = "a person"
        scene.server.leases["x-part-01"].metadata.resource_version = "1000"
        scene.now += part_leases.RENEWAL_SECONDS
        await until(lambda: not a.works_on)
        assert scene.server.holder(1) == "a person"


async def test_a_renewal_whose_answer_is_lost_is_found_and_nothing_is_given_up(scene: Scene) -> None:
    async with scene.candidate("a", 1) as a:
        await until(lambda: a.works_on)
        scene.server.loses_answers = True
        scene.now += part_leases.RENEWAL_SECONDS
        await turns()
        scene.server.loses_answers = False
        scene.now += part_leases.RENEWAL_SECONDS
        await turns()
        scene.now += RENEW_SECONDS - 1
        await turns()
        assert a.works_on


async def test_whoever_takes_a_part_is_named_and_since_when(scene: Scene) -> None:
    async with scene.candidate("a", 1) as a:
        await until(lambda: a.works_on)
        taken = scene.server.leases["x-part-01"].spec
        scene.now += part_leases.RENEWAL_SECONDS
        await until(lambda: scene.server.version > 1)
        renewed = scene.server.leases["x-part-01"].spec
    assert (renewed.holder_identity, renewed.lease_duration_seconds) == ("a", LEASE_SECONDS)
    assert renewed.acquire_time == taken.acquire_time
    assert renewed.renew_time > taken.renew_time
