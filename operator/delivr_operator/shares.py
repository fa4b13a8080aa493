"""Which parts of the tenants are this process's now, and the passes that are under way in each."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from delivr_operator.inventory import Inventory
from delivr_operator.metrics import Metrics
from delivr_operator.queue import WorkQueue
from delivr_operator.resource import Key
from delivr_operator.sharing import part_of

Pass = Coroutine[Any, Any, None]

PATIENCE = timedelta(seconds=1)
"""How long passes that are told to stop may take to put their things away."""


@dataclass(frozen=True)
class Shares:
    """What one of several operators sees to; the others see to the rest.

    A key of no held part is let go: whoever holds its part has the same news, and all keys of a part come
    with the part.
    """

    inventory: Inventory
    queue: WorkQueue
    metrics: Metrics
    _held: set[int] = field(default_factory=set)
    _under_way: dict["asyncio.Task[None]", int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many parts are held."""
        return len(self._held)

    def part(self, key: Key) -> int:
        """Return the part of what stands at `key`: rivals for one tenant are in the same."""
        return part_of(self.inventory.declared_tenant(key) or str(key))

    def holds(self, key: Key) -> bool:
        """Tell whether this process is to see to what stands at `key`."""
        return self.part(key) in self._held

    def win(self, parts: frozenset[int]) -> None:
        """Have these parts from now on, and look at everything in them."""
        self._held.update(parts)
        for key in self._within(parts):
            self.queue.add(key)

    async def lose(self, parts: frozenset[int]) -> bool:
        """Stop all passes over these parts; tell whether they ended."""
        self._held.difference_update(parts)
        passes = [task for task, part in self._under_way.items() if part in parts]
        for task in passes:
            task.cancel()
        if passes:
            await asyncio.wait(passes, timeout=PATIENCE.total_seconds())
        for key in self._within(parts):
            self.queue.forget(key)
            self.metrics.forget(key)
        return all(task.done() for task in passes)

    async def see_to(self, key: Key, work: Pass) -> bool:
        """Do a pass over `key`; tell whether it came to its end before the part was lost."""
        task = asyncio.create_task(work)
        self._under_way[task] = self.part(key)
        try:
            await asyncio.wait([task])
        finally:  # it ends with whoever waits for it
            task.cancel()
            await asyncio.wait([task])
            del self._under_way[task]
        if task.cancelled():
            return False
        task.result()
        return True

    def _within(self, parts: frozenset[int]) -> list[Key]:
        return [key for key in self.inventory if self.part(key) in parts]
