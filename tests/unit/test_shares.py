"""What one of several operators sees to: the keys of its parts, for as long as it has them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from delivr_operator import shares as module
from delivr_operator.inventory import Inventory
from delivr_operator.metrics import Metrics
from delivr_operator.queue import WorkQueue
from delivr_operator.resource import Key, ReleaseSetup
from delivr_operator.shares import Shares
from delivr_operator.sharing import PARTS, part_of
from delivr_operator.status import Status

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def setup(namespace: str, tenant: str | None, name: str = "app") -> ReleaseSetup:
    """A resource of a tenant; of none that can be read where that is None."""
    spec = {"tenantId": tenant, "owner": "owner@example.test"} if tenant else {"tenantId": 7}
    metadata = {
        "namespace": namespace,
        "name": name,
        "uid": f"{namespace}-{name}",
        "generation": 1,
        "creationTimestamp": NOW.isoformat(),
        "resourceVersion": "1",
    }
    return ReleaseSetup.parse({"metadata": metadata, "spec": spec})


class Scene:
    """A share of an inventory with one tenant in each part."""

    def __init__(self) -> None:
        self.inventory, self.queue = Inventory(), WorkQueue(lambda: NOW)
        self.metrics = Metrics(per_resource=True, queue_depth=lambda: len(self.queue))
        self.shares = Shares(self.inventory, self.queue, self.metrics)
        self.tenants: dict[int, str] = {}
        for number in range(1000):
            self.tenants.setdefault(part_of(f"t{number}"), f"t{number}")
        assert len(self.tenants) == PARTS
        for tenant in self.tenants.values():
            self.inventory.put(setup(tenant, tenant))

    def key(self, part: int) -> Key:
        return Key(self.tenants[part], "app")

    async def queued(self) -> set[Key]:
        return {await self.queue.take() for _ in range(len(self.queue))}


async def forever() -> None:
    await asyncio.Event().wait()


async def test_everything_in_a_part_is_looked_at_when_it_is_won_and_nothing_else() -> None:
    scene = Scene()
    scene.shares.win(frozenset({3, 4}))
    assert await scene.queued() == {scene.key(3), scene.key(4)}
    assert len(scene.shares) == 2
    assert [part for part in range(PARTS) if scene.shares.holds(scene.key(part))] == [3, 4]


def test_rivals_for_one_tenant_are_in_one_part_and_the_unreadable_have_one_too() -> None:
    scene = Scene()
    rival, unreadable = setup("elsewhere", scene.tenants[5]), setup("garbled", None)
    scene.inventory.put(rival)
    scene.inventory.put(unreadable)
    assert scene.shares.part(rival.key) == scene.shares.part(scene.key(5)) == 5
    assert scene.shares.part(unreadable.key) == part_of("garbled/app")


async def test_a_lost_part_takes_its_passes_along_and_no_others() -> None:
    scene = Scene()
    scene.shares.win(frozenset({1, 2}))
    lost, kept = (asyncio.create_task(scene.shares.see_to(scene.key(part), forever())) for part in (1, 2))
    await asyncio.sleep(0)
    assert await scene.shares.lose(frozenset({1})) is True
    assert await lost is False
    assert not kept.done()
    assert not scene.shares.holds(scene.key(1))
    assert scene.shares.holds(scene.key(2))
    kept.cancel()
    await asyncio.wait([kept])


async def test_a_pass_belongs_to_the_part_in_which_it_began() -> None:
    scene = Scene()
    scene.shares.win(frozenset({1}))
    under_way = asyncio.create_task(scene.shares.see_to(scene.key(1), forever()))
    await asyncio.sleep(0)
    scene.inventory.drop(setup(scene.tenants[1], scene.tenants[1]))
    assert await scene.shares.lose(frozenset({1})) is True
    assert await under_way is False


async def test_what_is_lost_is_neither_planned_nor_shown_any_more() -> None:
    scene = Scene()
    for part in (1, 2):
        scene.metrics.show(scene.key(part), Status())
        scene.queue.add_at(scene.key(part), NOW)
    scene.shares.win(frozenset({1, 2}))
    await scene.queued()
    for part in (1, 2):
        scene.queue.done(scene.key(part), NOW)
    await scene.shares.lose(frozenset({1}))
    page = scene.metrics.page().decode()
    assert f'exported_namespace="{scene.tenants[1]}"' not in page
    assert f'exported_namespace="{scene.tenants[2]}"' in page
    assert await scene.queue.take() == scene.key(2)
    assert scene.queue.oldest_wait().total_seconds() == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await scene.queue.take()


async def test_a_pass_that_does_not_stop_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", module.PATIENCE / 100)
    scene, began, deaf = Scene(), asyncio.Event(), asyncio.Event()

    async def goes_on() -> None:
        began.set()
        while not deaf.is_set():
            try:
                await deaf.wait()
            except asyncio.CancelledError:
                continue

    scene.shares.win(frozenset({1}))
    under_way = asyncio.create_task(scene.shares.see_to(scene.key(1), goes_on()))
    await asyncio.wait_for(began.wait(), 5)
    stopped = await scene.shares.lose(frozenset({1}))
    deaf.set()
    await asyncio.wait([under_way])
    assert stopped is False


async def test_a_pass_ends_with_the_worker_that_waits_for_it() -> None:
    scene, ended = Scene(), asyncio.Event()

    async def work() -> None:
        try:
            await forever()
        finally:
            ended.set()

    scene.shares.win(frozenset({1}))
    worker = asyncio.create_task(scene.shares.see_to(scene.key(1), work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    worker.cancel()
    await asyncio.wait([worker])
    assert ended.is_set()


async def test_what_breaks_a_pass_off_reaches_the_worker() -> None:
    async def work() -> Any:
        raise KeyError("a bug")

    scene = Scene()
    with pytest.raises(KeyError):
        await scene.shares.see_to(scene.key(1), work())
    assert await scene.shares.see_to(scene.key(1), asyncio.sleep(0)) is True
