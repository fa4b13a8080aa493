import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pymysql
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, event

from delivr_operator.database import (
    DatabaseUnavailable,
    MigrationReport,
    MigrationState,
    Outage,
    migrate_down,
    migrate_up,
    migration_engine,
    migration_status,
)
from delivr_operator.database import migrations as subject
from delivr_operator.database.steps import Blocker, Obstacle, statements
from dev.database_server import DatabaseAccess
from tests.delivr_tables import (
    LEGACY,
    OTHER_OWNER,
    OWNER,
    TENANT,
    TWIN,
    UUID_TENANT,
    DelivrDatabase,
    delivr_database,
)

DEFAULTS = {"utf8mb4": ("utf8mb4", None), "latin1": ("latin1", None), "latin1_bin": ("latin1", "latin1_bin")}
MADE = {"tenant_release_settings", "tenant_integrations", "tenant_release_claims"}


@contextmanager
def engine_of(database: DelivrDatabase) -> Iterator[Engine]:
    engine = migration_engine(database.url)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture(params=DEFAULTS)
def fresh(request: pytest.FixtureRequest, database_server: DatabaseAccess) -> Iterator[DelivrDatabase]:
    with delivr_database(database_server, *DEFAULTS[request.param]) as database:
        yield database


@pytest.fixture(params=DEFAULTS)
def legacy(request: pytest.FixtureRequest, database_server: DatabaseAccess) -> Iterator[DelivrDatabase]:
    with delivr_database(database_server, *DEFAULTS[request.param], legacy=True) as database:
        yield database


@pytest.fixture
def one(database_server: DatabaseAccess) -> Iterator[DelivrDatabase]:
    with delivr_database(database_server) as database:
        yield database


def up(database: DelivrDatabase) -> MigrationReport:
    with engine_of(database) as engine:
        return migrate_up(engine)


def down(database: DelivrDatabase) -> MigrationReport:
    with engine_of(database) as engine:
        return migrate_down(engine)


def state(database: DelivrDatabase) -> MigrationState:
    with engine_of(database) as engine:
        return migration_status(engine).state


def columns(database: DelivrDatabase, table: str) -> dict[str, tuple[str, str, str]]:
    rows = database.run(
        "SELECT COLUMN_NAME AS n, DATA_TYPE AS t, IS_NULLABLE AS o, COALESCE(COLLATION_NAME, '') AS c "
        "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
        table,
    )
    return {row["n"]: (row["t"], row["o"], row["c"]) for row in rows}


def rules(database: DelivrDatabase, table: str) -> set[tuple[str, str]]:
    rows = database.run(
        "SELECT REFERENCED_TABLE_NAME AS t, DELETE_RULE AS r FROM information_schema.REFERENTIAL_CONSTRAINTS "
        "WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = %s",
        table,
    )
    return {(row["t"], row["r"]) for row in rows}


def add_integration(database: DelivrDatabase, kind: str, account: str = OWNER) -> None:
    database.run(
        "INSERT INTO tenant_integrations (id, tenantId, integrationType, config, configuredByAccountId) "
        "VALUES (%s, %s, %s, '{}', %s)",
        *(f"id-{kind}", TENANT, kind, account),
    )


def expect_plan_shape(database: DelivrDatabase) -> None:
    """Types as in the plan, whether a table was made or changed; keys that follow tenants and accounts."""
    tenant, account = columns(database, "tenants")["id"][2], columns(database, "accounts")["id"][2]
    integrations = columns(database, "tenant_integrations")
    assert integrations["tenantId"] == ("char", "NO", tenant)
    assert integrations["configuredByAccountId"] == ("varchar", "NO", account)
    for name in ("createdAt", "updatedAt", "lastVerifiedAt"):
        assert integrations[name][:2] == ("datetime", "YES")
    settings = columns(database, "tenant_release_settings")
    assert settings["tenantId"] == ("char", "NO", tenant)
    assert settings["setupCompletedByAccountId"] == ("varchar", "YES", account)
    assert columns(database, "tenant_release_claims")["tenantId"] == ("char", "NO", tenant)
    assert rules(database, "tenant_integrations") == {("tenants", "CASCADE"), ("accounts", "RESTRICT")}
    assert rules(database, "tenant_release_settings") == {("tenants", "CASCADE"), ("accounts", "SET NULL")}
    assert rules(database, "tenant_release_claims") == {("tenants", "CASCADE")}


