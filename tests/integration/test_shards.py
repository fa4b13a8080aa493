"""Several operators share the tenants: none is left or done twice, also while their number changes."""

import json
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations, count
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivr_operator.sharing import PARTS, Shard, part_of
from dev.bench.tenants import Tenant, with_github
from dev.control_plane import ControlPlane
from dev.database_server import DatabaseAccess
from tests.integration.forge import Forge, Operator, forge
from tests.integration.rest import Rest
from tests.integration.tenancy import ROOT, Tenancy, eventually, make_tenancy

SHARDED = ROOT / "manifests" / "overlays" / "sharded"
LEASE_SECONDS = 15
TENANTS = 36
pytestmark = pytest.mark.timeout(400)


@dataclass
class Town:
    """Tenants of one cluster, with a namespace and a resource each, and the operators that share them."""

    tenancy: Tenancy
    smith: Forge
    tenants: list[Tenant] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    _hours: "count[int]" = field(default_factory=lambda: count(2))

    def settle(self, many: int) -> None:
        """So many more tenants declare a resource each."""
        names = [f"{self.tenancy.namespace}-{len(self.tenants) + n}" for n in range(many)]
        came = [with_github(self.tenancy.simulator, name, name) for name in names]
        self.enter(came)
        objects = [found for one in came for found in declared(one)]
        self.tenancy.access.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))
        self.tenants += came

    def enter(self, tenants: Sequence[Tenant]) -> None:
        """Delivr knows these, and their owner."""
        for one in tenants:
            self.tenancy.rows(
                "INSERT INTO tenants (id, displayName, createdBy, createdAt, updatedAt)"
                " VALUES (%s, 'Shards', 'own_7Qx2-', NOW(), NOW())",
                one.id,
            )
            self.tenancy.rows(
                "INSERT INTO collaborators"
                " (email, accountId, tenantId, permission, isCreator, createdAt, updatedAt)"
                " VALUES ('owner@example.test', 'own_7Qx2-', %s, 'Owner', 1, NOW(), NOW())",
                one.id,
            )

    def change(self, tenants: Sequence[Tenant]) -> None:
        """Each of these changes what it declares."""
        for one in tenants:
            rest = Rest(self.tenancy.access, one.namespace)
            rest.patch({"spec": {"interval": f"{next(self._hours)}m"}})
            rest.close()

    def start(self, number: int, of: int) -> Operator:
        """Start one of so many."""
        where = "--shard-leases=delivr-system/delivr-operator"
        operator = self.smith.start(
            self.tenancy, f"--shard={number}/{of}", where, dawdle=0.05, cluster_wide=True
        )
        self.operators.append(operator)
        return operator

    def committed(self, tenants: Sequence[Tenant]) -> bool:
        """Tell whether all of these have their newest generation in the rows and in the status."""
        listed = self.tenancy.access.kubectl("get", "releasesetups", "--all-namespaces", "--output=json")
        found = {one["metadata"]["namespace"]: one for one in json.loads(listed)["items"]}
        return all(is_committed(found[one.namespace]) for one in tenants)

    def await_committed(self, tenants: Sequence[Tenant], what: str) -> None:
        try:
            eventually(lambda: self.committed(tenants), what, 90)
        except AssertionError as error:
            logs = "\n".join(f"{one.name}: {one.log()[-1500:]}" for one in self.operators)
            raise AssertionError(f"{error}\n{logs}") from None


def is_committed(setup: Any) -> bool:
    status, generation = setup.get("status", {}), setup["metadata"]["generation"]
    valid = {entry["verificationStatus"] for entry in status.get("integrations", ())} == {"VALID"}
    return valid and status.get("observedGeneration") == status.get("committedGeneration") == generation


def declared(tenant: Tenant) -> Iterator[Any]:
    """A tenant's namespace, its Secrets and its ReleaseSetup."""
    here = {"namespace": tenant.namespace}
    bound = {"name": tenant.namespace, "annotations": {"release.delivr.live/tenant-id": tenant.id}}
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": bound}
    for name, values in tenant.secrets.items():
        named = {"name": name, **here}
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": named, "stringData": dict(values)}
    named = {"name": "mobile-app", **here}
    kind = {"apiVersion": "release.delivr.live/v1", "kind": "ReleaseSetup"}
    yield {**kind, "metadata": named, "spec": tenant.spec}


@pytest.fixture(scope="module")
def smith() -> Iterator[Forge]:
    with forge() as found:
        yield found


@pytest.fixture
def town(
    mysql_server: DatabaseAccess, simulator: dict[str, str], tmp_path: Path, smith: Forge
) -> Iterator[Town]:
    with ControlPlane(tmp_path / "control-plane") as access:
        access.install(SHARDED)
        with contextmanager(make_tenancy)(access, mysql_server, simulator, tmp_path) as tenancy:
            found = Town(tenancy, smith)
            try:
                yield found
            finally:
                for one in found.operators:
                    one.end()


