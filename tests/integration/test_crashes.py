"""The operator is killed before and after every step of every change; the next ends where none was killed."""

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pymysql.cursors
import pytest
from pydantic import SecretStr

from delivr_operator.projection import Category
from delivr_operator.sealing import Envelope, Sealer, looks_sealed
from dev.access import ClusterAccess
from dev.database_server import DatabaseAccess
from dev.simulator.client import Issued
from tests.delivr_tables import CATEGORIES, PASSPHRASE
from tests.integration.forge import Forge, Operator, Point, forge
from tests.integration.rest import Rest
from tests.integration.tenancy import TENANT, Tenancy, eventually, make_tenancy

ACTIONS = ("create", "change", "rotate", "remove", "delete")
FINALIZER = "release.delivr.live/rows"
LANES = 4
TRIES = 3
SOAK = "DELIVR_SOAK_SECONDS" in os.environ
SHARES = {"mysql": slice(0, None, 2), "mariadb": slice(1, None, 2)}
"""Each server sees every other step, and each step is on one of them; a soak has all on both."""
MOMENTS = frozenset(
    {"completedAt", "lastVerifiedAt", "setupCompletedAt", "nextExpiryAt", "secretVersion", "fingerprint"}
)
"""What differs from run to run by its nature: only that it is there is compared."""
FORGOTTEN = frozenset(
    {"lastTransitionTime", "id", "createdAt", "updatedAt", "resourceCreatedAt", "rotatedAt"}
)
GENERATIONS = frozenset({"observedGeneration", "committedGeneration", "generation"})
SHOWN = tuple(Category)
WHERE = {
    "GITHUB": Category.SCM,
    "PLAY_STORE": Category.STORE,
    "SLACK": Category.COMMUNICATION,
}
SEALER = Sealer(SecretStr("00112233445566778899aabbccddeeff" * 2), SecretStr(PASSPHRASE), Envelope.HEX)
READING = "START TRANSACTION WITH"
MANY = 40
"""Fewer steps than that would not be the statements of five transactions."""
TABLES = ("tenant_release_settings", "tenant_integrations", "tenant_release_claims")
Json = Any


@dataclass
class Lane:
    """One tenant to whom the five things happen again and again."""

    tenancy: Tenancy
    rest: Rest
    forge: Forge
    connection: Any
    spec: dict[str, Json]
    slack: dict[str, Json]
    tokens: list[Issued]
    projected: bool
    operator: Operator = field(init=False)

    def start(self) -> None:
        self.operator = self.forge.start(self.tenancy)

    def act(self, action: str) -> None:
        """Do what a person does."""
        if action == "create":
            self.rest.create(self.tenancy.setup(**self.spec))
        elif action == "change":
            self.rest.patch({"spec": {"slack": self.slack, "interval": "2h"}})
        elif action == "rotate":
            self.tokens.reverse()
            self.rest.secret("github", self.tokens[0].secret)
        elif action == "remove":
            self.rest.patch({"spec": {"slack": None, "interval": None}})
        else:
            self.rest.delete()

    def rows(self) -> dict[str, list[dict[str, Json]]]:
        cursor = self.connection.cursor(pymysql.cursors.DictCursor)
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT * FROM {table} WHERE tenantId = %s", (TENANT,))  # noqa: S608 - from above
            found[table] = list(cursor.fetchall())
        for category in SHOWN if self.projected else ():
            cursor.execute(f"SELECT * FROM {category}")  # noqa: S608 - a name of ours
            found[category] = list(cursor.fetchall())
        return found

    def world(self) -> str:
        """Everything that must be the same whatever broke, as text."""
        setup, rows = self.rest.setup(), self.rows()
        generation = setup["metadata"]["generation"] if setup else 0
        seen = {
            "finalizers": setup and setup["metadata"].get("finalizers", []),
            "status": setup and plain(setup.get("status"), generation),
            "rows": {
                table: sorted((plain(row, generation) for row in of_table), key=str)
                for table, of_table in rows.items()
            },
        }
        text = json.dumps(seen, indent=1, sort_keys=True)
        known = {setup["metadata"]["uid"] if setup else "": "UID", self.tenancy.namespace: "NAMESPACE"}
        known[self.tokens[0].secret["accessToken"]] = "THE TOKEN"
        for value, name in known.items():
            text = text.replace(value, name) if value else text
        return text

    def settle(self, expected: str) -> None:
        """Return once nothing is under way and all is as expected; say what differs otherwise."""
        try:
            eventually(lambda: self.idle() and self.world() == expected, "the world is as undisturbed", 30)
        except AssertionError:
            assert self.world() == expected, self.operator.log()[-3000:]
            raise

    def idle(self) -> bool:
        counts = Counter(step.name for step in self.operator.steps())
        taken = counts["after queue.take"]
        seen = taken > 0 or self.rest.setup() is None
        return seen and taken == counts["after queue.done"] + counts["after queue.failed"]

    def hold(self) -> None:
        """Check what has to be true even while nobody is there to mend it."""
        setup, rows = self.rest.setup(), self.rows()
        claims = rows["tenant_release_claims"]
        if self.projected:
            together(rows)
        if setup is None:
            assert not any(rows.values()), "the resource went before its rows"
            return
        assert not claims or FINALIZER in setup["metadata"].get("finalizers", ()), "rows without a finalizer"
        committed = setup.get("status", {}).get("committedGeneration", 0)
        if "deletionTimestamp" not in setup["metadata"]:
            assert committed <= max((claim["generation"] for claim in claims), default=0), "said too early"