def test_up_down_and_up_again_where_nothing_stood(fresh: DelivrDatabase) -> None:
    before = fresh.schema()
    assert state(fresh) is MigrationState.PENDING

    report = up(fresh)

    assert report.state is MigrationState.APPLIED
    assert set(report.done) == {f"created {table}" for table in MADE}
    expect_plan_shape(fresh)
    assert state(fresh) is MigrationState.APPLIED
    assert up(fresh) == MigrationReport(MigrationState.APPLIED)
    applied = fresh.schema()

    assert down(fresh).state is MigrationState.PENDING
    assert fresh.schema() == before
    assert down(fresh) == MigrationReport(MigrationState.PENDING)

    assert up(fresh).state is MigrationState.APPLIED
    assert fresh.schema() == applied


def test_an_older_table_is_brought_to_shape_and_back_with_its_rows(legacy: DelivrDatabase) -> None:
    legacy.run("DELETE FROM tenant_integrations WHERE id = 'old_orphan'")
    legacy.run("UPDATE tenant_integrations SET lastVerifiedAt = '2025-03-30 01:30:00'")
    before, rows = legacy.schema(), legacy.run("SELECT * FROM tenant_integrations")

    report = up(legacy)

    assert report.state is MigrationState.APPLIED
    expect_plan_shape(legacy)
    assert legacy.run("SELECT * FROM tenant_integrations") == rows
    with pytest.raises(pymysql.IntegrityError):
        add_integration(legacy, "GITHUB", account="nobody")
    applied = legacy.schema()

    assert down(legacy).state is MigrationState.PENDING
    assert legacy.schema() == before
    assert legacy.run("SELECT * FROM tenant_integrations") == rows

    assert up(legacy).state is MigrationState.APPLIED
    assert legacy.schema() == applied
    assert legacy.run("SELECT * FROM tenant_integrations") == rows


def test_orphans_are_reported_and_nothing_is_changed(legacy: DelivrDatabase) -> None:
    before = legacy.schema()

    report = up(legacy)

    assert report.state is MigrationState.BLOCKED
    assert report.done == ()
    assert report.blockers == (
        Blocker(Obstacle.ORPHANS, "tenant_integrations.tenantId", ("old_orphan",), 1),
        Blocker(Obstacle.ORPHANS, "tenant_integrations.configuredByAccountId", ("old_orphan",), 1),
    )
    assert "old_orphan (1 in all)" in report.blockers[0].sentence
    assert legacy.schema() == before
    assert state(legacy) is MigrationState.BLOCKED

    legacy.run("DELETE FROM tenant_integrations WHERE id = 'old_orphan'")
    assert up(legacy).state is MigrationState.APPLIED


def test_of_many_orphans_the_first_are_listed_and_all_are_counted(one: DelivrDatabase) -> None:
    one.load(LEGACY)
    one.run("DELETE FROM tenant_integrations")
    for number in range(25):
        one.run(
            "INSERT INTO tenant_integrations (id, tenantId, integrationType, config, configuredByAccountId) "
            "VALUES (%s, %s, 'JIRA', '{}', %s)",
            *(f"o{number:02}", f"gone{number}", OWNER),
        )

    (blocker,) = up(one).blockers

    assert blocker.count == 25
    assert blocker.names == tuple(f"o{number:02}" for number in range(20))
    assert "o19, ... (25 in all)" in blocker.sentence


