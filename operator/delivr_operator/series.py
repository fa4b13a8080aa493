"""EDGE: the metrics that each resource has for itself, for as long as it is there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from delivr_operator.outcome import IntegrationType
from delivr_operator.reasons import Reason
from delivr_operator.resource import Key
from delivr_operator.status import Status

_WHOSE = ("exported_namespace", "name")
"""Prometheus keeps `namespace` for the scraped pod's own, and would rename a label of ours to this."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is told of one resource; as small as it gets, since there may be ten thousand."""

    ready: bool
    verified: float | None
    ends: tuple[tuple[IntegrationType, float], ...]

    @classmethod
    def of(cls, status: Status) -> Self:
        ready = status.condition("Ready")
        counting = [entry for entry in status.integrations if entry.reason != Reason.DISABLED]
        proofs = [entry.last_verified_at for entry in counting if entry.last_verified_at]
        return cls(
            ready is not None and ready.status == "True",
            min(proofs).timestamp() if proofs else None,
            tuple((entry.type, entry.expires_at.timestamp()) for entry in counting if entry.expires_at),
        )


class ResourceSeries(Collector):
    """What Prometheus may know of single resources: built when it asks, from a few numbers each."""

    def __init__(self) -> None:
        self._shown: dict[Key, _Shown] = {}

    def show(self, key: Key, status: Status) -> None:
        """Have the resource's series say what its status says."""
        self._shown[key] = _Shown.of(status)

    def forget(self, key: Key) -> None:
        """Drop the series of a resource that is gone."""
        self._shown.pop(key, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the series of all."""
        ready = GaugeMetricFamily(
            "delivr_setup_ready", "1 while Ready is True, 0 while it is not.", labels=_WHOSE
        )
        verified = GaugeMetricFamily(
            "delivr_setup_verified_timestamp_seconds",
            "When the integration that was confirmed longest ago was confirmed by its provider.",
            labels=_WHOSE,
        )
        expiry = GaugeMetricFamily(
            "delivr_credential_expiry_timestamp_seconds",
            "When a credential ends, as far as its provider says.",
            labels=[*_WHOSE, "type"],
        )
        for key, shown in tuple(self._shown.items()):
            whose = (key.namespace, key.name)
            ready.add_metric(whose, float(shown.ready))
            if shown.verified is not None:
                verified.add_metric(whose, shown.verified)
            for kind, end in shown.ends:
                expiry.add_metric([*whose, kind], end)
        yield from (ready, verified, expiry)
