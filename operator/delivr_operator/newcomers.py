"""What a start has just shown: who is at rest is left alone, so that a restart is quiet.

Not looked at by that are the rows: whether somebody changed them, or took the owner's role, while no operator
ran is found when something is next due.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from delivr_operator.inventory import Inventory, SecretName
from delivr_operator.metrics import Metrics
from delivr_operator.observed import Rules
from delivr_operator.queue import WorkQueue
from delivr_operator.resource import Key, ReleaseSetup
from delivr_operator.resting import Rest, rest_of
from delivr_operator.status import Status


@dataclass
class Newcomers:
    """Resources shown for the first time, until their namespaces and Secrets are known as well.

    Those may come in any order. Whoever may rest is planned for when something is due, everybody else gets a
    pass now; so does everybody once this is closed.
    """

    inventory: Inventory
    queue: WorkQueue
    metrics: Metrics
    rules: Rules
    now: Callable[[], datetime]
    is_open: bool
    _waiting: dict[Key, Rest] = field(default_factory=dict)
    _versions: dict[SecretName, str] = field(default_factory=dict)
    _all_listed: bool = False

    def welcome(self, setup: ReleaseSetup) -> None:
        """Take a resource that was not known before and has no rival."""
        status = Status.parse(setup.raw_status)
        found = rest_of(setup, status, self.rules, self.now()) if self.is_open else None
        if found is None:
            self.queue.add(setup.key)
            return
        self.metrics.show(setup.key, status)
        self._waiting[setup.key] = found
        self._settle(setup.key)

    def concerned(self, keys: Iterable[Key]) -> None:
        """Take the resources that some news concerns: for one that waits it may be what was missing."""
        for key in keys:
            if key in self._waiting:
                self._settle(key)
            else:
                self.queue.add(key)

    def secret_seen(self, name: SecretName, version: str) -> None:
        """Take the version that a Secret has."""
        if self.is_open:
            self._versions[name] = version

    def secrets_listed(self, _: frozenset[str]) -> None:
        """Know that a Secret which was not seen is not there."""
        self._all_listed = True
        for key in tuple(self._waiting):
            self._settle(key)

    def close(self) -> None:
        """Give a pass to whoever still waits, and to all that come from now on."""
        self.is_open = False
        for key in self._waiting:
            self.queue.add(key)
        self._waiting, self._versions = {}, {}

    def _settle(self, key: Key) -> None:
        found = self._waiting[key]
        still = self._as_it_was(key.namespace, found)
        if still is None:
            return
        del self._waiting[key]
        if still:
            self.queue.add_at(key, found.until)
        else:
            self.queue.add(key)

    def _as_it_was(self, namespace: str, known: Rest) -> bool | None:
        """Tell whether binding and Secrets are what the status is about; None while that is not known."""
        if not self.inventory.knows_namespace(namespace):
            return None
        seen = {name: self._versions.get((namespace, name)) for name in known.secrets}
        if None in seen.values() and not self._all_listed:
            return None
        return self.inventory.tenant_of(namespace) == known.tenant and seen == known.secrets
