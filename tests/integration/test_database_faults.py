"""A broken database is said in Synced, stops no verification, and everything lands once it is mended."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pydantic import SecretStr
from pymysql.constants import ER

from delivr_operator.database import Database, DatabaseUnavailable, Outage
from delivr_operator.sealing import Sealer
from dev.access import ClusterAccess
from dev.database_server import DatabaseAccess, DatabaseServer
from tests.integration.operating import operating
from tests.integration.rest import Rest
from tests.integration.tenancy import TENANT, Tenancy, eventually, make_tenancy

CLAIMS, INTEGRATIONS, SETTINGS = "tenant_release_claims", "tenant_integrations", "tenant_release_settings"
PASSWORD = "Operator-1"
EDITOR = "edi_Kd93_"
"""Made a second Owner here, whose account nothing refers to."""
KEPT = ("accounts", "tenants", "collaborators")
TRIED_AGAIN = "delivr_database_deadlocks_total"
PATIENCE = 60.0
Started = tuple[DatabaseServer, DatabaseAccess]


@dataclass
class Bench:
    """One tenant, whose operator may do in the database what an installation may, on a server to break."""

    tenancy: Tenancy
    server: DatabaseServer
    rest: Rest
    user: str
    metric: Callable[[str], float] = lambda _: 0.0
    """What the running operator has counted under a name."""
    numbers: Iterator[int] = field(default_factory=lambda: count(2))
    session: Any = None
    """Somebody else's, in the middle of a transaction."""

    def run(self, *statements: str) -> list[dict[str, Any]]:
        return [self.tenancy.rows(one) for one in statements][-1]

    def kill_sessions(self) -> None:
        """Close every connection of the operator, from the server's side."""
        for row in self.run(f"SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{self.user}'"):  # noqa: S608
            with suppress(pymysql.OperationalError):  # it was gone before
                self.run(f"KILL {row['ID']}")

    def change_user(self, clause: str) -> None:
        self.run(f"ALTER USER '{self.user}'@'%' {clause}")
        self.kill_sessions()

    def begin(self, *statements: str) -> None:
        """Have somebody else carry these out, and not commit."""
        self.session = self.tenancy.database.connect(self.tenancy.database_name)
        self.session.begin()
        for one in statements:
            self.session.cursor().execute(one)

    def commit(self) -> None:
        self.session.commit()

    def roll_back(self) -> None:
        self.session.close()

    def await_waiter(self) -> None:
        """Return once somebody waits for what the session holds."""
        waiting = "SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"
        eventually(lambda: self.run(waiting)[0]["n"], "the operator waits for the session", PATIENCE)

    def keep_people(self) -> None:
        for one in KEPT:
            self.run(f"CREATE TABLE kept_{one} AS SELECT * FROM {one}")  # noqa: S608

    def find_people(self) -> None:
        """Have the tenants, the accounts and who is what there be as they were."""
        for one in KEPT:
            self.run(f"INSERT IGNORE INTO {one} SELECT * FROM kept_{one}", f"DROP TABLE kept_{one}")  # noqa: S608

    def fill(self) -> None:
        """Have the table of claims be full: its rows are kept where a row's place has two bytes."""
        (key,) = self.run(
            "SELECT CONSTRAINT_NAME AS name FROM information_schema.REFERENTIAL_CONSTRAINTS "  # noqa: S608
            f"WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = '{CLAIMS}'"
        )
        self.run(
            f"ALTER TABLE {CLAIMS} DROP FOREIGN KEY {key['name']}",
            f"ALTER TABLE {CLAIMS} ENGINE = MyISAM, MAX_ROWS = 1, AVG_ROW_LENGTH = 1",
        )
        self._fill_with(253)
        self.run(f"DELETE FROM {CLAIMS} WHERE tenantId = '{TENANT}'")  # noqa: S608
        self._fill_with(0)  # to the brim: what is to be written is shorter than the first rows are

    def _fill_with(self, length: int) -> None:
        row = f"(%s, 'u', 'n', REPEAT('x', {length}), NOW(), 1, '[]', NOW())"
        with closing(self.tenancy.database.connect(self.tenancy.database_name)) as session:
            for number in count():
                try:
                    session.cursor().execute(
                        f"INSERT INTO {CLAIMS} VALUES {row}",  # noqa: S608
                        [f"filler-{length}-{number}"],
                    )
                except pymysql.MySQLError as error:
                    if error.args[0] != ER.RECORD_FILE_FULL:
                        raise
                    return

    def make_space(self) -> None:
        self.run(
            f"DELETE FROM {CLAIMS} WHERE tenantId <> '{TENANT}'",  # noqa: S608
            f"ALTER TABLE {CLAIMS} ENGINE = InnoDB",
            f"ALTER TABLE {CLAIMS} ADD FOREIGN KEY (tenantId) REFERENCES tenants(id) ON DELETE CASCADE",
        )


