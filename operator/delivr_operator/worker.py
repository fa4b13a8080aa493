"""Works the queue off: one pass at a time, each in its deadline, each told in one line."""

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from delivr_operator.cluster import ClusterUnavailable
from delivr_operator.health import Health
from delivr_operator.metrics import Metrics
from delivr_operator.queue import WorkQueue
from delivr_operator.reconcile import Outdated, Reconciler
from delivr_operator.resource import Key
from delivr_operator.shares import Shares
from delivr_operator.telemetry import about

logger = logging.getLogger(__name__)

FOR_EACH_PLACE = 16
"""Workers: 15 may wait aside for providers that hang, for 15 s each, one more a second."""

_TOLD = MappingProxyType(
    {
        "done": (logging.INFO, "reconciled"),
        "outdated": (logging.INFO, "changed under way, looking again"),
        "unavailable": (logging.WARNING, "API server gave no answer"),
        "timeout": (logging.WARNING, "pass took too long"),
        "error": (logging.ERROR, "pass broke off"),
    }
)


@dataclass(frozen=True)
class Instruments:
    """Who is told how the work goes: the metrics and the health, also by the database's threads."""

    metrics: Metrics
    health: Health

    def began(self, work: str) -> None:
        """Note that `work` is under way."""
        self.health.began(work)

    def ended(self, work: str) -> None:
        """Note that `work` came to an end, of whatever kind."""
        self.health.ended(work)

    def transacted(self, kind: str, result: str, took: timedelta, *, usable: bool) -> None:
        """Count one transaction."""
        self.metrics.transacted(kind, result, took, usable=usable)


@dataclass(frozen=True)
class Ending:
    """How one pass ended, and what its line says beside that."""

    result: str
    pause: timedelta | None = None
    http: int | None = None
    error: BaseException | None = None

    def tell(self, took: timedelta) -> None:
        """Write the pass's one line."""
        level, message = _TOLD[self.result]
        said: dict[str, str | int | float] = {
            "result": self.result,
            "seconds": round(took.total_seconds(), 3),
        }
        if self.pause is not None:
            said["pause"] = self.pause.total_seconds()
        if self.http is not None:
            said["http"] = self.http
        logger.log(level, message, extra=said, exc_info=self.error)


@dataclass(frozen=True)
class Worker:
    """Takes keys from the queue; the one place where a pass that breaks off is caught."""

    queue: WorkQueue
    reconciler: Reconciler
    instruments: Instruments
    deadline: timedelta
    shares: Shares | None = None
    """What this process sees to, where there are others for the rest."""

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            key = await self.queue.take()
            self.instruments.health.taken()
            if self.shares is None:
                await self._seen_pass(key)
            elif not (self.shares.holds(key) and await self.shares.see_to(key, self._seen_pass(key))):
                self.queue.done(key, None)

    async def _seen_pass(self, key: Key) -> None:
        work = f"a pass over {key}"
        self.instruments.health.began(work)
        try:
            await self._pass(key)
        finally:
            self.instruments.health.ended(work)

    async def _pass(self, key: Key) -> None:
        began = time.monotonic()
        with about(namespace=key.namespace, name=key.name, reconcile=secrets.token_hex(6)):
            ending = await self._ending(key)
            took = timedelta(seconds=time.monotonic() - began)
            ending.tell(took)
        self.instruments.metrics.passed(ending.result, took)

    async def _ending(self, key: Key) -> Ending:
        try:
            async with asyncio.timeout(self.deadline.total_seconds()):
                again = await self.reconciler.reconcile(key, lambda: self.queue.step_aside(key))
        except Outdated:
            await self._look_again(key)
            return Ending("outdated", self.queue.failed(key))
        except ClusterUnavailable as error:
            return Ending("unavailable", self.queue.failed(key), http=error.status or 0)
        except TimeoutError:
            return Ending("timeout", self.queue.failed(key))
        except Exception as error:  # noqa: BLE001 - a bug in one pass must not stop the others; it is told
            return Ending("error", self.queue.failed(key), error=error)
        self.queue.done(key, again)
        return Ending("done")

    async def _look_again(self, key: Key) -> None:
        try:
            concerned = await self.reconciler.look_again(key)
        except ClusterUnavailable:
            return  # the pass that follows a pause finds out
        for one in concerned:
            self.queue.add(one)
