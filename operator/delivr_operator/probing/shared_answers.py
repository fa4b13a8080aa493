"""What one answer tells everybody who shares a credential, and for how long."""

from collections.abc import Callable
from dataclasses import dataclass

from delivr_operator.outcome import Expired, Outcome, Rejected, Rejection, Unknown, Verified

SHARED_SECONDS = 30.0
"""An answer about one target stands for everybody who asks the same so soon after."""
CONFIRMED_SECONDS = 60.0
"""Two refusals at least this far apart are believed."""
REFUSED_SECONDS = 6 * 3600.0
"""A refusal that is believed stands for every target: asking on with a bad credential locks accounts."""

_ABOUT_THE_CREDENTIAL = frozenset({Rejection.BAD_CREDENTIALS, Rejection.REVOKED, Rejection.ACCOUNT_DISABLED})


@dataclass(frozen=True, slots=True)
class _Given:
    outcome: Outcome
    at: float


class SharedAnswers:
    """The last answers to one credential; another credential, such as a mended one, shares nothing."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._given: dict[str, _Given] = {}
        self._refused_first: float | None = None
        self._refusal: _Given | None = None

    @property
    def is_empty(self) -> bool:
        """Whether forgetting all would change no answer."""
        self._forget_old()
        return not self._given and self._refusal is None and self._refused_first is None

    def about(self, target: str) -> Outcome | None:
        """Return what need not be asked again now."""
        self._forget_old()
        if self._refusal is not None:
            return self._refusal.outcome
        given = self._given.get(target)
        return given.outcome if given else None

    def note(self, target: str, outcome: Outcome) -> None:
        """Take a provider's fresh answer; "cannot tell" is nobody's answer."""
        now = self._monotonic()
        if isinstance(outcome, Unknown):
            return
        self._given[target] = _Given(outcome, now)
        if not _is_about_the_credential(outcome):
            self._refused_first = self._refusal = None
        elif self._refused_first is None:
            self._refused_first = now
        elif now - self._refused_first >= CONFIRMED_SECONDS:
            self._refusal = _Given(outcome, now)

    def _forget_old(self) -> None:
        now = self._monotonic()
        if self._given:
            self._given = {t: one for t, one in self._given.items() if now - one.at < SHARED_SECONDS}
        if self._refusal is not None and now - self._refusal.at >= REFUSED_SECONDS:
            self._refusal = None
        if self._refused_first is not None and now - self._refused_first >= 2 * REFUSED_SECONDS:
            self._refused_first = None


def _is_about_the_credential(outcome: Verified | Rejected | Expired) -> bool:
    if isinstance(outcome, Rejected):
        return outcome.reason in _ABOUT_THE_CREDENTIAL
    return isinstance(outcome, Expired)
