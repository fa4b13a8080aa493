"""What the operator writes comes back by the watch, before or after the answer, and concerns nobody."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import kopf
import pytest

from delivr_operator.cluster import Cluster
from delivr_operator.handlers import Inbox, quiet_settings
from delivr_operator.inventory import Inventory
from delivr_operator.metrics import Metrics
from delivr_operator.newcomers import Newcomers
from delivr_operator.observed import Rules
from delivr_operator.observing import Observer
from delivr_operator.queue import WorkQueue
from delivr_operator.reconcile import Outdated, Reconciler
from delivr_operator.resource import REQUESTED_AT_ANNOTATION, Key, ReleaseSetup
from delivr_operator.status import Status

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = Key("falcon", "app")


def body(version: int, requested_at: str | None = None) -> dict[str, Any]:
    annotations = {} if requested_at is None else {REQUESTED_AT_ANNOTATION: requested_at}
    metadata = {
        "namespace": KEY.namespace,
        "name": KEY.name,
        "uid": "uid",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "resourceVersion": str(version),
        "annotations": annotations,
    }
    return {"metadata": metadata, "spec": {"tenantId": "#", "owner": "owner@example.test"}}


class ApiServer:
    """Answers a status write when it is told to; the watch is quicker where the test says so."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self._answer = answer

    async def write_status(self, setup: ReleaseSetup, status: Status) -> ReleaseSetup:  # noqa: ARG002
        self.asked.set()
        await self.answers.wait()
        return ReleaseSetup.parse(self._answer)

    async def post_event(self, *_: Any) -> None: ...


class Unreadable:
    """An observer of specs that cannot be read: nothing else is asked before the status is written."""

    async def observe(self, setup: ReleaseSetup) -> Any:
        return setup.spec


@pytest.fixture
def inbox() -> Inbox:
    queue = WorkQueue(lambda: NOW)
    metrics = Metrics(per_resource=False, queue_depth=lambda: 0, queue_age=queue.oldest_wait, version="test")
    inventory = Inventory()
    newcomers = Newcomers(inventory, queue, metrics, Rules(), lambda: NOW, is_open=False)
    return Inbox(inventory, queue, metrics, newcomers)


def reconciler(inbox: Inbox, server: ApiServer) -> Reconciler:
    nothing: Any = None
    return Reconciler(
        cast("Observer", Unreadable()),
        inbox.inventory,
        cast("Cluster", server),
        database=nothing,
        prober=nothing,
        rules=Rules(),
        metrics=inbox.metrics,
        clock=lambda: NOW,
    )


@pytest.mark.parametrize(
    ("version", "waiting"), [(2, 0), (3, 1)], ids=["the echo of the write", "a later change of somebody else"]
)
async def test_of_news_that_comes_before_the_answer_only_the_echo_concerns_nobody(
    inbox: Inbox, version: int, waiting: int
) -> None:
    server = ApiServer(body(2))
    await inbox.setup_seen(body(1), gone=False)
    assert await inbox.queue.take() == KEY
    one_pass = asyncio.create_task(reconciler(inbox, server).reconcile(KEY))
    await server.asked.wait()
    news = asyncio.create_task(inbox.setup_seen(body(version), gone=False))
    await asyncio.sleep(0)
    server.answers.set()
    await asyncio.gather(one_pass, news)
    inbox.queue.done(KEY, None)
    assert len(inbox.queue) == waiting


async def test_a_request_that_an_own_write_overtook_is_not_lost(inbox: Inbox) -> None:
    server = ApiServer(body(3, "now"))
    server.answers.set()
    await inbox.setup_seen(body(1), gone=False)
    with pytest.raises(Outdated):
        await reconciler(inbox, server).reconcile(KEY)
    await inbox.setup_seen(body(2, "now"), gone=False)
    known = inbox.inventory.get(KEY)
    assert known is not None
    assert known.requested_at == "now"


@pytest.mark.parametrize("end", [RuntimeError(), asyncio.CancelledError()])
async def test_a_write_that_breaks_off_holds_no_news_up(inbox: Inbox, end: BaseException) -> None:
    async def breaks_off() -> None:
        raise end

    with pytest.raises(type(end)):
        await inbox.inventory.written(KEY, breaks_off())
    async with asyncio.timeout(5):
        await inbox.setup_seen(body(1), gone=False)
    assert len(inbox.queue) == 1


def test_kopf_keeps_and_copies_nothing_of_what_it_tells_of() -> None:
    persistence = quiet_settings().persistence
    told = kopf.Body(cast("Any", body(5)))
    assert persistence.diffbase_storage.build(body=told) == {}
    assert persistence.diffbase_storage.fetch(body=told) is None
