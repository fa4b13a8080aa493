"""Proofs are dated in one statement while nothing else is to be said and the server says that it is so."""

# ruff: noqa: S608 - every value is one of ours

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from delivr_operator.database import Database
from delivr_operator.database.recollection import Recollection
from delivr_operator.rows import DesiredRows
from dev.database_server import DatabaseAccess
from tests.delivr_tables import (
    OTHER_OWNER,
    OWNER,
    TENANT,
    TWIN,
    UUID_TENANT,
    DelivrDatabase,
    delivr_database,
    migrated_database,
)
from tests.integration.test_sync import (
    CONFIGS,
    GITHUB,
    JIRA,
    NOON,
    SEALER,
    SETTINGS,
    SLACK,
    claim,
    contents,
    counted_exchanges,
    desired,
    integration,
    migrate,
    row_of,
    wait_for,
    waiting,
)

LATER = NOON + timedelta(hours=1)
HIS, HERS = f"WHERE tenantId = '{TENANT}'", f"WHERE tenantId = '{TWIN}'"
SETTING = f"UPDATE tenant_release_settings SET {{}} {HIS}"
CLAIM = f"UPDATE tenant_release_claims SET {{}} {HIS}"
INTEGRATION = f"UPDATE tenant_integrations SET {{}} {HIS} AND integrationType = 'SLACK'"
MEMBER = f"UPDATE collaborators SET {{}} {HIS} AND accountId = '{OWNER}'"
CHANGES = [
    *(
        INTEGRATION.format(change)
        for change in (
            "isEnabled = 0",
            "isRequired = 1",
            "config = '{}'",
            f"configuredByAccountId = '{OTHER_OWNER}'",
            "verificationStatus = 'INVALID'",
            "integrationType = 'JIRA'",
            "id = 'another'",
        )
    ),
    *(
        SETTING.format(change)
        for change in (
            "setupComplete = 0",
            "setupCompletedAt = NULL",
            "setupCompletedAt = setupCompletedAt + INTERVAL 1 SECOND",
            f"setupCompletedByAccountId = '{OTHER_OWNER}'",
            "setupCompletedByAccountId = NULL",
            "githubConnected = 0",
            "targetPlatformsConfigured = 0",
            "platformCredentialsConfigured = 1",
            "cicdConfigured = 1",
            "slackConfigured = 0",
            """selectedTargets = '["APP_STORE"]'""",
            "selectedPlatforms = '[]'",
        )
    ),
    *(
        CLAIM.format(change)
        for change in (
            "resourceUid = 'uid-b'",
            "namespace = 'hawk'",
            "name = 'another'",
            "resourceCreatedAt = resourceCreatedAt - INTERVAL 1 SECOND",
            "generation = 2",
            "integrationTypes = '[]'",
        )
    ),
    f"DELETE FROM tenant_integrations {HIS} AND integrationType = 'SLACK'",
    f"DELETE FROM tenant_release_settings {HIS}",
    f"DELETE FROM tenant_release_claims {HIS}",
    MEMBER.format("permission = 'Viewer'"),
    MEMBER.format("permission = NULL"),
    MEMBER.format("appId = 'app_ios1'"),
    MEMBER.format(f"tenantId = '{TWIN}'"),
    MEMBER.format(f"accountId = '{OTHER_OWNER}'"),
    f"UPDATE accounts SET email = 'Owner@example.test' WHERE id = '{OWNER}'",
    f"DELETE FROM tenants WHERE id = '{TENANT}'",
]
OF_OTHERS = [
    f"UPDATE tenant_integrations SET lastVerifiedAt = NULL {HIS}",
    f"UPDATE tenant_integrations SET updatedAt = '2001-01-01' {HIS}",
    f"UPDATE collaborators SET permission = 'Viewer' {HERS}",
    f"UPDATE accounts SET name = 'Another' WHERE id = '{OWNER}'",
    f"UPDATE accounts SET email = 'another@example.test' WHERE id = '{OTHER_OWNER}'",
]


@pytest.fixture
def tables(database_server: DatabaseAccess) -> Iterator[DelivrDatabase]:
    with migrated_database(database_server) as found:
        yield found


@pytest.fixture
def database(tables: DelivrDatabase) -> Iterator[Database]:
    """Rows that stand and are remembered."""
    with tables.opened(SEALER) as found:
        found.sync(desired())
        found.read_to_remember(TENANT, OWNER)
        yield found


def proved_again(**changes: Any) -> DesiredRows:
    return desired(*(integration(kind, last_verified_at=LATER) for kind in CONFIGS), **changes)