def test_keys_act_as_the_plan_says(fresh: DelivrDatabase) -> None:
    up(fresh)
    add_integration(fresh, "SLACK")
    add_integration(fresh, "JIRA", account=OTHER_OWNER)
    fresh.run(
        "INSERT INTO tenant_release_settings (id, tenantId, setupCompletedByAccountId) VALUES ('s', %s, %s)",
        *(TENANT, "vie_pL0aZ"),
    )

    fresh.run("DELETE FROM collaborators")
    fresh.run("DELETE FROM accounts WHERE id = 'vie_pL0aZ'")
    (settings,) = fresh.run("SELECT * FROM tenant_release_settings")
    assert settings["setupCompletedByAccountId"] is None
    with pytest.raises(pymysql.IntegrityError):
        fresh.run("DELETE FROM accounts WHERE id = %s", OTHER_OWNER)

    fresh.run("DELETE FROM tenants WHERE id = %s", TENANT)
    assert fresh.run("SELECT * FROM tenant_integrations") == []
    assert fresh.run("SELECT * FROM tenant_release_settings") == []


def test_the_script_is_valid_as_it_stands_on_latin1(database_server: DatabaseAccess) -> None:
    with (
        delivr_database(database_server, "latin1") as plain,
        delivr_database(database_server, "latin1") as by_us,
    ):
        for statement in statements(subject._script()):
            plain.run(statement)
        up(by_us)
        assert plain.schema() == {k: v for k, v in by_us.schema().items() if k != subject.RECORDS}
        for statement in statements(subject._script("_rollback")):
            plain.run(statement)
        assert "tenant_integrations" in plain.schema()
        assert "tenant_release_settings" not in plain.schema()


def test_a_table_that_stood_before_is_kept_with_its_rows(one: DelivrDatabase) -> None:
    up(one)
    one.run(f"DROP TABLE {subject.RECORDS}")
    one.run("DROP TABLE tenant_release_claims")
    add_integration(one, "SLACK")
    one.run("INSERT INTO tenant_release_settings (id, tenantId) VALUES ('s', %s)", TENANT)
    before = one.schema()

    assert up(one).done == ("created tenant_release_claims",)
    down(one)

    assert one.schema() == before
    assert len(one.run("SELECT * FROM tenant_integrations")) == 1
    assert len(one.run("SELECT * FROM tenant_release_settings")) == 1


class Killed(BaseException):
    pass


@contextmanager
def killed_before(engine: Engine, number: int) -> Iterator[list[str]]:
    """Break off before the changing statement of that number; collects the ones that ran."""
    ran: list[str] = []

    def count(*arguments: Any) -> None:
        sql = str(arguments[2])
        if sql.split(maxsplit=1)[0] in {"CREATE", "ALTER", "DROP", "INSERT", "UPDATE"}:
            if len(ran) == number:
                raise Killed
            ran.append(sql)

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield ran
    finally:
        event.remove(engine, "before_cursor_execute", count)


def changes_of(database: DelivrDatabase, act: Any) -> int:
    with engine_of(database) as engine, killed_before(engine, 1000) as ran:
        act(engine)
        return len(ran)


@pytest.mark.parametrize("older", [False, True], ids=["fresh", "legacy"])
def test_killed_before_any_statement_a_repeat_finishes(database_server: DatabaseAccess, older: bool) -> None:
    with delivr_database(database_server, legacy=older) as database:
        if older:
            database.run("DELETE FROM tenant_integrations WHERE id = 'old_orphan'")
        before = database.schema()
        changes = changes_of(database, migrate_up)
        assert changes == (7 if older else 6)
        applied = database.schema()
        taken_back = changes_of(database, migrate_down)
        assert database.schema() == before

        for number in range(changes):
            with engine_of(database) as engine, killed_before(engine, number), pytest.raises(Killed):
                migrate_up(engine)
            begun = number > 1
            assert state(database) is (MigrationState.INCOMPLETE if begun else MigrationState.PENDING)
            if number % 2:
                assert up(database).state is MigrationState.APPLIED
                assert database.schema() == applied
            down(database)
            without_empty_record = {k: v for k, v in database.schema().items() if k != subject.RECORDS}
            assert without_empty_record == before

        for number in range(taken_back):
            assert up(database).state is MigrationState.APPLIED
            with engine_of(database) as engine, killed_before(engine, number), pytest.raises(Killed):
                migrate_down(engine)
            assert state(database) is (MigrationState.INCOMPLETE if number else MigrationState.APPLIED)
            if number % 2:
                assert up(database).state is MigrationState.APPLIED
                assert database.schema() == applied
            down(database)
            assert database.schema() == before