Change = Callable[[Bench], object]


def sql(*statements: str) -> Change:
    """Carry these out as an administrator; `{user}` is the operator's account, `{name}` the database."""
    return lambda on: on.run(
        *(s.format(user=f"'{on.user}'@'%'", name=on.tenancy.database_name) for s in statements)
    )


def deletes_tenant(on: Bench) -> None:
    """Delete it as Delivr does; its rows go along."""
    on.keep_people()
    on.begin(
        f"DELETE FROM collaborators WHERE tenantId = '{TENANT}'",  # noqa: S608
        f"DELETE FROM tenants WHERE id = '{TENANT}'",  # noqa: S608
    )


def deletes_account(on: Bench) -> None:
    on.keep_people()
    on.begin(
        f"DELETE FROM collaborators WHERE accountId = '{EDITOR}'",  # noqa: S608
        f"DELETE FROM accounts WHERE id = '{EDITOR}'",  # noqa: S608
    )


def at_once(begins: Change) -> Change:
    def change(on: Bench) -> None:
        begins(on)
        on.commit()

    return change


def crosses(on: Bench) -> None:
    """Ask for what the waiting operator holds: one of the two has to be given up, and it is the smaller."""
    before, tried_again = deadlocks(on), on.metric(TRIED_AGAIN)
    on.session.cursor().execute(f"SELECT * FROM {CLAIMS} FOR UPDATE")  # noqa: S608
    assert deadlocks(on) == before + 1
    eventually(lambda: on.metric(TRIED_AGAIN) == tried_again + 1, "the operator begins again")


def deadlocks(on: Bench) -> int:
    """How many the server has broken up."""
    counted = "SELECT COUNT AS n FROM information_schema.INNODB_METRICS WHERE NAME = 'lock_deadlocks'"
    (row,) = on.run(counted)
    return int(row["n"])


@dataclass(frozen=True)
class Fault:
    """What goes wrong, what Synced calls it, and how it comes and goes."""

    name: str
    reason: str | None
    """None: it is mended under way, and nobody hears of it."""
    comes: Change
    goes: Change = lambda _: None
    meanwhile: Change | None = None
    """Done once the operator waits for the session's locks."""
    spec: Mapping[str, str] | None = None


