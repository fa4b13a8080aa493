"""The running operator: everything built once, passed in, and stopped in order."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import TypeAlias

import kopf

from delivr_operator.audit import Audit, Lag
from delivr_operator.cluster import Cluster, ClusterUnavailable, LeaseName
from delivr_operator.crew import Crew, Ending, LeaseLost
from delivr_operator.database import Database, Desk
from delivr_operator.handlers import Inbox, quiet_settings, registry
from delivr_operator.health import Health, serve_health
from delivr_operator.inventory import Inventory
from delivr_operator.metrics import Metrics
from delivr_operator.newcomers import Newcomers
from delivr_operator.observed import Rules
from delivr_operator.observing import Observer
from delivr_operator.probing import Prober
from delivr_operator.queue import WorkQueue
from delivr_operator.reconcile import Reconciler
from delivr_operator.settings import Settings
from delivr_operator.shares import Shares
from delivr_operator.sharing import Shard
from delivr_operator.worker import FOR_EACH_PLACE, Instruments, Worker

Task: TypeAlias = "asyncio.Task[None]"

SETTLING = timedelta(seconds=4)
"""How long the database's transactions are waited for at the end; what does not end then is undone."""
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


class _LeftBehind(ThreadPoolExecutor):
    """Threads that are not waited for at the end: one may hang in a question to a silent name server."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        super().shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Turn:
    """When to work, where there are several operators: while `lease` is held, by the one that works.

    With a shard, all of them work, each on those of its parts of whose Leases, named after `lease`, it holds.
    """

    lease: LeaseName
    shard: Shard | None = None


async def run(
    settings: Settings, *, namespace: str | None, health_port: int, turn: Turn | None = None
) -> None:
    """Run the operator until it is told to stop; with `turn`, work only as that says.

    Raises:
        LeaseLost: the API server did not renew a Lease in time.
    """
    inventory, queue, lag = Inventory(), WorkQueue(utc_now, settings.workers), Lag(utc_now)
    instruments = _instruments(settings, queue, lag)
    # A namespace alone is not watched, others may have worked since, and a new key is for every row.
    is_open = namespace is None and turn is None and not settings.changes_keys
    newcomers = Newcomers(inventory, queue, instruments.metrics, _rules(settings), utc_now, is_open)
    inbox = Inbox(inventory, queue, instruments.metrics, newcomers)
    shares = Shares(inventory, queue, instruments.metrics) if turn and turn.shard else None
    if shares is not None:
        instruments.metrics.follow_parts(shares.__len__)
    asyncio.get_running_loop().set_default_executor(_LeftBehind(thread_name_prefix="names"))
    async with reconciling(settings, inventory, instruments, namespace, Clocks()) as reconciler:
        runner = await serve_health(instruments.health, instruments.metrics.page, health_port)
        try:
            worker = Worker(queue, reconciler, instruments, settings.pass_deadline, shares)
            ending = Ending(asyncio.Event(), asyncio.Event(), asyncio.Event())
            crew = _crew(worker, settings.workers * FOR_EACH_PLACE, turn, ending)
            tasks = [
                asyncio.create_task(crew.run(), name="the workers"),
                *_watchers(worker, inbox, lag, cluster_wide=namespace is None),
            ]
            async with _background(tasks, instruments.health, ending), _greeting(worker, namespace):
                await _watch(inbox, namespace, ending)
        finally:
            await runner.cleanup()
    if ending.lost.is_set():
        raise LeaseLost
    logger.info("stopped")


def _instruments(settings: Settings, queue: WorkQueue, lag: Lag) -> Instruments:
    metrics = Metrics(
        per_resource=settings.metrics_per_resource,
        queue_depth=lambda: len(queue),
        queue_age=queue.oldest_wait,
        watch_lag=lag,
        version=version("delivr-operator"),
    )
    stuck_after = 2 * settings.pass_deadline
    return Instruments(metrics, Health(utc_now, stuck_after, queue.oldest_wait, lag))


@contextlib.asynccontextmanager
async def reconciling(
    settings: Settings,
    inventory: Inventory,
    instruments: Instruments,
    namespace: str | None,
    clocks: Clocks,
) -> AsyncIterator[Reconciler]:
    """Offer a reconciler with everything it needs, and close that afterwards."""
    sealer = settings.sealer
    metrics, prober = instruments.metrics, Prober.open(settings, monotonic=clocks.monotonic)
    metrics.follow_quotas(prober.quotas.lowest)
    database = Database.connect(
        settings.database_url, sealer, settings.workers, settings.category_sealer, metrics.deadlocked
    )
    threads = ThreadPoolExecutor(settings.workers, "database")
    desk = Desk(database, threads, instruments)
    try:
        async with Cluster.connect(namespace, metrics.asked_cluster) as cluster:
            observer = Observer(inventory, cluster, desk, sealer)
            yield Reconciler(
                observer, inventory, cluster, desk, prober, _rules(settings), metrics, clocks.now
            )
    finally:
        if not await desk.settle(SETTLING):
            logger.warning("the database did not answer to the end; what it did not commit is undone")
        threads.shutdown(wait=False, cancel_futures=True)
        await prober.aclose()
        database.close()


def _rules(settings: Settings) -> Rules:
    return Rules(
        disabled=settings.disabled_types,
        max_staleness=settings.max_staleness,
        heartbeat=settings.status_heartbeat,
        recheck=settings.recheck_interval,
        drift=settings.drift_interval,
    )


def _crew(worker: Worker, count: int, turn: Turn | None, ending: Ending) -> Crew:
    reconciler = worker.reconciler
    cluster = reconciler.cluster
    leadership = cluster.leadership(turn.lease) if turn and not turn.shard else None
    parts = cluster.part_leases(turn.lease, turn.shard.parts) if turn and turn.shard else None
    return Crew(worker, count, leadership, lambda: reconciler.database.settle(SETTLING), ending, parts)


def _watchers(worker: Worker, inbox: Inbox, lag: Lag, *, cluster_wide: bool) -> Iterator[Task]:
    cluster = worker.reconciler.cluster
    audit = Audit(worker.reconciler, worker.queue, lag)
    watches = {
        "Secrets": partial(cluster.secret_watch.run, inbox.secret_seen, inbox.newcomers.secrets_listed)
    }
    if cluster_wide:
        watches["namespaces"] = partial(
            cluster.namespace_watch.run, inbox.namespace_seen, inbox.inventory.namespaces_listed
        )
    for what, watch in watches.items():
        watching = _keep_watching(what, watch, inbox.newcomers)
        yield asyncio.create_task(watching, name=f"the watch of {what}")
    looking = _look_around(audit, inbox.newcomers, worker.deadline / 2)
    yield asyncio.create_task(looking, name="the audit of the watches")


@contextlib.asynccontextmanager
async def _background(tasks: Sequence[Task], health: Health, ending: Ending) -> AsyncIterator[None]:
    """Have `tasks`, which must not end before they are told, run for as long as the block does."""

    def ended(task: Task) -> None:
        if not task.cancelled() and not ending.told.is_set():
            health.broken = task.get_name()

    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        ending.told.set()
        for task in tasks[1:]:  # the workers end by being told, and leave what they hold in order
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _greeting(worker: Worker, namespace: str | None) -> AsyncIterator[None]:
    greeting = asyncio.create_task(
        _greet(worker.reconciler.cluster, worker.instruments.health, namespace or "cluster")
    )
    try:
        yield
    finally:
        greeting.cancel()
        await asyncio.gather(greeting, return_exceptions=True)


async def _look_around(audit: Audit, newcomers: Newcomers, pause: timedelta) -> None:
    while True:
        await asyncio.sleep(pause.total_seconds())
        newcomers.close()
        try:
            await audit.look()
        except ClusterUnavailable as error:
            logger.warning("API server gave no answer", extra={"http": error.status or 0})
        except Exception:  # the watches must be held against what is there whatever one answer held
            logger.exception("looking around broke off")


async def _keep_watching(what: str, watch: Callable[[], Awaitable[None]], newcomers: Newcomers) -> None:
    while True:
        pause = WATCH_PAUSE
        try:
            await watch()
        except ClusterUnavailable as error:
            pause = FORBIDDEN_PAUSE if error.forbidden else WATCH_PAUSE
            logger.warning("watching %s was cut", what, extra={"http": error.status or 0})
        except Exception:  # the watch must go on whatever one line held; telemetry keeps its text out
            logger.exception("watching %s broke off", what)
        newcomers.close()
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


async def _watch(inbox: Inbox, namespace: str | None, ending: Ending) -> None:
    await kopf.operator(
        ready_flag=ending.started,
        stop_flag=ending.told,
        registry=registry(inbox),
        settings=quiet_settings(),
        memo=inbox,
        identity="delivr-operator",  # type: ignore[arg-type]  # else kopf asks for the user's name
        clusterwide=namespace is None,
        namespaces=[namespace] if namespace else [],
    )
