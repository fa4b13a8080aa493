"""All workers at work, or none: with Leases only while held; they are left once nothing is written."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from delivr_operator.cluster import Leadership, PartLeases
from delivr_operator.shares import Shares
from delivr_operator.worker import Worker

logger = logging.getLogger(__name__)


class LeaseLost(Exception):  # noqa: N818 - somebody else works on, which is no programming error
    """Another operator may be at work by now, so that this one has stopped."""

    sentence = "The Lease was lost, so that another operator may work: start this one again."


@dataclass(frozen=True)
class Ending:
    """When the process has to end, and whether the Lease is why."""

    started: asyncio.Event
    """Set by kopf, once it has taken the signals for itself."""
    told: asyncio.Event
    lost: asyncio.Event

    async def listen(self) -> None:
        """Return once the process is told to end; kopf takes seconds over its own end, work need not."""
        taking_over = asyncio.create_task(self._take_signals())
        try:
            await self.told.wait()
        finally:
            taking_over.cancel()

    async def _take_signals(self) -> None:
        await self.started.wait()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.told.set)


@dataclass(frozen=True)
class Crew:
    """The workers of one operator."""

    worker: Worker
    count: int
    leadership: Leadership | None
    settled: Callable[[], Awaitable[bool]]
    """Waits for the transactions under way; tells whether all of them ended."""
    ending: Ending
    part_leases: PartLeases | None = None
    """Says what the workers' shares are."""

    async def run(self) -> None:
        """Work until told to end; with a Lease, only while it is held."""
        work = asyncio.create_task(self._work_in_turn())
        end = asyncio.create_task(self.ending.listen())
        try:
            await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, end):
                task.cancel()
            await asyncio.wait({work, end})
            await self._leave()
        if not work.cancelled():
            work.result()  # raises what broke it off

    async def _work_in_turn(self) -> None:
        if self.leadership is not None:
            await self._elected(self.leadership)
        elif self.part_leases is not None and self.worker.shares is not None:
            await self._share(self.part_leases, self.worker.shares)
        else:
            await self._work()

    async def _share(self, leases: PartLeases, shares: Shares) -> None:
        async def lost(parts: frozenset[int]) -> bool:
            if await shares.lose(parts) and await self.settled():
                return True
            self._give_up()
            return False

        async with asyncio.TaskGroup() as group:
            group.create_task(self._work())
            group.create_task(leases.run(shares.win, lost))

    async def _elected(self, leadership: Leadership) -> None:
        standing_by = asyncio.create_task(self._stand_by())

        async def take_over() -> None:
            standing_by.cancel()
            await asyncio.wait([standing_by])
            for key in self.worker.reconciler.inventory:
                self.worker.queue.add(key)
            await self._work()

        try:
            await leadership.while_leading(take_over)
        finally:
            standing_by.cancel()
        self._give_up()

    def _give_up(self) -> None:
        self.ending.lost.set()
        self.ending.told.set()

    async def _stand_by(self) -> None:
        """Let keys go: another operator sees to them, and all come again with the Lease."""
        while True:
            key = await self.worker.queue.take()
            self.worker.instruments.health.taken()
            self.worker.queue.done(key, None)

    async def _work(self) -> None:
        await asyncio.gather(*(self.worker.run() for _ in range(self.count)))

    async def _leave(self) -> None:
        """Let the next begin at once, if nothing of this one's can still be written."""
        leases = self.leadership or self.part_leases
        if leases is None:
            return
        if await self.settled():
            await leases.release()
        else:
            logger.warning("the Lease is left to its end: a transaction is still under way")