def test_proofs_are_dated_in_one_statement_time_after_time(
    tables: DelivrDatabase, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hours in (1, 2, 3):
        moment = NOON + timedelta(hours=hours)
        again = desired(*(integration(kind, last_verified_at=moment) for kind in CONFIGS))
        with counted_exchanges(monkeypatch) as sent:
            assert database.date(again)
        assert len(sent) == 1
        assert ";" not in sent[0].replace("';'", "")
        for kind in CONFIGS:
            assert row_of(tables, kind)["lastVerifiedAt"] == moment.replace(tzinfo=None)
        assert database.recalled(TENANT, OWNER) == database.read_tenant(TENANT, OWNER)


def test_one_of_several_is_dated_alone(tables: DelivrDatabase, database: Database) -> None:
    rows = [integration(kind, last_verified_at=LATER if kind is SLACK else NOON) for kind in CONFIGS]
    assert database.date(desired(*rows))
    assert row_of(tables, SLACK)["lastVerifiedAt"] == LATER.replace(tzinfo=None)
    assert row_of(tables, GITHUB)["lastVerifiedAt"] == NOON.replace(tzinfo=None)
    assert database.recalled(TENANT, OWNER) == database.read_tenant(TENANT, OWNER)


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_else_changed_keeps_the_proofs_from_being_dated(
    tables: DelivrDatabase, database: Database, change: str
) -> None:
    tables.run(change)
    changed = contents(tables)
    assert not database.date(proved_again())
    assert contents(tables) == changed
    assert database.recalled(TENANT, OWNER) is None


@pytest.mark.parametrize(
    "change",
    [
        INTEGRATION.format("config = '{}'"),
        INTEGRATION.format("isEnabled = 0"),
        SETTING.format("setupComplete = 0"),
        CLAIM.format("generation = 2"),
    ],
)
def test_a_change_that_is_under_way_is_waited_for_and_keeps_the_proofs_from_being_dated(
    tables: DelivrDatabase, database: Database, change: str
) -> None:
    with closing(tables.connect()) as other, other.cursor() as cursor, ThreadPoolExecutor(1) as threads:
        other.begin()
        cursor.execute(change)
        dating = threads.submit(database.date, proved_again())
        wait_for(lambda: waiting(tables))
        other.commit()
        assert not dating.result()


@pytest.mark.parametrize("change", OF_OTHERS)
def test_what_no_pass_looks_at_is_no_change(tables: DelivrDatabase, database: Database, change: str) -> None:
    tables.run(change)
    assert database.date(proved_again())


def test_a_row_that_is_new_keeps_the_proofs_from_being_dated(
    tables: DelivrDatabase, database: Database
) -> None:
    row = row_of(tables, SLACK) | {"id": "another", "integrationType": JIRA.value}
    names, places = ", ".join(row), ", ".join(["%s"] * len(row))
    tables.run(f"INSERT INTO tenant_integrations ({names}) VALUES ({places})", *row.values())
    assert not database.date(proved_again())


@pytest.mark.parametrize(
    "rows",
    [
        desired(),
        proved_again(claim=claim(2, types=frozenset(CONFIGS))),
        proved_again(claim=claim(uid="uid-b", types=frozenset(CONFIGS))),
        proved_again(settings=replace(SETTINGS, setup_complete=False, completed_at=None)),
        proved_again(disabled=frozenset({SLACK})),
        proved_again(removed=frozenset({SLACK})),
        desired(*(integration(kind, last_verified_at=LATER, enabled=kind is not SLACK) for kind in CONFIGS)),
        desired(*(integration(k, last_verified_at=LATER, config={**CONFIGS[k], "new": 1}) for k in CONFIGS)),
    ],
    ids=["nothing", "generation", "claim", "settings", "disabled", "removed", "a flag", "a config"],
)
def test_where_more_or_nothing_is_to_be_written_nothing_is_and_all_is_forgotten(
    tables: DelivrDatabase, database: Database, rows: DesiredRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(tables)
    with counted_exchanges(monkeypatch) as sent:
        assert not database.date(rows)
    assert not sent
    assert contents(tables) == before
    assert database.recalled(TENANT, OWNER) is None


def test_another_owner_and_what_was_written_meanwhile_are_not_remembered(database: Database) -> None:
    assert database.recalled(TENANT, OTHER_OWNER) is None
    assert database.recalled(TWIN, OWNER) is None
    database.sync(proved_again())
    assert database.recalled(TENANT, OWNER) is None


def test_of_too_many_the_oldest_is_forgotten(database: Database) -> None:
    few = replace(database, recollection=Recollection(most=2))
    for tenant in (TENANT, TWIN, UUID_TENANT):
        few.read_to_remember(tenant, OWNER)
    assert [few.remembers(tenant) for tenant in (TENANT, TWIN, UUID_TENANT)] == [False, True, True]


def test_an_owner_that_has_to_be_searched_is_not_remembered(database: Database) -> None:
    database.read_to_remember(TENANT, "nobody@example.test")
    assert database.recalled(TENANT, "nobody@example.test") is None


@pytest.mark.parametrize("charset", ["latin1", "utf8mb4"])
def test_the_characters_of_older_tables_are_no_obstacle(
    database_server: DatabaseAccess, charset: str
) -> None:
    with delivr_database(database_server, charset) as tables:
        migrate(tables)
        with tables.opened(SEALER) as database:
            database.sync(desired())
            database.read_to_remember(TENANT, OWNER)
            assert database.date(proved_again())
