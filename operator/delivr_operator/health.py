"""EDGE: whether work goes on, as it is told to the kubelet; outages of others never count against it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST

NOTHING = timedelta()
CLOSING = 1.0
"""Seconds that an answer under way is given at the end."""

logger = logging.getLogger(__name__)


@dataclass
class Health:
    """Whether work goes on; outages of others do not count against it.

    May be told things from any thread: each piece of work is one key of a dictionary.
    """

    now: Callable[[], datetime]
    stuck_after: timedelta
    oldest_wait: Callable[[], timedelta] = lambda: NOTHING
    """For how long the oldest key of the queue has waited."""
    watch_lag: Callable[[], timedelta] = lambda: NOTHING
    """For how long the watches have not shown what is there."""
    ready: bool = False
    broken: str = ""
    """The part that came to an end although it has to run for ever."""
    _busy_since: dict[str, datetime] = field(default_factory=dict)
    _last_taken: datetime | None = None

    def began(self, work: str) -> None:
        """Note that `work` is under way."""
        self._busy_since[work] = self.now()

    def ended(self, work: str) -> None:
        """Note that `work` came to an end, of whatever kind."""
        self._busy_since.pop(work, None)

    def taken(self) -> None:
        """Note that a worker took a key from the queue."""
        self._last_taken = self.now()

    @property
    def complaint(self) -> str:
        """Say what has not moved for too long; empty while everything does."""
        if self.broken:
            return f"{self.broken} came to an end"
        now = self.now()
        for work, since in tuple(self._busy_since.items()):
            if now - since >= self.stuck_after:
                return f"{work} has not ended since {since:%H:%M:%S}"
        if self._queue_stands(now):
            return "the queue stands still: keys wait and no worker takes one"
        if self.watch_lag() >= self.stuck_after:
            return "the watches do not show what is there"
        return ""

    def _queue_stands(self, now: datetime) -> bool:
        """Tell a queue that nobody takes from, from a long one that goes down."""
        idle = self.stuck_after if self._last_taken is None else now - self._last_taken
        return min(self.oldest_wait(), idle) >= self.stuck_after


class PortTaken(Exception):  # noqa: N818 - somebody else's choice, not a programming error
    """The port of /healthz cannot be opened, mostly because another process has it."""


@web.middleware
async def _wordless(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a defect with 500 and no more; aiohttp would show a traceback where asyncio is debugged."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:  # whatever it is, a scraper must not read it; the log tells type and places
        logger.exception("a page of health could not be told")
        return web.Response(status=500, text="error")


async def serve_health(health: Health, page: Callable[[], bytes], port: int) -> web.AppRunner:
    """Answer /healthz, /readyz and /metrics on `port`; the runner's `cleanup` ends it.

    Raises:
        PortTaken: `port` cannot be opened.
    """

    async def healthz(_: web.Request) -> web.Response:
        complaint = health.complaint
        return web.Response(
            text=f"stuck: {complaint}" if complaint else "ok", status=500 if complaint else 200
        )

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok" if health.ready else "starting", status=200 if health.ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application(middlewares=[_wordless])
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
    except OSError:
        await runner.cleanup()
        raise PortTaken from None
    return runner
