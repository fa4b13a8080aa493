"""EDGE: what Prometheus may know: a registry of our own, labels that cannot grow without bound."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from delivr_operator.outcome import Expired, IntegrationType, Outcome, Verified
from delivr_operator.resource import Key
from delivr_operator.series import ResourceSeries
from delivr_operator.sharing import PARTS
from delivr_operator.status import Status

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0)
_NOTHING = timedelta()

RESULTS = ("done", "outdated", "unavailable", "timeout", "error")
"""How a pass can end."""


class Metrics:
    """Counts of what the operator does and, where wanted, a few series for each resource.

    A resource's series go with the resource. No label ever holds anything from outside.
    """

    def __init__(
        self,
        *,
        per_resource: bool,
        queue_depth: Callable[[], int],
        queue_age: Callable[[], timedelta] = lambda: _NOTHING,
        watch_lag: Callable[[], timedelta] = lambda: _NOTHING,
        version: str = "",
    ) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry, "namespace": "delivr"}
        ProcessCollector(registry=self.registry)
        Gauge("operator_info", "Always 1; says which version runs.", ["version"], **own).labels(version).set(
            1
        )
        self._count_work(own)
        self._count_traffic(own)
        Gauge("queue_depth", "ReleaseSetups that wait for a worker.", **own).set_function(queue_depth)
        Gauge("queue_oldest_seconds", "How long the oldest of them has waited.", **own).set_function(
            lambda: queue_age().total_seconds()
        )
        Gauge(
            "watch_lag_seconds", "For how long the watches have not shown what is there; 0: they do.", **own
        ).set_function(lambda: watch_lag().total_seconds())
        self._parts_held = Gauge(
            "shard_parts_held", f"How many of the {PARTS} parts of all tenants this process sees to.", **own
        )
        self._parts_held.set(PARTS)
        self._series = ResourceSeries() if per_resource else None
        if self._series is not None:
            self.registry.register(self._series)

    def _count_work(self, own: dict[str, Any]) -> None:
        self._passes = Counter("reconciles", "Passes over a ReleaseSetup, by their end.", ["result"], **own)
        self._pass_seconds = Histogram(
            "reconcile_seconds", "How long a pass took.", ["result"], buckets=_SECONDS, **own
        )
        for result in RESULTS:
            self._passes.labels(result)
        self._probes = Counter("probes", "Verdicts of providers.", ["type", "verdict", "reason"], **own)
        self._probe_seconds = Histogram(
            "probe_seconds", "How long a verdict took.", ["type"], buckets=_SECONDS, **own
        )

    def _count_traffic(self, own: dict[str, Any]) -> None:
        self._status_writes = Counter("status_writes", "Statuses written.", **own)
        self._requests = Counter(
            "api_requests", "Questions to the API server.", ["verb", "resource", "code"], **own
        )
        self._transactions = Counter(
            "database_transactions", "Transactions, by their end.", ["work", "result"], **own
        )
        self._transaction_seconds = Histogram(
            "database_transaction_seconds",
            "How long a transaction took.",
            ["work", "result"],
            buckets=_SECONDS,
            **own,
        )
        self._deadlocks = Counter("database_deadlocks", "Transactions tried again after a deadlock.", **own)
        self._usable = Gauge(
            "database_usable", "1 while the database does what it is asked, 0 after it did not.", **own
        )
        self._usable.set(1)

    def page(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def passed(self, result: str, took: timedelta) -> None:
        """Count one pass; `result` is one of RESULTS."""
        self._passes.labels(result).inc()
        self._pass_seconds.labels(result).observe(took.total_seconds())

    def probed(self, kind: IntegrationType, outcome: Outcome, took: timedelta) -> None:
        """Count one verdict."""
        reason = type(outcome).__name__ if isinstance(outcome, Verified | Expired) else outcome.reason
        self._probes.labels(kind, type(outcome).__name__, reason).inc()
        self._probe_seconds.labels(kind).observe(took.total_seconds())

    def wrote_status(self) -> None:
        """Count one status write."""
        self._status_writes.inc()

    def asked_cluster(self, verb: str, resource: str, code: str) -> None:
        """Count one question to the API server; each word is one of a closed list."""
        self._requests.labels(verb, resource, code).inc()

    def transacted(self, work: str, result: str, took: timedelta, *, usable: bool) -> None:
        """Count one transaction; `usable` tells whether the database itself did its part."""
        self._transactions.labels(work, result).inc()
        self._transaction_seconds.labels(work, result).observe(took.total_seconds())
        self._usable.set(usable)

    def deadlocked(self) -> None:
        """Count one transaction that was given up for another's sake, and is tried again."""
        self._deadlocks.inc()

    def follow_quotas(self, lowest: Callable[[], Mapping[tuple[IntegrationType, str], int]]) -> None:
        """Show, at every scrape, the lowest quota that any provider has told of."""
        self.registry.register(_Quotas(lowest))

    def follow_parts(self, held: Callable[[], int]) -> None:
        """Show how many parts of the tenants this process sees to, where it shares them with others."""
        self._parts_held.set_function(held)

    def show(self, key: Key, status: Status) -> None:
        """Have the resource's own series say what its status says."""
        if self._series is not None:
            self._series.show(key, status)

    def forget(self, key: Key) -> None:
        """Drop the series of a resource that is gone."""
        if self._series is not None:
            self._series.forget(key)


class _Quotas(Collector):
    """A family that has a sample only where a provider has told something."""

    def __init__(self, lowest: Callable[[], Mapping[tuple[IntegrationType, str], int]]) -> None:
        self._lowest = lowest

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "delivr_provider_quota_remaining",
            "Requests that the provider still allows, for the credential that has the fewest left.",
            labels=["type", "host"],
        )
        for (kind, host), left in self._lowest().items():
            family.add_metric([kind, host], left)
        yield family
