"""When each resource of a crowd was settled, and how often it was written until then, seen by a watch.

A resource is settled once its status says that all its integrations are VALID and its rows committed. One
with less than the plan's five steps is never Ready, so that Ready would say nothing of it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from kubernetes import client, watch
from urllib3.exceptions import ProtocolError

from dev.bench.crowd import GROUP, PLURAL, VERSION

_SECONDS = 3600


@dataclass
class Arrivals:
    """Follows all ReleaseSetups in a thread, from the moment it is made."""

    custom: client.CustomObjectsApi
    settled: dict[str, float] = field(default_factory=dict)
    """By namespace, when its resource was first seen to be settled."""
    created: dict[str, float] = field(default_factory=dict)
    changes: Counter[str] = field(default_factory=Counter)
    """By namespace, how often its resource changed after it was made."""
    _stream: watch.Watch = field(default_factory=watch.Watch)
    _is_over: bool = False
    _moved: threading.Condition = field(default_factory=threading.Condition)

    def follow(self) -> None:
        """All that happens from now on is seen."""
        listed: Any = self.custom.list_cluster_custom_object(GROUP, VERSION, PLURAL, limit=1)
        version = listed["metadata"]["resourceVersion"]
        threading.Thread(target=self._run, args=(version,), daemon=True).start()

    def _run(self, version: str) -> None:
        while not self._is_over:
            try:
                for event in self._events(version):
                    version = event["object"]["metadata"]["resourceVersion"]
                    self._take(event["type"], event["object"], time.monotonic())
            except ProtocolError:
                continue  # the API server drops whoever reads too slowly; from `version` on nothing is lost

    def _events(self, version: str) -> Any:
        return self._stream.stream(  # type: ignore[no-untyped-call]
            self.custom.list_cluster_custom_object,
            GROUP,
            VERSION,
            PLURAL,
            resource_version=version,
            timeout_seconds=_SECONDS,
        )

    def _take(self, kind: str, found: Any, now: float) -> None:
        namespace = found["metadata"]["namespace"]
        with self._moved:
            if kind == "ADDED":
                self.created[namespace] = now
            elif kind == "MODIFIED":
                self.changes[namespace] += 1
            if _is_settled(found):
                self.settled.setdefault(namespace, now)
            self._moved.notify_all()

    def await_settled(self, namespaces: set[str], *, share: float = 1.0, patience: float = 120.0) -> None:
        """Return once so many of them are settled.

        Raises:
            TimeoutError: they were not, for so many seconds.
        """
        wanted = len(namespaces) * share
        with self._moved:
            if not self._moved.wait_for(lambda: len(namespaces & self.settled.keys()) >= wanted, patience):
                raise TimeoutError(
                    f"{len(namespaces & self.settled.keys())} of {len(namespaces)} are settled"
                )

    def stop(self) -> None:
        """The watch ends with the next event."""
        self._is_over = True
        self._stream.stop()  # type: ignore[no-untyped-call]


def _is_settled(found: Any) -> bool:
    status = found.get("status", {})
    verdicts = {one["verificationStatus"] for one in status.get("integrations", ())}
    return status.get("committedGeneration") == found["metadata"]["generation"] and verdicts == {"VALID"}
