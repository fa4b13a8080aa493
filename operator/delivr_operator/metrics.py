"""EDGE: what Prometheus may know: a registry of our own, labels that cannot grow without bound."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from delivr_operator.outcome import Expired, IntegrationType, Outcome, Verified
from delivr_operator.resource import Key
from delivr_operator.status import Status

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0)


class Metrics:
    """Counts of what the operator does and, where wanted, two series for each resource.

    A resource's series go with the resource. No label ever holds anything from outside.
    """

    def __init__(self, *, per_resource: bool, queue_depth: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self._per_resource = per_resource
        self._expiries: dict[Key, frozenset[IntegrationType]] = {}
        own: dict[str, Any] = {"registry": self.registry, "namespace": "delivr"}
        self._passes = Counter("reconciles", "Passes over a ReleaseSetup, by their end.", ["result"], **own)
        self._pass_seconds = Histogram("reconcile_seconds", "How long a pass took.", buckets=_SECONDS, **own)
        self._probes = Counter("probes", "Verdicts of providers.", ["type", "verdict", "reason"], **own)
        self._probe_seconds = Histogram(
            "probe_seconds", "How long a verdict took.", ["type"], buckets=_SECONDS, **own
        )
        self._status_writes = Counter("status_writes", "Statuses written.", **own)
        Gauge("queue_depth", "ReleaseSetups that wait for a worker.", **own).set_function(queue_depth)
        self._ready = Gauge(
            "setup_ready", "1 while Ready is True, 0 while it is not.", ["exported_namespace", "name"], **own
        )
        self._expiry = Gauge(
            "credential_expiry_timestamp_seconds",
            "When a credential ends, as far as its provider says.",
            ["exported_namespace", "name", "type"],
            **own,
        )

    def page(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def passed(self, result: str, took: timedelta) -> None:
        """Count one pass; `result` is one of done, outdated, unavailable, timeout, error."""
        self._passes.labels(result).inc()
        self._pass_seconds.observe(took.total_seconds())

    def probed(self, kind: IntegrationType, outcome: Outcome, took: timedelta) -> None:
        """Count one verdict."""
        reason = type(outcome).__name__ if isinstance(outcome, Verified | Expired) else outcome.reason
        self._probes.labels(kind, type(outcome).__name__, reason).inc()
        self._probe_seconds.labels(kind).observe(took.total_seconds())

    def wrote_status(self) -> None:
        """Count one status write."""
        self._status_writes.inc()

    def show(self, key: Key, status: Status) -> None:
        """Have the resource's own series say what its status says."""
        if not self._per_resource:
            return
        ready = status.condition("Ready")
        self._ready.labels(key.namespace, key.name).set(ready is not None and ready.status == "True")
        ends = {entry.type: entry.expires_at for entry in status.integrations if entry.expires_at}
        for kind in self._expiries.get(key, frozenset()) - ends.keys():
            self._expiry.remove(key.namespace, key.name, kind)
        for kind, end in ends.items():
            self._expiry.labels(key.namespace, key.name, kind).set(end.timestamp())
        self._expiries[key] = frozenset(ends)

    def forget(self, key: Key) -> None:
        """Drop the series of a resource that is gone."""
        kinds = self._expiries.pop(key, None)
        if kinds is None:
            return
        self._ready.remove(key.namespace, key.name)
        for kind in kinds:
            self._expiry.remove(key.namespace, key.name, kind)