def together(rows: Mapping[str, Sequence[Mapping[str, Json]]]) -> None:
    """Check that the plan's tables and today's Delivr's tell of the same things, in the same state."""
    plan = {row["integrationType"]: row for row in rows["tenant_integrations"]}
    for kind, category in WHERE.items():
        assert len(rows[category]) == (kind in plan), f"{kind} stands in one of both"
    if "GITHUB" in plan:
        (theirs,), ours = rows[Category.SCM], plan["GITHUB"]
        assert opened(theirs["accessToken"]) == opened(json.loads(ours["config"])["accessToken"])
        assert theirs["lastVerifiedAt"] == ours["lastVerifiedAt"]
    assert len(rows[Category.CREDENTIAL]) == len(rows[Category.STORE]), "a store without its key"


@cache
def opened(sealed: str) -> str:
    return SEALER.open(sealed).get_secret_value()


def plain(value: Json, generation: int) -> Json:
    """Leave out what differs from run to run, and open what is sealed."""
    if isinstance(value, dict):
        return {k: _field(k, v, generation) for k, v in value.items() if k not in FORGOTTEN}
    if isinstance(value, list):
        return [plain(one, generation) for one in value]
    if isinstance(value, bytes):
        return plain(value.decode(), generation)
    return opened(value) if isinstance(value, str) and looks_sealed(value) else value


def _field(name: str, value: Json, generation: int) -> Json:
    if name in MOMENTS:
        return value is not None
    if name in GENERATIONS:
        return value - generation
    if name in ("config", "integrationTypes", "selectedTargets", "selectedPlatforms"):
        return plain(json.loads(value), generation)
    return plain(value, generation)


@contextmanager
def lane(make: Iterator[Tenancy], smith: Forge, *, projected: bool) -> Iterator[Lane]:
    with ExitStack() as stack:
        tenancy = next(make)
        stack.callback(lambda: next(make, None))
        if projected:
            tenancy.database.load(tenancy.database_name, CATEGORIES)
            tenancy.extra.update(PROJECTIONS="plan,delivr", BACKEND_STORAGE_ENCRYPTION_KEY=PASSPHRASE)
        spec = {
            "targets": ["PLAY_STORE"],
            "platforms": ["ANDROID"],
            "github": tenancy.github(),
            "playStore": tenancy.play_store(),
        }
        slack = tenancy.slack()
        first = tenancy.issued["github"]
        second = tenancy.simulator.issue("GITHUB")
        repository = f"{tenancy.organization}/mobile-app"
        tenancy.simulator.target("GITHUB", "repository", repository, visible_to=[first.id, second.id])
        rest = Rest(tenancy.access, tenancy.namespace)
        stack.callback(rest.close)
        connection = tenancy.database.connect(tenancy.database_name)
        stack.callback(connection.close)
        found = Lane(tenancy, rest, smith, connection, spec, slack, [first, second], projected)
        found.start()
        stack.callback(lambda: found.operator.end())  # noqa: PLW0108 - of whichever is last
        yield found


@dataclass(frozen=True)
class Undisturbed:
    """What one action goes through, and where it ends."""

    points: tuple[Point, ...]
    world: str
    events: Counter[str]


