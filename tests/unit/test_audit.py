"""The audit tells watches that are behind from those that are quiet, slow, or cut off with everyone."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from delivr_operator.audit import Audit, Lag
from delivr_operator.cluster import ClusterUnavailable
from delivr_operator.inventory import Inventory
from delivr_operator.queue import WorkQueue
from delivr_operator.reconcile import Reconciler
from delivr_operator.resource import Key, ReleaseSetup

TENANT = "Kp3xQ7_m-Z"
A, B = Key("falcon", "a"), Key("falcon", "b")
BOUND: dict[str, str | None] = {"falcon": TENANT}
MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def setup(key: Key, version: int) -> ReleaseSetup:
    metadata = {
        "namespace": key.namespace,
        "name": key.name,
        "uid": f"uid-{key.name}",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "resourceVersion": str(version),
    }
    return ReleaseSetup.parse({"metadata": metadata, "spec": {"tenantId": TENANT, "owner": "o@e.test"}})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lag(clock: Clock) -> Lag:
    return Lag(clock)


@pytest.fixture
def shown() -> Inventory:
    inventory = Inventory()
    inventory.put(setup(A, 9))
    inventory.bind("falcon", TENANT)
    return inventory


@pytest.mark.parametrize("version", ["8", "9"])
def test_what_was_shown_at_least_as_new_is_no_lag(
    lag: Lag, shown: Inventory, clock: Clock, version: str
) -> None:
    lag.compare(shown, {A: version}, BOUND)
    clock.now += MINUTE
    assert lag() == timedelta()


@pytest.mark.parametrize("standing", [{A: "10"}, {A: "9", B: "3"}], ids=["changed", "made"])
def test_what_was_not_shown_is_counted_from_the_first_look(
    lag: Lag, shown: Inventory, clock: Clock, standing: dict[Key, str]
) -> None:
    for _ in range(3):
        lag.compare(shown, standing, BOUND)
        clock.now += MINUTE
    assert lag() == 3 * MINUTE
    for key, version in standing.items():
        shown.put(setup(key, int(version)))
    lag.compare(shown, standing, BOUND)
    assert lag() == timedelta()


def test_a_resource_that_changes_all_the_time_is_not_behind_for_ever(
    lag: Lag, shown: Inventory, clock: Clock
) -> None:
    for version in range(10, 20):
        lag.compare(shown, {A: str(version)}, BOUND)  # the watch shows each one only after the look
        clock.now += MINUTE
        shown.put(setup(A, version))
        assert lag() <= MINUTE


def test_one_that_stays_behind_while_it_changes_on_is_counted_from_the_first(
    lag: Lag, shown: Inventory, clock: Clock
) -> None:
    for version in range(10, 14):
        lag.compare(shown, {A: str(version)}, BOUND)
        clock.now += MINUTE
    assert lag() == 4 * MINUTE


def test_what_is_gone_is_no_lag(lag: Lag, shown: Inventory, clock: Clock) -> None:
    lag.compare(shown, {A: "10"}, BOUND)
    clock.now += MINUTE
    lag.compare(shown, {}, BOUND)
    assert lag() == timedelta()


@pytest.mark.parametrize("tenant", ["another", None])
def test_a_namespace_whose_tenant_was_not_shown_is_lag_where_it_holds_a_resource(
    lag: Lag, shown: Inventory, clock: Clock, tenant: str | None
) -> None:
    for _ in range(2):
        lag.compare(shown, {A: "9"}, {"falcon": tenant, "elsewhere": "whoever"})
        clock.now += MINUTE
    assert lag() == 2 * MINUTE
    shown.bind("falcon", tenant)
    lag.compare(shown, {A: "9"}, {"falcon": tenant})
    assert lag() == timedelta()


def test_where_namespaces_are_not_watched_they_are_no_lag(lag: Lag, clock: Clock) -> None:
    inventory = Inventory()
    inventory.put(setup(A, 9))
    lag.compare(inventory, {A: "9"}, {})
    clock.now += MINUTE
    assert lag() == timedelta()


@dataclass
class Cluster:
    """An API server as far as an audit asks it."""

    inventory: Inventory
    standing: dict[Key, str]
    outage: bool = False
    looked_at: list[Key] = field(default_factory=list)

    async def setups(self) -> dict[Key, str]:
        if self.outage:
            raise ClusterUnavailable(503)
        return self.standing

    async def tenants(self) -> dict[str, str | None]:
        return BOUND

    async def look_again(self, key: Key) -> frozenset[Key]:
        self.looked_at.append(key)
        found = self.inventory.get(key)
        assert found is not None
        return self.inventory.drop(found)


def audit(cluster: Cluster, queue: WorkQueue, lag: Lag) -> Audit:
    reconciler: Any = SimpleNamespace(
        inventory=cluster.inventory,
        cluster=SimpleNamespace(listing=cluster),
        look_again=cluster.look_again,
    )
    return Audit(cast("Reconciler", reconciler), queue, lag)


async def test_a_resource_whose_end_no_watch_told_of_lets_its_rival_come(
    lag: Lag, shown: Inventory, clock: Clock
) -> None:
    shown.put(setup(B, 3))
    cluster, queue = Cluster(shown, {B: "3"}), WorkQueue(clock)
    await audit(cluster, queue, lag).look()
    assert cluster.looked_at == [A]
    assert shown.get(A) is None
    assert await queue.take() == B


async def test_an_outage_of_the_api_server_is_no_lag(lag: Lag, shown: Inventory, clock: Clock) -> None:
    cluster, queue = Cluster(shown, {A: "10"}), WorkQueue(clock)
    await audit(cluster, queue, lag).look()
    clock.now += MINUTE
    assert lag() == MINUTE
    cluster.outage = True
    with pytest.raises(ClusterUnavailable):
        await audit(cluster, queue, lag).look()
    clock.now += 60 * MINUTE
    assert lag() == timedelta()
    cluster.outage = False
    await audit(cluster, queue, lag).look()
    assert lag() == timedelta()  # counted anew, from this look
    assert cluster.looked_at == []