# What the operators themselves have written down


@dataclass(frozen=True)
class Span:
    """From when until when an operator did something, about a tenant's namespace or a part."""

    what: str
    began: float
    ended: float
    who: str


def lines(operator: Operator) -> list[dict[str, Any]]:
    return [json.loads(line) for line in operator.log().splitlines()]


def moment(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["time"]).timestamp()


def passes(operator: Operator) -> list[Span]:
    found = [line for line in lines(operator) if "reconcile" in line and "seconds" in line]
    return [Span(one["namespace"], moment(one) - one["seconds"], moment(one), operator.name) for one in found]


def holdings(operator: Operator) -> list[Span]:
    """Which parts it had, and when: up to its last line where it did not say that it left them."""
    since: dict[str, float] = {}
    found, every = [], lines(operator)
    for line in every:
        parts = [part for part in line.get("parts", "").split(",") if part]
        if line["message"] == "won parts":
            since |= dict.fromkeys(parts, moment(line))
        if line["message"] in ("leaving parts", "lost parts"):
            found += [Span(p, since.pop(p), moment(line), operator.name) for p in parts if p in since]
    last = moment(every[-1])
    return [*found, *(Span(part, began, last, operator.name) for part, began in since.items())]


def overlaps(spans: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Where two operators did the same at the same time; what is written is rounded to milliseconds."""
    return [
        (one, other)
        for one, other in combinations(sorted(spans, key=lambda span: span.began), 2)
        if one.what == other.what and one.who != other.who and other.began < one.ended - 0.002
    ]


def test_each_does_its_own_and_nothing_is_left_or_done_twice_while_their_number_changes(town: Town) -> None:
    two = [town.start(number, 2) for number in (1, 2)]
    town.settle(TENANTS)
    town.await_committed(town.tenants, "two share all")
    for number, operator in enumerate(two, 1):
        own = {one.namespace for one in town.tenants if part_of(one.id) in Shard(number, 2).parts}
        assert {one.what for one in passes(operator)} == own
    four = [town.start(number, 4) for number in (1, 2, 3, 4)]
    eventually(lambda: all('"watching"' in one.log() for one in four), "the four stand by")
    for one in two:
        town.change(town.tenants)
        one.end()
    town.await_committed(town.tenants, "four share all")
    three = [town.start(number, 3) for number in (1, 2, 3)]
    eventually(lambda: all('"watching"' in one.log() for one in three), "the three stand by")
    for one in four:
        town.settle(2)
        town.change(town.tenants[::2])
        one.end()
    town.await_committed(town.tenants, "three share all, and those that came meanwhile")
    eventually(lambda: sum(len(held_at_last(one)) for one in three) == PARTS, "the three have every part")
    done = [span for one in town.operators for span in passes(one)]
    assert len({span.who for span in done}) == len(town.operators), "somebody never worked: nothing was shown"
    assert overlaps(done) == []
    assert overlaps([span for one in town.operators for span in holdings(one)]) == []
    # A machine that stands still for seconds loses Leases, as it should; nothing above may come of it.
    assert [line for one in town.operators for line in lines(one) if "exception" in line] == []


def held_at_last(operator: Operator) -> set[str]:
    found: set[str] = set()
    for line in lines(operator):
        parts = {part for part in line.get("parts", "").split(",") if part}
        found = found | parts if line["message"] == "won parts" else found
        found = found - parts if line["message"] in ("leaving parts", "lost parts") else found
    return found


def test_the_parts_of_one_that_dies_are_taken_over_within_the_lease_by_its_like(town: Town) -> None:
    first, second = town.start(1, 2), town.start(2, 2)
    town.settle(8)
    town.await_committed(town.tenants, "two share all")
    spare = town.start(2, 2)
    eventually(lambda: '"watching"' in spare.log(), "a second one for the same share stands by")
    own = [one for one in town.tenants if part_of(one.id) in Shard(2, 2).parts]
    assert own, "the one that dies has nothing to do: nothing is shown"
    second.send(signal.SIGKILL)
    died = time.monotonic()
    town.change(town.tenants)
    eventually(lambda: "won parts" in spare.log(), "it takes over", 40)
    took = time.monotonic() - died
    town.await_committed(town.tenants, "nothing was left")
    assert took < LEASE_SECONDS + 3, took
    assert {one.what for one in passes(spare)} == {one.namespace for one in own}
    done = [span for one in town.operators for span in passes(one)]
    assert overlaps(done) == []
    assert not [one for one in passes(first) if one.what in {tenant.namespace for tenant in own}]