def record(one: Lane) -> Mapping[str, Undisturbed]:
    """Let everything happen undisturbed, twice, and have the same end both times.

    Where a watch shows the operator's own write before its answer is there, a second pass looks again and
    finds nothing to do; the steps of the shorter run are in the longer one.
    """
    runs = [{action: _undisturbed(one, action) for action in ACTIONS} for _ in range(2)]
    for action in ACTIONS:
        assert runs[0][action].world == runs[1][action].world
    return {action: min((run[action] for run in runs), key=lambda run: len(run.points)) for action in ACTIONS}


def steps_of(records: Sequence[Mapping[str, Undisturbed]], action: str) -> tuple[Point, ...]:
    """The steps that one pass goes through, as the shortest of all runs has them."""
    runs = [record[action].points for record in records]
    shortest = min(runs, key=len)
    assert all(set(shortest) <= set(run) for run in runs), f"{action} goes another way each time"
    return shortest


def _undisturbed(one: Lane, action: str) -> Undisturbed:
    one.operator.arm(None)
    one.act(action)

    def over() -> bool:
        names = [step.name for step in one.operator.steps(armed=True)]
        return "after queue.done" in names and one.idle()

    eventually(over, f"{action} is over")
    setup = one.rest.setup()
    told = one.rest.events(setup["metadata"]["uid"]) if setup else []
    points = tuple(dict.fromkeys(one.operator.steps(armed=True)))
    return Undisturbed(points, one.world(), Counter(reason for reason, _ in told))


@dataclass
class Work:
    """The points that are still to die at, handed out to whichever lane is next."""

    todo: dict[str, list[tuple[Point, int]]]
    died: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, action: str) -> tuple[Point, int] | None:
        with self._lock:
            return self.todo[action].pop() if self.todo[action] else None

    def put_back(self, action: str, point: Point, tries: int) -> None:
        assert tries < TRIES, f"{action} never comes to {point}"
        with self._lock:
            self.todo[action].append((point, tries))

    @property
    def left(self) -> bool:
        return any(self.todo.values())


def suffer(one: Lane, undisturbed: Mapping[str, Undisturbed], work: Work) -> None:
    """Die at one point after the other, and be mended each time by the next operator."""
    while work.left:
        for action in ACTIONS:
            taken = work.take(action)
            one.operator.arm(taken[0] if taken else None)
            one.act(action)
            if taken:
                _die(one, work, action, taken)
            one.settle(undisturbed[action].world)
            setup = one.rest.setup()
            told = one.rest.events(setup["metadata"]["uid"]) if setup else []
            assert Counter(reason for reason, _ in told) <= undisturbed[action].events, "told twice"


def _die(one: Lane, work: Work, action: str, taken: tuple[Point, int]) -> None:
    point, tries = taken
    try:
        one.operator.await_end(10)
    except AssertionError:
        work.put_back(action, point, tries + 1)
        return
    assert one.operator.died, f"at {point}: {one.operator.log()[-3000:]}"
    work.died += 1
    one.hold()
    one.start()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("projected", [False, True], ids=["plan", "plan and delivr"])
def test_a_death_at_any_step_changes_nothing(
    installed: ClusterAccess,
    database_server: DatabaseAccess,
    simulator: dict[str, str],
    tmp_path: Path,
    projected: bool,
) -> None:
    with forge() as smith, ExitStack() as stack:
        lanes = []
        for number in range(LANES):
            folder = tmp_path / str(number)
            folder.mkdir()
            make = make_tenancy(installed, database_server, simulator, folder)
            lanes.append(stack.enter_context(lane(make, smith, projected=projected)))
        with ThreadPoolExecutor(LANES) as threads:
            records = list(threads.map(record, lanes))
        share = slice(None) if SOAK else SHARES[database_server.kind]
        steps = {action: steps_of(records, action) for action in ACTIONS}
        if projected:
            steps = {action: tuple(filter(is_write, points)) for action, points in steps.items()}
        work = Work({action: [(point, 0) for point in points[share]] for action, points in steps.items()})
        wanted = sum(map(len, work.todo.values()))
        assert not projected or wanted > MANY
        with ThreadPoolExecutor(LANES) as threads:
            for done in [threads.submit(suffer, *one, work) for one in zip(lanes, records, strict=True)]:
                done.result()
        assert work.died == wanted


def is_write(point: Point) -> bool:
    """Tell whether the step is one of a transaction that writes: all others are as without the projection."""
    trip = point.name.removeprefix("before ").partition(",")[0]
    word = trip.partition(" ")[0]
    return word.isupper() and word not in ("POST", "PATCH", "PUT") and trip != READING