NEW_OWNER = {"owner": "editor@example.test"}
FAULTS = (
    Fault("down", "DatabaseUnavailable", lambda on: on.server.stop(), lambda on: on.server.start()),
    Fault("connections killed", None, lambda on: on.kill_sessions()),
    Fault(
        "lock wait timeout",
        "DatabaseLocked",
        lambda on: on.begin(f"SELECT * FROM {CLAIMS} FOR UPDATE"),  # noqa: S608
        lambda on: on.roll_back(),
    ),
    Fault(
        "deadlock",
        None,
        lambda on: on.begin(
            "UPDATE accounts SET name = CONCAT(name, '.')",
            f"UPDATE {INTEGRATIONS} SET isRequired = 1 - isRequired",  # noqa: S608
        ),
        lambda on: on.roll_back(),
        meanwhile=crosses,
    ),
    Fault(
        "read-only",
        "DatabaseReadOnly",
        sql("SET GLOBAL read_only = 1"),
        sql("SET GLOBAL read_only = 0"),
    ),
    Fault("table full", "DatabaseFull", lambda on: on.fill(), lambda on: on.make_space()),
    Fault(
        "wrong password",
        "DatabaseAccessDenied",
        lambda on: on.change_user("IDENTIFIED BY 'Another-1'"),
        lambda on: on.change_user(f"IDENTIFIED BY '{PASSWORD}'"),
    ),
    Fault(
        "missing right",
        "DatabaseAccessDenied",
        sql(f"REVOKE INSERT ON `{{name}}`.{CLAIMS} FROM {{user}}"),
        sql(f"GRANT INSERT ON `{{name}}`.{CLAIMS} TO {{user}}"),
    ),
    Fault(
        "no table",
        "DatabaseSchemaMissing",
        sql(f"RENAME TABLE {CLAIMS} TO away"),
        sql(f"RENAME TABLE away TO {CLAIMS}"),
    ),
    Fault(
        "half migrated",
        "DatabaseSchemaMissing",
        sql(f"ALTER TABLE {SETTINGS} RENAME COLUMN selectedTargets TO was"),
        sql(f"ALTER TABLE {SETTINGS} RENAME COLUMN was TO selectedTargets"),
    ),
    Fault(
        "column too short",
        "DatabaseColumnTooShort",
        sql(f"DELETE FROM {CLAIMS}", f"ALTER TABLE {CLAIMS} MODIFY name VARCHAR(3) NOT NULL"),  # noqa: S608
        sql(f"ALTER TABLE {CLAIMS} MODIFY name VARCHAR(253) NOT NULL"),
    ),
    Fault("tenant gone", "TenantNotFound", at_once(deletes_tenant), lambda on: on.find_people()),
    Fault(
        "tenant deleted under way",
        "DatabaseReferenceGone",
        deletes_tenant,
        lambda on: on.find_people(),
        lambda on: on.commit(),
    ),
    Fault(
        "account gone",
        "OwnerNotFound",
        at_once(deletes_account),
        lambda on: on.find_people(),
        spec=NEW_OWNER,
    ),
    Fault(
        "account deleted under way",
        "DatabaseReferenceGone",
        deletes_account,
        lambda on: on.find_people(),
        lambda on: on.commit(),
        NEW_OWNER,
    ),
)
REFUSALS = ("TenantNotFound", "OwnerNotFound")
"""Whoever may not set up is not asked about either."""


