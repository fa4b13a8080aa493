"""What providers say that a credential may still ask, as far as they say it."""

import re
from collections.abc import Mapping

from delivr_operator.outcome import IntegrationType
from delivr_operator.probing.budgets import HOUR, Monotonic

PROVIDERS_OWN, TENANTS_CHOICE = "provider", "tenant"
"""Classes of hosts: a host that a tenant chose is never named."""
_PLAIN = ("x-ratelimit-remaining", "ratelimit-remaining", "x-ratelimit-requests-remaining")
_APPLE = re.compile(r"user-hour-rem:(\d{1,9})")

Label = tuple[IntegrationType, str]


def remaining(headers: Mapping[str, str]) -> int | None:
    """Return how many requests an answer says are left; None where it says nothing."""
    for name in _PLAIN:
        if re.fullmatch(r"[0-9]{1,9}", told := headers.get(name, "")):
            return int(told)
    found = _APPLE.search(headers.get("x-rate-limit", ""))
    return int(found[1]) if found else None


class Quotas:
    """The newest of what was told about each credential, for the hour in which it means something."""

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._told: dict[tuple[Label, str], tuple[float, int]] = {}

    def note(self, label: Label, credential: str, headers: Mapping[str, str]) -> None:
        """Take down what one answer says."""
        left = remaining(headers)
        if left is not None:
            self._told.pop((label, credential), None)  # so that the oldest stand first
            self._told[label, credential] = (self._monotonic(), left)
            self._forget_old()

    def lowest(self) -> Mapping[Label, int]:
        """Return, for each label, what is left for the credential that has the fewest."""
        self._forget_old()
        found: dict[Label, int] = {}
        for (label, _), (_, left) in self._told.items():
            found[label] = min(left, found.get(label, left))
        return found

    def _forget_old(self) -> None:
        horizon = self._monotonic() - HOUR
        while self._told and next(iter(self._told.values()))[0] <= horizon:
            del self._told[next(iter(self._told))]
