"""What the simulator was asked: records, counts, and a way to wait for a request. Nothing is logged."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

KEPT = 50_000


@dataclass(slots=True)
class Record:
    """One request as it came, and what it was answered (nothing while it waits; only a status by a fault)."""

    number: int
    provider: str
    method: str
    path: str
    credential: str | None
    write: bool
    time: float
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int | None = None
    fault: str | None = None
    answer_headers: tuple[tuple[str, str], ...] = ()
    answer_body: bytes = b""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which requests are meant; what is not given matches all."""

    provider: str | None = None
    credential: str | None = None
    path: str | None = None
    method: str | None = None
    write: bool | None = None
    answered: bool | None = None
    after: int = 0

    def matches(self, record: Record) -> bool:
        """Tell whether a request is meant; the path is a glob over path and query."""
        return (
            self.provider in (None, record.provider)
            and self.credential in (None, record.credential)
            and self.method in (None, record.method)
            and self.write in (None, record.write)
            and self.answered in (None, record.status is not None)
            and record.number > self.after
            and (self.path is None or fnmatchcase(record.path, self.path))
        )


@dataclass
class Recording:
    """The last requests, and counts of all of them by provider and credential."""

    records: deque[Record] = field(default_factory=lambda: deque(maxlen=KEPT))
    counts: Counter[tuple[str, str | None, bool]] = field(default_factory=Counter)
    latest: int = 0
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, record: Record) -> None:
        """Keep a request that has just come."""
        self.records.append(record)
        self.counts[record.provider, record.credential, record.write] += 1
        self.changed()

    def changed(self) -> None:
        """Wake those who wait for a request or for its answer."""
        self._arrived.set()
        self._arrived = asyncio.Event()

    def next_number(self) -> int:
        """Give the next request its number, from 1."""
        self.latest += 1
        return self.latest

    def select(self, wanted: Filter) -> list[Record]:
        """Give the kept requests that are meant, oldest first."""
        return [record for record in self.records if wanted.matches(record)]

    def forget(self, wanted: Filter) -> int:
        """Drop the requests that are meant and take them out of the counts; tell how many there were."""
        dropped = self.select(wanted)
        if dropped:
            self.counts.subtract(Counter((r.provider, r.credential, r.write) for r in dropped))
            self.counts = +self.counts
            kept = [record for record in self.records if not wanted.matches(record)]
            self.records = deque(kept, maxlen=KEPT)
        if wanted == Filter(provider=wanted.provider, credential=wanted.credential):
            # Counts outlive records that were pushed out, so a plain filter clears them whole.
            for provider, credential, write, _ in list(self.totals(wanted)):
                del self.counts[provider, credential, write]
        return len(dropped)

    async def wait(self, wanted: Filter, at_least: int, seconds: float) -> list[Record]:
        """Give the requests that are meant once there are so many, or after that time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        found = self.select(wanted)
        while len(found) < at_least and (left := end - loop.time()) > 0:
            arrived = self._arrived
            try:
                await asyncio.wait_for(arrived.wait(), left)
            except TimeoutError:
                break
            found = self.select(wanted)
        return found

    def totals(self, wanted: Filter) -> Iterable[tuple[str, str | None, bool, int]]:
        """Give provider, credential, whether it writes, and the count, for what is meant."""
        for (provider, credential, write), count in self.counts.items():
            if wanted.provider in (None, provider) and wanted.credential in (None, credential):
                yield provider, credential, write, count
