"""What each credential may still ask: one probe at a time, so many requests an hour, pauses kept."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from delivr_operator.outcome import Doubt, Unknown
from delivr_operator.probing.shared_answers import SharedAnswers
from delivr_operator.providers.exchange import Unreachable

HOUR = 3600.0
_FEW = 1024

Monotonic = Callable[[], float]


class Budget:
    """One credential's use at one provider."""

    def __init__(self, hourly: int | None, monotonic: Monotonic) -> None:
        self._hourly = hourly
        self._monotonic = monotonic
        self._turns = asyncio.Lock()
        self._users = 0
        self._spent: deque[float] = deque()
        self._held_until = 0.0
        self.answers = SharedAnswers(monotonic)

    @property
    def is_idle(self) -> bool:
        """Whether forgetting it would allow nothing that it forbids."""
        self._forget_old()
        nothing_kept = not self._spent and self.answers.is_empty
        return nothing_kept and not self._users and self._held_until <= self._monotonic()

    @asynccontextmanager
    async def turn(self, patience: timedelta) -> AsyncIterator[None]:
        """Be the only probe with this credential.

        Raises:
            Unreachable: another probe took longer than `patience`, or the provider wants a pause.
        """
        self._users += 1
        try:
            await self._acquire(patience)
            try:
                self._keep_pause()
                yield
            finally:
                self._turns.release()
        finally:
            self._users -= 1

    async def _acquire(self, patience: timedelta) -> None:
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._turns.acquire()
        except TimeoutError:
            detail = "Another verification with the same credential is still under way."
            raise Unreachable(Unknown(Doubt.TIMED_OUT, detail)) from None

    def _keep_pause(self) -> None:
        left = self._held_until - self._monotonic()
        if left > 0:
            raise Unreachable(Unknown(Doubt.RATE_LIMITED, retry_after=timedelta(seconds=left)))

    def hold(self, pause: timedelta) -> None:
        """Let nobody ask with this credential before `pause` is over."""
        self._held_until = max(self._held_until, self._monotonic() + pause.total_seconds())

    def spend(self) -> None:
        """Count one request.

        Raises:
            Unreachable: the hour's requests are spent.
        """
        if self._hourly is None:
            return
        self._forget_old()
        if len(self._spent) >= self._hourly:
            left = timedelta(seconds=self._spent[0] + HOUR - self._monotonic())
            detail = "The operator has spent its own budget of requests with this credential."
            raise Unreachable(Unknown(Doubt.RATE_LIMITED, detail, retry_after=left))
        self._spent.append(self._monotonic())

    def _forget_old(self) -> None:
        horizon = self._monotonic() - HOUR
        while self._spent and self._spent[0] <= horizon:
            self._spent.popleft()


class Budgets:
    """Every credential's budget, for as long as it forbids anything."""

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._budgets: dict[str, Budget] = {}
        self._many = _FEW

    @property
    def size(self) -> int:
        """How many credentials are remembered."""
        return len(self._budgets)

    def of(self, key: str, hourly: int | None) -> Budget:
        """Return the budget that everybody with this credential shares."""
        if len(self._budgets) >= self._many:
            self._budgets = {name: one for name, one in self._budgets.items() if not one.is_idle}
            self._many = max(_FEW, 2 * len(self._budgets))
        return self._budgets.setdefault(key, Budget(hourly, self._monotonic))
