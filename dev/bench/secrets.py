"""How soon a changed Secret has its verdict, and what Secrets of others cost."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from typing import Any

from kubernetes import client, watch

from dev.bench.contenders import PATIENCE, floor, operator, quiet, until
from dev.bench.crowd import GROUP, PLURAL, VERSION, Crowd, in_parallel
from dev.bench.restarts import await_fresh, make_fresh
from dev.bench.rows import Row, percentile
from dev.bench.tenants import with_github
from dev.demo import Stage
from dev.progress import say
from dev.simulator.client import Simulator

CHANGES = 60
WEIGHT = 100_000
BATCH = 500


def measure(on: Stage, simulator: Simulator, resources: int, strangers: int) -> list[Row]:
    """Return the rows of this benchmark."""
    tenants = [with_github(simulator, f"bench-{number}", f"t{number:06}") for number in range(resources)]
    crowd = Crowd.settle(on, tenants)
    crowd.declare_all()
    rows = []
    with operator(on) as ours:
        until(lambda: all(status.get("integrations") for status in crowd.statuses()), "all are proved")
        quiet_ours = ours.resident
        times_ours = _changes(crowd)
    with floor(on, "floor_of_changes") as bare:
        quiet_bare = bare.resident
        times_bare = _changes(crowd)
    rows += _times(f"{resources} resources", times_ours, times_bare)
    say(f"making {strangers} Secrets of {WEIGHT} bytes ...")
    with operator(on) as ours, floor(on, "floor_of_changes") as bare:
        before_ours, before_bare = ours.resident, bare.resident
        _make_strangers(crowd, strangers)
        times_ours = _changes(crowd)
        rows.append(
            Row(
                f"{strangers} Secrets of others come: memory",
                ours.peak - before_ours,
                bare.peak - before_bare,
                "MB",
            )
        )
    with operator(on) as ours:
        times_ours = _changes(crowd)
        listed_ours = ours.peak
    with floor(on, "floor_of_changes") as bare:
        times_bare = _changes(crowd)
        listed_bare = bare.peak
    name = f"{strangers} Secrets of others stand at a start: memory"
    rows.append(Row(name, listed_ours - quiet_ours, listed_bare - quiet_bare, "MB"))
    rows.append(Row("memory before them", quiet_ours, quiet_bare, "MB"))
    rows += _times(f"{resources} resources and those Secrets", times_ours, times_bare)
    return rows


def measure_among(on: Stage, simulator: Simulator, resources: int, resting: int) -> list[Row]:
    """Return how soon a changed Secret has its verdict where very many other resources are at rest."""
    say(f"{resting} resources at rest ...")
    one = with_github(simulator, "still-0", "q000000")
    make_fresh(on, one, [one.moved(f"still-{number}", f"q{number:06}") for number in range(1, resting)])
    tenants = [with_github(simulator, f"among-{number}", f"m{number:06}") for number in range(resources)]
    with operator(on) as ours:
        quiet(ours)
        crowd = Crowd.settle(on, tenants)
        crowd.declare_all()
        await_fresh(crowd)
        times_ours = _changes(crowd)
    with floor(on, "floor_of_changes") as bare:
        quiet(bare)
        times_bare = _changes(crowd)
    return _times(f"{resources} resources among {resting} at rest", times_ours, times_bare)


def _times(where: str, ours: list[float], bare: list[float]) -> list[Row]:
    return [
        Row(f"changed Secret to new verdict, {where}: median", *_pair(ours, bare, 0.5), "s"),
        Row(f"changed Secret to new verdict, {where}: p95", *_pair(ours, bare, 0.95), "s"),
    ]


def _pair(ours: list[float], bare: list[float], share: float) -> tuple[float, float]:
    return percentile(ours, share), percentile(bare, share)


def _changes(crowd: Crowd) -> list[float]:
    """Change Secrets one after the other, for worse and for better; return the seconds to each verdict."""
    found: list[float] = []
    bad = "ghp_" + "0" * 36
    chooser = random.Random(7)  # noqa: S311 - the same choice for both
    for _ in range(CHANGES // 2):
        tenant = chooser.choice(crowd.tenants)
        for token in (bad, tenant.secrets["github"]["accessToken"]):
            began = time.monotonic()
            _await_version(crowd, tenant.namespace, crowd.put_token(tenant.namespace, token))
            found.append(time.monotonic() - began)
    return found


def _await_version(crowd: Crowd, namespace: str, version: str) -> None:
    listing = crowd.custom.list_namespaced_custom_object
    events: Iterator[Any] = watch.Watch().stream(  # type: ignore[no-untyped-call]
        listing, GROUP, VERSION, namespace, PLURAL, timeout_seconds=int(PATIENCE)
    )
    for event in events:
        (entry,) = event["object"]["status"]["integrations"]
        if entry.get("secretVersion") == version:
            return
    raise TimeoutError(f"no verdict on the Secret in {namespace}")


def _make_strangers(crowd: Crowd, count: int) -> None:
    strangers = client.V1Namespace(metadata=client.V1ObjectMeta(name="strangers"))
    crowd.core.create_namespace(strangers)

    def make(number: int) -> None:
        value = os.urandom(WEIGHT // 2).hex()
        crowd.put_secret("strangers", f"stranger-{number}", {"value": value})

    for start in range(0, count, BATCH):
        in_parallel(make, range(start, min(start + BATCH, count)))
