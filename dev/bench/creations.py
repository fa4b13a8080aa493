"""How soon a new resource is settled: one alone with six integrations, and a storm of many with one each."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import yaml

from dev.bench.arrivals import Arrivals
from dev.bench.bare import SETUPS, ApiServer, api_server
from dev.bench.contenders import Contender, floor, operator
from dev.bench.crowd import Crowd
from dev.bench.floor_of_creations import status
from dev.bench.rows import Row, percentile
from dev.bench.tenants import Tenant, exchanges, with_github, with_six
from dev.demo import Stage
from dev.progress import say
from dev.simulator.client import Simulator

CREATORS = 16


def measure_single(on: Stage, simulator: Simulator, samples: int) -> list[Row]:
    """Return how soon one resource with six integrations is Ready where nothing else happens."""
    say(f"{samples} tenants with six integrations, one after the other ...")
    ours = [with_six(simulator, f"one-{number}", f"one{number}") for number in range(samples)]
    with operator(on):
        times_ours = one_by_one(Crowd.settle(on, ours))
    bare = [one.moved(f"bare-{one.namespace}", f"b{one.id}") for one in ours]
    with _bare(on, simulator, ours, bare):
        times_bare = one_by_one(Crowd.settle(on, bare))
    name = "one new resource with six integrations, to Ready"
    return [
        Row(f"{name}: {said}", percentile(times_ours, share), percentile(times_bare, share), "s")
        for said, share in (("median", 0.5), ("p95", 0.95))
    ]


def one_by_one(crowd: Crowd, pace: float = 0.0) -> list[float]:
    """Return how soon each was settled, made `pace` seconds after the one before was."""
    arrivals = Arrivals(crowd.custom)
    arrivals.follow()
    found = []
    for tenant in crowd.tenants:
        time.sleep(pace)
        began = time.monotonic()
        crowd.declare(tenant)
        arrivals.await_settled({tenant.namespace}, patience=60)
        found.append(arrivals.settled[tenant.namespace] - began)
    arrivals.stop()
    return found


@dataclass(frozen=True)
class Storm:
    """What one storm took."""

    seconds: float
    cpu: float
    peak: float
    late: float
    """Seconds to Ready of a resource that came when half of the others were."""
    writes: float
    """Writes of each resource, its creation not counted."""
    statements: float
    asked_providers: float


def measure_storm(on: Stage, simulator: Simulator, size: int) -> list[Row]:
    """Return what many new resources with one integration each take, all at once."""
    say(f"a storm of {size} new resources ...")
    tenants = [with_github(simulator, f"storm-{number}", f"s{number:06}") for number in range(size + 1)]
    with operator(on) as contender:
        crowd = Crowd.settle(on, tenants)
        ours = storm(on, simulator, crowd, contender)
        asked = contender.counted("delivr_api_requests_total") / size
        trips = contender.counted("delivr_database_transactions_total") / size
    again = [one.moved(f"bare-{one.namespace}", f"b{one.id}") for one in tenants]
    with _bare(on, simulator, tenants, again) as contender:
        bare = storm(on, simulator, Crowd.settle(on, again), contender)
    written = asyncio.run(_status_writes(on, again))
    say(f"API requests a resource: {asked:.2f}; transactions a resource: {trips:.2f}")
    name = f"a storm of {size}"
    return [
        Row(f"{name}: time until all are settled", ours.seconds, bare.seconds, "s"),
        Row(f"{name}: the same (floor: only to write as many statuses)", ours.seconds, written, "s"),
        Row(f"{name}: CPU", ours.cpu, bare.cpu, "s"),
        Row(f"{name}: memory at most", ours.peak, bare.peak, "MB"),
        Row(f"{name}: one that comes when half are settled", ours.late, bare.late, "s"),
        Row(f"{name}: writes of each", ours.writes, bare.writes, "writes"),
        Row(f"{name}: SQL statements for each", ours.statements, bare.statements, "statements"),
        Row(
            f"{name}: requests to providers for each", ours.asked_providers, bare.asked_providers, "requests"
        ),
    ]


def storm(on: Stage, simulator: Simulator, crowd: Crowd, contender: Contender) -> Storm:
    """Have the resources of all but the last come at once, and that when half of them are settled."""
    late = crowd.tenants[-1]
    others = Crowd(crowd.core, crowd.custom, crowd.tenants[:-1])
    namespaces = {one.namespace for one in others.tenants}
    arrivals = Arrivals(crowd.custom)
    arrivals.follow()
    sent, asked, cpu = statements(on), simulator.count(), contender.cpu
    began = time.monotonic()
    making = threading.Thread(target=others.declare_all, args=(CREATORS,))
    making.start()
    arrivals.await_settled(namespaces, share=0.5)
    crowd.declare(late)
    declared = time.monotonic()
    arrivals.await_settled({late.namespace})
    arrivals.await_settled(namespaces)
    making.join()
    size = len(crowd.tenants)
    found = Storm(
        seconds=max(arrivals.settled[one] for one in namespaces) - began,
        cpu=contender.cpu - cpu,
        peak=contender.peak,
        late=arrivals.settled[late.namespace] - declared,
        writes=sum(arrivals.changes.values()) / size,
        statements=(statements(on) - sent) / size,
        asked_providers=(simulator.count() - asked) / size,
    )
    arrivals.stop()
    return found


async def _status_writes(on: Stage, tenants: Sequence[Tenant]) -> float:
    """Return how long a bare program takes to write the status of each, and does nothing else.

    It is what other operators' numbers can be held against that were measured on other machines.
    """
    access = yaml.safe_load((on.folder / "floor.kubeconfig").read_text())
    turns = asyncio.Semaphore(CREATORS)
    async with api_server(access, on.variables["EXTRA_CA_FILE"]) as api:
        began = time.monotonic()
        await asyncio.gather(*(_write_status(api, turns, one) for one in tenants))
        return time.monotonic() - began


async def _write_status(api: ApiServer, turns: asyncio.Semaphore, tenant: Tenant) -> None:
    path = SETUPS.replace("releasesetups", f"namespaces/{tenant.namespace}/releasesetups/mobile-app/status")
    async with turns:
        await api.patch(path, {"op": "add", "path": "/status", "value": status(["GITHUB"])})


def _bare(
    on: Stage, simulator: Simulator, recorded: Sequence[Tenant], tenants: Sequence[Tenant]
) -> AbstractContextManager[Contender]:
    """Run the floor with what the operator sent its providers for the same credentials."""
    plan: Path = on.folder / "plan.json"
    pairs = zip(recorded, tenants, strict=True)
    plan.write_text(json.dumps({to.namespace: exchanges(simulator, of) for of, to in pairs}))
    return floor(on, "floor_of_creations", str(plan))


def statements(on: Stage) -> int:
    """Return how many statements the server was sent, this one included."""
    with on.database.connect("delivr") as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
        return int(cursor.fetchall()[0][1])
