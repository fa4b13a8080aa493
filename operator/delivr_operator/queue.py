"""The work queue: each key once, at its time, in fair turns between namespaces, with back-off.

Every other turn goes to whoever came last: a newcomer need not wait until a backlog is worked off, and the
oldest goes on at half the pace. A worker that waits for somebody silent gives its place to the next.
"""

import asyncio
import heapq
import sys
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

from delivr_operator.resource import Key

FIRST_PAUSE = timedelta(seconds=1)
LAST_PAUSE = timedelta(minutes=5)


class WorkQueue:
    """Keys to look at; a key is with one worker at most, and nothing that is added gets lost.

    A key added while a worker has it comes again when the worker is done. Only the earliest of a
    key's future times counts. The queue holds no truth: an empty one is filled by the next list.
    """

    def __init__(self, now: Callable[[], datetime], places: int = sys.maxsize) -> None:
        """Let `places` keys be worked on at once, and those that stepped aside."""
        self._now = now
        self._places = asyncio.Semaphore(places)
        self._ready: dict[str, deque[Key]] = {}
        self._waiting: dict[Key, datetime] = {}
        self._working: set[Key] = set()
        self._aside: set[Key] = set()
        self._again: set[Key] = set()
        self._times: dict[Key, datetime] = {}
        self._heap: list[tuple[datetime, Key]] = []
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()
        self._first_in_line = asyncio.Lock()
        self._is_served = False
        self._newest_is_next = False

    def __len__(self) -> int:
        """Return how many keys wait for a worker now."""
        return len(self._waiting)

    def oldest_wait(self) -> timedelta:
        """Return for how long a worker has been due to the key that waits longest.

        Zero where none waits, and where no worker takes keys at all, as in an operator that stands by.
        """
        if not self._is_served:
            return timedelta()
        moments = [*islice(self._waiting.values(), 1), *(moment for moment, _ in self._heap[:1])]
        return max(timedelta(), *(self._now() - moment for moment in moments)) if moments else timedelta()

    def add(self, key: Key) -> None:
        """Have `key` looked at as soon as its turn comes."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = self._now()
            self._ready.setdefault(key.namespace, deque()).append(key)
            self._changed.set()

    def add_at(self, key: Key, moment: datetime) -> None:
        """Have `key` looked at when `moment` has come; replaces a later time, never an earlier one."""
        standing = self._times.get(key)
        if standing is None or moment < standing:
            self._times[key] = moment
            heapq.heappush(self._heap, (moment, key))
            if self._heap[0] == (moment, key):  # nobody has to wait less long for anything later
                self._changed.set()

    async def take(self) -> Key:
        """Return the next key once there is a place for it; namespaces take turns."""
        self._is_served = True
        await self._places.acquire()
        try:
            async with self._first_in_line:  # every change wakes one worker and not all
                return await self._awaited()
        except asyncio.CancelledError:
            self._places.release()
            raise

    async def _awaited(self) -> Key:
        while True:
            self._promote()
            if self._ready:
                return self._next()
            self._changed.clear()
            pause = (self._heap[0][0] - self._now()).total_seconds() if self._heap else None
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: Key, again_at: datetime | None) -> None:
        """Give `key` back after a whole pass; with `again_at` None only a trigger brings it back."""
        self._failures.pop(key, None)
        self._give_back(key, again_at)

    def failed(self, key: Key) -> timedelta:
        """Give `key` back after a pass that broke off; return the pause before it comes again."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        pause: timedelta = min(FIRST_PAUSE * 2 ** min(failures - 1, 20), LAST_PAUSE)
        self._give_back(key, self._now() + pause)
        return pause

    def step_aside(self, key: Key) -> None:
        """Let the next key be worked on beside `key`, whose worker only waits."""
        if key in self._working and key not in self._aside:
            self._aside.add(key)
            self._places.release()

    def forget(self, key: Key) -> None:
        """Drop what is planned for a key whose object is gone."""
        self._times.pop(key, None)
        self._failures.pop(key, None)

    def _give_back(self, key: Key, again_at: datetime | None) -> None:
        if key in self._aside:
            self._aside.discard(key)
        elif key in self._working:
            self._places.release()
        self._working.discard(key)
        if again_at is not None:
            self.add_at(key, again_at)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        self._changed.set()

    def _promote(self) -> None:
        now = self._now()
        while self._heap and self._heap[0][0] <= now:
            moment, key = heapq.heappop(self._heap)
            if self._times.get(key) == moment:
                del self._times[key]
                self.add(key)

    def _next(self) -> Key:
        key = self._newest() if self._newest_is_next else self._oldest()
        self._waiting.pop(key, None)
        self._newest_is_next = bool(self._waiting) and not self._newest_is_next
        self._working.add(key)
        self._times.pop(key, None)  # this pass decides anew when the next one is
        return key

    def _oldest(self) -> Key:
        """Take the first key of the namespace whose turn it is."""
        namespace = next(iter(self._ready))
        keys = self._ready.pop(namespace)
        key = keys.popleft()
        if keys:
            self._ready[namespace] = keys  # at the end: the other namespaces come first
        return key

    def _newest(self) -> Key:
        """Take the key that was added last, whose namespace keeps its turn."""
        key = next(reversed(self._waiting))
        keys = self._ready[key.namespace]
        keys.pop()  # both were added to at their ends
        if not keys:
            del self._ready[key.namespace]
        return key
