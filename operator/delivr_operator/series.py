"""EDGE: the metrics that each resource has for itself, for as long as it is there."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import Gauge

from delivr_operator.outcome import IntegrationType
from delivr_operator.reasons import Reason
from delivr_operator.resource import Key
from delivr_operator.status import Status

_WHOSE = ("exported_namespace", "name")
"""Prometheus keeps `namespace` for the scraped pod's own, and would rename a label of ours to this."""


class ResourceSeries:
    """What Prometheus may know of single resources."""

    def __init__(self, own: dict[str, Any]) -> None:
        self._expiries: dict[Key, frozenset[IntegrationType]] = {}
        self._ready = Gauge("setup_ready", "1 while Ready is True, 0 while it is not.", _WHOSE, **own)
        self._verified = Gauge(
            "setup_verified_timestamp_seconds",
            "When the integration that was confirmed longest ago was confirmed by its provider.",
            _WHOSE,
            **own,
        )
        self._expiry = Gauge(
            "credential_expiry_timestamp_seconds",
            "When a credential ends, as far as its provider says.",
            [*_WHOSE, "type"],
            **own,
        )

    def show(self, key: Key, status: Status) -> None:
        """Have the resource's series say what its status says."""
        whose, ready = (key.namespace, key.name), status.condition("Ready")
        self._ready.labels(*whose).set(ready is not None and ready.status == "True")
        counting = [entry for entry in status.integrations if entry.reason != Reason.DISABLED]
        proofs = [entry.last_verified_at for entry in counting if entry.last_verified_at]
        if proofs:
            self._verified.labels(*whose).set(min(proofs).timestamp())
        else:
            self._verified.remove(*whose)
        self._show_ends(key, {e.type: e.expires_at.timestamp() for e in counting if e.expires_at})

    def _show_ends(self, key: Key, ends: Mapping[IntegrationType, float]) -> None:
        for kind in self._expiries.get(key, frozenset()) - ends.keys():
            self._expiry.remove(key.namespace, key.name, kind)
        for kind, end in ends.items():
            self._expiry.labels(key.namespace, key.name, kind).set(end)
        self._expiries[key] = frozenset(ends)

    def forget(self, key: Key) -> None:
        """Drop the series of a resource that is gone."""
        for kind in self._expiries.pop(key, frozenset()):
            self._expiry.remove(key.namespace, key.name, kind)
        self._ready.remove(key.namespace, key.name)
        self._verified.remove(key.namespace, key.name)
