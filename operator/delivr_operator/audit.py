"""Holds what the watches have shown against what is there: a dead watch looks just like a quiet one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from delivr_operator.cluster import ClusterUnavailable
from delivr_operator.inventory import Inventory
from delivr_operator.queue import WorkQueue
from delivr_operator.reconcile import Reconciler
from delivr_operator.resource import Key


@dataclass
class Lag:
    """Since when something stands at the API server that no watch has shown."""

    now: Callable[[], datetime]
    _setups: dict[Key, tuple[str, datetime]] = field(default_factory=dict)
    """The first version that was found unseen: what changes all the time is not behind for ever."""
    _namespaces: dict[str, datetime] = field(default_factory=dict)

    def __call__(self) -> timedelta:
        """Return for how long the watches have been behind; zero while they are not, or nobody can tell."""
        moments = [*(since for _, since in self._setups.values()), *self._namespaces.values()]
        return self.now() - min(moments) if moments else timedelta()

    def forget(self) -> None:
        """Count anew: what was behind before an outage says nothing after it."""
        self._setups, self._namespaces = {}, {}

    def compare(
        self, inventory: Inventory, setups: Mapping[Key, str], tenants: Mapping[str, str | None]
    ) -> None:
        """Take down which of `setups` and `tenants`, as they stand now, the inventory does not know."""
        now = self.now()
        found = {key: (version, now) for key, version in setups.items()} | {
            key: before for key, before in self._setups.items() if key in setups
        }
        self._setups = {key: one for key, one in found.items() if not inventory.has_seen(key, one[0])}
        used = {key.namespace for key in setups} & tenants.keys()
        self._namespaces = {
            name: self._namespaces.get(name, now)
            for name in used
            if not (inventory.knows_namespace(name) and inventory.tenant_of(name) == tenants[name])
        }


@dataclass(frozen=True)
class Audit:
    """Looks, now and then, at what is there."""

    reconciler: Reconciler
    queue: WorkQueue
    lag: Lag

    async def look(self) -> None:
        """Take down what no watch has shown, and forget resources of whose end none has told.

        Raises:
            ClusterUnavailable: the API server gave no answer.
        """
        inventory, listing = self.reconciler.inventory, self.reconciler.cluster.listing
        before = frozenset(inventory)
        try:
            setups, tenants = await listing.setups(), await listing.tenants()
        except ClusterUnavailable:
            self.lag.forget()
            raise
        self.lag.compare(inventory, setups, tenants)
        for key in before - setups.keys():
            for concerned in await self.reconciler.look_again(key):
                self.queue.add(concerned)