@pytest.fixture(scope="module", params=["mysql", "mariadb"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    folder = tmp_path_factory.mktemp(request.param)
    found = DatabaseServer(request.param, folder / "database", dies_with_parent=True)
    try:
        yield found, found.start()
    finally:
        found.stop()


def benches(
    started: Started, installed: ClusterAccess, simulator: dict[str, str], folder: Path
) -> Iterator[Bench]:
    server, access = started
    for tenancy in make_tenancy(installed, access, simulator, folder):
        user, name = f"app_{secrets.token_hex(4)}", tenancy.database_name
        found = Bench(tenancy, server, Rest(installed, tenancy.namespace), user)
        found.run(
            f"CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT SELECT ON `{name}`.* TO '{user}'@'%'",
            *(
                f"GRANT INSERT, UPDATE, DELETE ON `{name}`.{table} TO '{user}'@'%'"
                for table in (CLAIMS, INTEGRATIONS, SETTINGS)
            ),
            f"UPDATE collaborators SET permission = 'Owner' WHERE accountId = '{EDITOR}'",  # noqa: S608
        )
        address = f"mysql+pymysql://{user}:{PASSWORD}@127.0.0.1:{access.port}/{name}"
        tenancy.extra.update(DATABASE_URL=address, RECHECK_INTERVAL="3s")
        # Some faults are seen for as long as this only: the next pass finds another one in their place.
        found.rest.create(tenancy.setup(github=tenancy.github(), slack=tenancy.slack()))
        yield found
        found.rest.close()


@pytest.fixture
def bench(
    server: Started, installed: ClusterAccess, simulator: dict[str, str], tmp_path: Path
) -> Iterator[Bench]:
    """Whose operator a test starts itself."""
    yield from benches(server, installed, simulator, tmp_path)


@pytest.fixture(scope="module")
def at_work(
    server: Started,
    installed: ClusterAccess,
    simulator: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    """One operator, which lives through one fault after the other."""
    for found in benches(server, installed, simulator, tmp_path_factory.mktemp("bench")):
        with operating(found.tenancy) as operator:
            found.metric = operator.metric
            yield found
            assert operator.process.poll() is None
        assert '"exception"' not in found.tenancy.log()
        assert "Another-1" not in found.tenancy.log()


def change(on: Bench, spec: Mapping[str, str] | None = None) -> tuple[str, int]:
    """Change the spec, and ask for a new proof; return the request and the generation."""
    number = next(on.numbers)
    request = f"request-{number}"
    annotations = {"release.delivr.live/requestedAt": request}
    wanted = {"owner": "owner@example.test", "interval": f"{60 + number}m", **(spec or {})}
    found = on.rest.patch({"metadata": {"annotations": annotations}, "spec": wanted})
    return request, found["metadata"]["generation"]


def said(on: Bench, generation: int, reason: str) -> Any:
    """The status that gives this reason why that generation is not in the rows, if it is there."""
    status = on.rest.standing().get("status", {})
    for one in status.get("conditions", ()):
        if one["type"] == "Synced" and one["observedGeneration"] == generation:
            return status if (one["status"], one["reason"]) == ("False", reason) else None
    return None


def landed(on: Bench, generation: int) -> bool:
    status = on.rest.standing().get("status", {})
    synced: Any = next((one for one in status.get("conditions", ()) if one["type"] == "Synced"), {})
    if status.get("committedGeneration") != generation or synced.get("status") != "True":
        return False
    (claim,) = on.run(f"SELECT generation FROM {CLAIMS} WHERE tenantId = '{TENANT}'")  # noqa: S608
    kinds = {row["integrationType"]: row["verificationStatus"] for row in on.tenancy.integrations().values()}
    return claim["generation"] == generation and kinds == {"GITHUB": "VALID", "SLACK": "VALID"}


def reasons(on: Bench) -> list[str]:
    """Every reason that an event has told of."""
    return [reason for reason, _ in on.rest.events(on.rest.standing()["metadata"]["uid"])]


def test_a_database_that_is_down_at_the_start_is_waited_for(bench: Bench) -> None:
    bench.server.stop()
    with bench.tenancy.operator():
        try:
            status = eventually(partial(said, bench, 1, "DatabaseUnavailable"), "it is said")
        finally:
            bench.server.start()
        assert {entry["verificationStatus"] for entry in status["integrations"]} == {"VALID"}
        eventually(partial(landed, bench, 1), "everything lands", PATIENCE)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_said_stops_no_proof_and_heals(at_work: Bench, fault: Fault) -> None:
    on, simulator = at_work, at_work.tenancy.simulator
    _, before = change(on)
    eventually(partial(landed, on, before), "all is well", PATIENCE)
    told, label = reasons(on), on.tenancy.issued["github"].label
    fault.comes(on)
    asked = simulator.count(credential=label)
    try:
        request, generation = change(on, fault.spec)
        if fault.meanwhile is not None:
            on.await_waiter()
            fault.meanwhile(on)
        if fault.reason is not None:
            status = eventually(partial(said, on, generation, fault.reason), "it is said", PATIENCE)
            if fault.reason not in REFUSALS:
                assert status["lastHandledReconcileAt"] == request
                assert simulator.count(credential=label) > asked
            assert {e["verificationStatus"] for e in status["integrations"]} == {"VALID"}
    finally:
        fault.goes(on)
    eventually(partial(landed, on, generation), "everything lands", PATIENCE)
    if fault.reason is None:
        assert [one for one in reasons(on) if one.startswith("Database")] == [
            one for one in told if one.startswith("Database")
        ]


def test_a_server_that_demands_tls_is_given_it_or_it_is_said(at_work: Bench) -> None:
    """The driver uses TLS wherever the server has it, and the settings let nobody switch that off.

    MariaDB has none here, and only says that it refuses.
    """
    on, address = at_work, at_work.tenancy.extra["DATABASE_URL"]
    if on.server.kind == "mysql":
        on.run("SET GLOBAL require_secure_transport = 1")
        on.kill_sessions()
        try:
            without = Database.connect(
                SecretStr(f"{address}?ssl_disabled=true"), Sealer(SecretStr("00" * 32)), 1
            )
            with pytest.raises(DatabaseUnavailable) as caught, closing(without):
                without.setup_status(TENANT)
            assert caught.value.reason is Outage.TLS_REQUIRED
            _, generation = change(on)
            eventually(partial(landed, on, generation), "everything lands", PATIENCE)
        finally:
            on.run("SET GLOBAL require_secure_transport = 0")
    else:
        on.change_user("REQUIRE SSL")
        try:
            _, generation = change(on)
            eventually(partial(said, on, generation, "DatabaseAccessDenied"), "it is said", PATIENCE)
        finally:
            on.change_user("REQUIRE NONE")
        eventually(partial(landed, on, generation), "everything lands", PATIENCE)