def test_what_was_taken_away_by_hand_is_noticed_and_mended(one: DelivrDatabase) -> None:
    up(one)
    applied = one.schema()
    one.run("DROP TABLE tenant_release_claims")
    assert state(one) is MigrationState.INCOMPLETE
    assert up(one).done == ("created tenant_release_claims",)
    assert one.schema() == applied


def test_two_at_once_do_it_once(one: DelivrDatabase) -> None:
    barrier, reports = threading.Barrier(2), []

    def act() -> None:
        with engine_of(one) as engine:
            barrier.wait()
            reports.append(migrate_up(engine))

    threads = [threading.Thread(target=act) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [report.state for report in reports] == [MigrationState.APPLIED] * 2
    assert sorted(len(report.done) for report in reports) == [0, 3]


def test_while_another_migrates_for_too_long_nothing_is_done(
    one: DelivrDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "LOCK_SECONDS", 1)
    before = one.schema()
    with closing(one.connect()) as other, other.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, 0)", (subject.lock_name(one.name),))
        assert cursor.fetchone() == (1,)
        for ask in (up, down):
            with pytest.raises(DatabaseUnavailable) as caught:
                ask(one)
            assert caught.value.reason is Outage.LOCK_TIMEOUT
        assert state(one) is MigrationState.PENDING
    assert one.schema() == before
    assert up(one).state is MigrationState.APPLIED


def test_another_version_of_the_script_is_left_alone(one: DelivrDatabase) -> None:
    up(one)
    one.run("UPDATE delivr_operator_migrations SET checksum = 'another'")
    assert state(one) is MigrationState.ALTERED
    assert up(one) == MigrationReport(MigrationState.ALTERED)


def test_without_delivrs_own_tables_it_says_which_are_missing(database_server: DatabaseAccess) -> None:
    with delivr_database(database_server) as database:
        for table in ("collaborators", "apps", "tenants", "accounts"):
            database.run(f"DROP TABLE {table}")
        report = up(database)
        assert report.state is MigrationState.BLOCKED
        assert report.blockers == tuple(
            Blocker(Obstacle.TABLE_MISSING, name) for name in ("tenants", "accounts")
        )
        assert database.schema() == {}


def test_an_unknown_shape_is_refused(one: DelivrDatabase) -> None:
    one.load(LEGACY)
    one.run("DELETE FROM tenant_integrations")
    one.run("ALTER TABLE tenant_integrations DROP COLUMN isRequired")
    before = one.schema()
    assert up(one).blockers == (Blocker(Obstacle.COLUMN_MISSING, "tenant_integrations", ("isRequired",)),)
    one.run("ALTER TABLE tenant_integrations ADD COLUMN isRequired TINYINT(1) DEFAULT 0 AFTER isEnabled")
    one.run("ALTER TABLE tenant_integrations DROP KEY unique_tenant_integration")
    assert up(one).blockers == (
        Blocker(Obstacle.KEY_MISSING, "tenant_integrations", ("tenantId", "integrationType")),
    )
    assert before.keys() == one.schema().keys()


def test_an_unreachable_server_is_an_outage(database_server: DatabaseAccess) -> None:
    nowhere = replace(database_server, port=1)
    engine = migration_engine(SecretStr(nowhere.url("delivr")))
    for ask in (migration_status, migrate_up, migrate_down):
        with pytest.raises(DatabaseUnavailable) as caught:
            ask(engine)
        assert caught.value.reason is Outage.UNREACHABLE


def test_tenants_that_differ_in_case_only_keep_their_rows_apart(fresh: DelivrDatabase) -> None:
    up(fresh)
    for number, tenant in enumerate((TENANT, TWIN, UUID_TENANT)):
        fresh.run("INSERT INTO tenant_release_settings (id, tenantId) VALUES (%s, %s)", str(number), tenant)
    found = fresh.run("SELECT tenantId FROM tenant_release_settings WHERE tenantId = %s", TENANT)
    assert found == [{"tenantId": TENANT}]
