"""The running operator: everything built once, passed in, and stopped in order."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import kopf

from delivr_operator.cluster import Cluster, ClusterUnavailable
from delivr_operator.database import Database
from delivr_operator.handlers import Inbox, quiet_settings, registry
from delivr_operator.inventory import Inventory
from delivr_operator.metrics import Metrics
from delivr_operator.observed import Rules
from delivr_operator.observing import Observer
from delivr_operator.probing import Prober
from delivr_operator.queue import WorkQueue
from delivr_operator.reconcile import Outdated, Reconciler
from delivr_operator.resource import Key
from delivr_operator.settings import Settings
from delivr_operator.telemetry import Health, serve_health

PASS_DEADLINE = 120.0
"""Seconds after which a pass is broken off; a probe has its own, shorter deadline."""
WATCH_PAUSE = 2.0
FORBIDDEN_PAUSE = 60.0
"""A missing right is rarely given within seconds; passes at every interval go on without the watch."""

logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    """Return the present, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clocks:
    """The present, and seconds that only ever grow."""

    now: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class Worker:
    """Takes keys from the queue; the one place where a pass that breaks off is caught."""

    queue: WorkQueue
    reconciler: Reconciler
    health: Health

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            key = await self.queue.take()
            self.health.began(str(key))
            try:
                await self._pass(key)
            finally:
                self.health.ended(str(key))

    async def _pass(self, key: Key) -> None:
        began = utc_now()
        result = await self._result(key)
        self.reconciler.metrics.passed(result, utc_now() - began)

    async def _result(self, key: Key) -> str:
        place = {"namespace": key.namespace, "setup": key.name}
        try:
            async with asyncio.timeout(PASS_DEADLINE):
                again = await self.reconciler.reconcile(key)
        except Outdated:
            await self._look_again(key)
            self.queue.failed(key)
            return "outdated"
        except ClusterUnavailable as error:
            pause = self.queue.failed(key)
            said = place | {"http": error.status or 0, "pause": str(pause)}
            logger.warning("API server gave no answer", extra=said)
            return "unavailable"
        except TimeoutError:
            pause = self.queue.failed(key)
            logger.warning("pass took too long", extra=place | {"pause": str(pause)})
            return "timeout"
        except Exception:  # a bug in one pass must not stop the others; telemetry keeps its text out
            pause = self.queue.failed(key)
            logger.exception("pass broke off", extra=place | {"pause": str(pause)})
            return "error"
        self.queue.done(key, again)
        return "done"

    async def _look_again(self, key: Key) -> None:
        try:
            concerned = await self.reconciler.look_again(key)
        except ClusterUnavailable:
            return  # the pass that follows a pause finds out
        for one in concerned:
            self.queue.add(one)


async def run(settings: Settings, *, namespace: str | None, health_port: int) -> None:
    """Run the operator until it is told to stop."""
    health = Health(utc_now, stuck_after=timedelta(seconds=2 * PASS_DEADLINE))
    inventory, queue = Inventory(), WorkQueue(utc_now)
    metrics = Metrics(per_resource=settings.metrics_per_resource, queue_depth=lambda: len(queue))
    inbox = Inbox(inventory, queue, metrics)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(settings.workers, "database"))
    async with reconciling(settings, inventory, metrics, namespace, Clocks()) as reconciler:
        runner = await serve_health(health, metrics.page, health_port)
        try:
            worker = Worker(queue, reconciler, health)
            async with _background(worker, settings.workers, inbox, namespace or "cluster"):
                await _watch(inbox, namespace)
        finally:
            await runner.cleanup()


@contextlib.asynccontextmanager
async def reconciling(
    settings: Settings,
    inventory: Inventory,
    metrics: Metrics,
    namespace: str | None,
    clocks: Clocks,
) -> AsyncIterator[Reconciler]:
    """Offer a reconciler with everything it needs, and close that afterwards."""
    sealer = settings.sealer
    rules = Rules(
        disabled=settings.disabled_types,
        max_staleness=settings.max_staleness,
        heartbeat=settings.status_heartbeat,
        recheck=settings.recheck_interval,
        drift=settings.drift_interval,
    )
    database = Database.connect(settings.database_url, sealer, pool_size=settings.workers)
    prober = Prober.open(settings, monotonic=clocks.monotonic)
    try:
        async with Cluster.connect(namespace) as cluster:
            observer = Observer(inventory, cluster, database, sealer)
            yield Reconciler(observer, inventory, cluster, database, prober, rules, metrics, clocks.now)
    finally:
        await prober.aclose()
        database.close()


@contextlib.asynccontextmanager
async def _background(worker: Worker, count: int, inbox: Inbox, scope: str) -> AsyncIterator[None]:
    cluster = worker.reconciler.cluster
    tasks = [asyncio.create_task(worker.run(), name=f"worker-{n}") for n in range(count)]
    tasks.append(asyncio.create_task(_watch_secrets(cluster, inbox), name="secrets"))
    for task in tasks:
        task.add_done_callback(lambda _: setattr(worker.health, "broken", True))
    tasks.append(asyncio.create_task(_greet(cluster, worker.health, scope), name="greeting"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch_secrets(cluster: Cluster, inbox: Inbox) -> None:
    while True:
        pause = WATCH_PAUSE
        try:
            await cluster.secret_watch.run(inbox.secret_seen)
        except ClusterUnavailable as error:
            pause = FORBIDDEN_PAUSE if error.forbidden else WATCH_PAUSE
            logger.warning("watching Secrets was cut", extra={"http": error.status or 0})
        except Exception:  # the watch must go on whatever one line held; telemetry keeps its text out
            logger.exception("watching Secrets broke off")
        await asyncio.sleep(pause)


async def _greet(cluster: Cluster, health: Health, scope: str) -> None:
    """Be ready once the API server has answered in the operator's own role."""
    while not health.ready:
        try:
            await cluster.greet()
        except ClusterUnavailable as error:
            logger.warning("API server gave no answer", extra={"http": error.status or 0})
            await asyncio.sleep(WATCH_PAUSE)
        else:
            health.ready = True
            logger.info("watching", extra={"scope": scope})


async def _watch(inbox: Inbox, namespace: str | None) -> None:
    await kopf.operator(
        registry=registry(cluster_wide=namespace is None),
        settings=quiet_settings(),
        memo=inbox,
        identity="delivr-operator",  # type: ignore[arg-type]  # else kopf asks for the user's name
        clusterwide=namespace is None,
        namespaces=[namespace] if namespace else [],
    )
