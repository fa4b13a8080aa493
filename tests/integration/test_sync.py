import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pymysql
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, event

from delivr_operator.database import (
    ClaimedByAnother,
    Database,
    DatabaseUnavailable,
    Outage,
    StaleGeneration,
    SyncResult,
    migrate_up,
    migration_engine,
)
from delivr_operator.database.connection import START, Statement, Trip
from delivr_operator.database.sync import CLAIM
from delivr_operator.outcome import IntegrationType, VerificationStatus
from delivr_operator.resource import DeletionPolicy, Platform, Steps, Target
from delivr_operator.rows import (
    Claim,
    Config,
    DesiredIntegration,
    DesiredRows,
    Permission,
    SettingsRow,
)
from delivr_operator.sealing import Envelope, Sealer
from dev.database_server import DatabaseAccess
from tests.delivr_tables import (
    OTHER_OWNER,
    OWNER,
    TENANT,
    TWIN,
    UUID_TENANT,
    DelivrDatabase,
    delivr_database,
)

NOON = datetime(2025, 11, 9, 12, tzinfo=UTC)
SEALER = Sealer(SecretStr("a1" * 32), SecretStr("a passphrase of thirty-two chars"))
GITHUB, SLACK, JENKINS = IntegrationType.GITHUB, IntegrationType.SLACK, IntegrationType.JENKINS
JIRA, LINEAR = IntegrationType.JIRA, IntegrationType.LINEAR
CONFIGS: dict[IntegrationType, Config] = {
    GITHUB: {"accessToken": SecretStr("ghp_in_clear"), "organization": "acme", "repoName": "mobile-app"},
    SLACK: {"botToken": SecretStr("xoxb-in-clear"), "channels": ["releases", "größer"], "notifyOnEvents": []},
    JENKINS: {
        "url": "https://jenkins.acme.test",
        "username": "admin",
        "apiToken": SecretStr("11-in-clear"),
        "pipelines": [{"name": "a", "jobPath": "f/j", "platform": "IOS", "target": "APP_STORE"}],
    },
}
TABLES = ("tenant_release_settings", "tenant_integrations", "tenant_release_claims")


def migrate(database: DelivrDatabase) -> None:
    engine = migration_engine(database.url)
    migrate_up(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def migrated(database_server: DatabaseAccess) -> Iterator[DelivrDatabase]:
    with delivr_database(database_server) as database:
        migrate(database)
        yield database


@pytest.fixture
def tables(migrated: DelivrDatabase) -> DelivrDatabase:
    for table in TABLES:
        migrated.run(f"DELETE FROM {table}")  # noqa: S608 - a name from above
    return migrated


@pytest.fixture
def database(tables: DelivrDatabase) -> Iterator[Database]:
    with tables.opened(SEALER) as database:
        yield database


def claim(generation: int = 1, uid: str = "uid-a", types: frozenset[IntegrationType] = frozenset()) -> Claim:
    return Claim(uid, "falcon", f"setup-{uid}", NOON, generation, types)


def integration(kind: IntegrationType, **changes: Any) -> DesiredIntegration:
    row = DesiredIntegration(
        type=kind,
        enabled=True,
        required=kind is GITHUB,
        config=CONFIGS[kind],
        configured_by=OWNER,
        last_verified_at=NOON,
        status=VerificationStatus.VALID,
    )
    return replace(row, **changes)


SETTINGS = SettingsRow(
    steps=Steps(github_connected=True, target_platforms_configured=True, slack_configured=True),
    setup_complete=True,
    completed_at=NOON,
    completed_by=OWNER,
    targets=(Target.APP_STORE, Target.PLAY_STORE),
    platforms=(Platform.IOS,),
)


def desired(*rows: DesiredIntegration, **changes: Any) -> DesiredRows:
    rows = rows or tuple(integration(kind) for kind in CONFIGS)
    whole = DesiredRows(TENANT, claim(types=frozenset(row.type for row in rows)), SETTINGS, rows)
    return replace(whole, **changes)


def contents(tables: DelivrDatabase, tenant: str = TENANT) -> dict[str, Any]:
    return {t: tables.run(f"SELECT * FROM {t} WHERE tenantId = %s ORDER BY 1", tenant) for t in TABLES}  # noqa: S608


def row_of(tables: DelivrDatabase, kind: IntegrationType) -> dict[str, Any]:
    (row,) = tables.run(
        "SELECT * FROM tenant_integrations WHERE tenantId = %s AND integrationType = %s", TENANT, kind.value
    )
    return row


def age(tables: DelivrDatabase) -> None:
    """Make every row look untouched since long ago, so that any write shows."""
    for table in TABLES:
        tables.run(f"UPDATE {table} SET updatedAt = '2001-01-01 00:00:00'")  # noqa: S608


def reason_of(act: Callable[[], object]) -> Outage:
    with pytest.raises(DatabaseUnavailable) as caught:
        act()
    return caught.value.reason


@contextmanager
def counted_exchanges(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    sent: list[str] = []
    query = pymysql.connections.Connection.query

    def counting(self: Any, sql: Any, unbuffered: bool = False) -> int:
        sent.append(str(sql))
        return query(self, sql, unbuffered)

    with monkeypatch.context() as patch:
        patch.setattr(pymysql.connections.Connection, "query", counting)
        yield sent


# What is written


def test_rows_carry_the_plans_columns_and_no_secret_in_clear(
    tables: DelivrDatabase, database: Database
) -> None:
    began = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    result = database.sync(desired())

    assert result == SyncResult(settings=True, written=frozenset(CONFIGS))
    found = contents(tables)
    (settings,) = found["tenant_release_settings"]
    assert began <= settings["createdAt"] <= began + timedelta(minutes=1)
    assert {k: v for k, v in settings.items() if k not in ("id", "createdAt", "updatedAt")} == {
        "tenantId": TENANT,
        "setupComplete": 1,
        "setupCompletedAt": NOON.replace(tzinfo=None),
        "setupCompletedByAccountId": OWNER,
        "githubConnected": 1,
        "targetPlatformsConfigured": 1,
        "platformCredentialsConfigured": 0,
        "cicdConfigured": 0,
        "slackConfigured": 1,
        "selectedTargets": '["APP_STORE", "PLAY_STORE"]',
        "selectedPlatforms": '["IOS"]',
    }
    github = row_of(tables, GITHUB)
    assert (github["isEnabled"], github["isRequired"], github["configuredByAccountId"]) == (1, 1, OWNER)
    assert (github["verificationStatus"], github["lastVerifiedAt"]) == ("VALID", NOON.replace(tzinfo=None))
    for kind, config in CONFIGS.items():
        assert SEALER.same_config(json.loads(row_of(tables, kind)["config"]), config)
    assert "clear" not in repr(found)
    ids = {row["id"] for table in TABLES[:2] for row in found[table]}
    assert len(ids) == 4
    assert all(len(key) == 36 for key in ids)


def test_what_was_written_is_read_back(database: Database) -> None:
    wanted = desired()
    database.sync(wanted)
    record = database.read_tenant(TENANT, OWNER)

    assert record.exists
    assert record.settings == SETTINGS
    assert database.setup_status(TENANT) == SETTINGS
    assert record.claim == wanted.claim
    assert set(record.integrations) == set(CONFIGS)
    slack = record.integrations[SLACK]
    assert SEALER.same_config(slack.config, CONFIGS[SLACK])
    assert (slack.enabled, slack.required, slack.configured_by) == (True, False, OWNER)
    assert (slack.last_verified_at, slack.status) == (NOON, VerificationStatus.VALID)


@pytest.mark.parametrize("envelope", Envelope)
def test_equal_rows_are_not_written_again(tables: DelivrDatabase, envelope: Envelope) -> None:
    with tables.opened(replace(SEALER, envelope=envelope)) as database:
        database.sync(desired())
        age(tables)
        before = contents(tables)

        assert database.sync(desired()) == SyncResult()
        assert contents(tables) == before


def test_fractions_of_a_second_are_no_difference(tables: DelivrDatabase, database: Database) -> None:
    late = NOON + timedelta(microseconds=999_999)
    rows = desired(
        integration(SLACK, last_verified_at=late),
        settings=replace(SETTINGS, completed_at=late),
        claim=replace(claim(types=frozenset({SLACK})), created_at=late),
    )
    database.sync(rows)
    assert row_of(tables, SLACK)["lastVerifiedAt"] == NOON.replace(tzinfo=None)
    assert database.sync(rows) == SyncResult()


def test_a_newer_proof_is_one_small_statement(
    tables: DelivrDatabase, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.sync(desired())
    age(tables)
    before = contents(tables)
    later = NOON + timedelta(hours=1)
    with counted_exchanges(monkeypatch) as sent:
        result = database.sync(desired(*(integration(kind, last_verified_at=later) for kind in CONFIGS)))

    assert result == SyncResult(refreshed=frozenset(CONFIGS))
    assert sent[-1].count(";") == 1
    assert sent[-1].startswith("UPDATE tenant_integrations SET `lastVerifiedAt`=")
    after = contents(tables)
    assert after["tenant_release_settings"] == before["tenant_release_settings"]
    assert after["tenant_release_claims"] == before["tenant_release_claims"]
    for old, new in zip(before["tenant_integrations"], after["tenant_integrations"], strict=True):
        assert {k for k in old if old[k] != new[k]} == {"lastVerifiedAt", "updatedAt"}
        assert new["lastVerifiedAt"] == later.replace(tzinfo=None)


def test_four_round_trips_are_enough(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.setup_status(TENANT)
    with counted_exchanges(monkeypatch) as sent:
        database.read_tenant(TENANT, OWNER)
        assert len(sent) == 1
        database.sync(desired())
        assert len(sent) == 3
        database.sync(desired())
        assert len(sent) == 5


@pytest.mark.parametrize(
    "change",
    [
        {"config": {**CONFIGS[SLACK], "botToken": SecretStr("xoxb-another")}},
        {"config": {**CONFIGS[SLACK], "channels": []}},
        {"enabled": False},
        {"required": True},
        {"status": VerificationStatus.INVALID},
        {"configured_by": OTHER_OWNER},
        {"status": VerificationStatus.NOT_VERIFIED, "last_verified_at": None},
    ],
)
def test_only_the_row_that_differs_is_written(
    tables: DelivrDatabase, database: Database, change: dict[str, Any]
) -> None:
    database.sync(desired())
    age(tables)
    before = contents(tables)
    wanted = integration(SLACK, **change)

    result = database.sync(desired(integration(GITHUB), wanted, integration(JENKINS)))

    assert result == SyncResult(written=frozenset({SLACK}))
    after = contents(tables)
    changed = [
        new["integrationType"]
        for old, new in zip(before["tenant_integrations"], after["tenant_integrations"], strict=True)
        if old != new
    ]
    assert changed == ["SLACK"]
    row = row_of(tables, SLACK)
    assert wanted.config is not None
    assert SEALER.same_config(json.loads(row["config"]), wanted.config)
    assert (row["isEnabled"], row["isRequired"]) == (wanted.enabled, wanted.required)
    assert (row["verificationStatus"], row["configuredByAccountId"]) == (wanted.status, wanted.configured_by)
    kept = next(r["config"] for r in before["tenant_integrations"] if r["integrationType"] == "SLACK")
    assert (row["config"] == kept) is ("config" not in change)


@pytest.mark.parametrize(
    ("column", "value"),
    [("githubConnected", None), ("selectedTargets", "[]"), ("selectedPlatforms", None), ("setupComplete", 0)],
)
def test_a_settings_row_edited_by_hand_is_repaired(
    tables: DelivrDatabase, database: Database, column: str, value: object
) -> None:
    database.sync(desired())
    before = contents(tables)["tenant_release_settings"][0]
    tables.run(f"UPDATE tenant_release_settings SET {column} = %s", value)  # noqa: S608 - a name from above
    assert database.sync(desired()) == SyncResult(settings=True)
    after = contents(tables)["tenant_release_settings"][0]
    assert {**after, "updatedAt": None} == {**before, "updatedAt": None}


def test_deleted_rows_come_back(tables: DelivrDatabase, database: Database) -> None:
    database.sync(desired())
    for table in TABLES:
        tables.run(f"DELETE FROM {table}")  # noqa: S608
    assert database.sync(desired()) == SyncResult(settings=True, written=frozenset(CONFIGS))


@pytest.mark.parametrize("stored", ['{"botToken": "xoxb-plaintext-left-over"}', "{}", "[]", "null"])
def test_a_row_that_someone_left_otherwise_is_replaced(
    tables: DelivrDatabase, database: Database, stored: str
) -> None:
    tables.run(
        "INSERT INTO tenant_integrations (id, tenantId, integrationType, config, configuredByAccountId) "
        "VALUES ('old', %s, 'SLACK', %s, %s)",
        *(TENANT, stored, OTHER_OWNER),
    )
    assert database.sync(desired(integration(SLACK))).written == {SLACK}
    row = row_of(tables, SLACK)
    assert row["id"] == "old"
    assert SEALER.same_config(json.loads(row["config"]), CONFIGS[SLACK])


def test_a_row_that_does_not_open_is_sealed_anew_and_counted(tables: DelivrDatabase) -> None:
    with tables.opened(Sealer(SecretStr("b2" * 32))) as former:
        former.sync(desired())
    with tables.opened(SEALER) as database:
        everything = frozenset(CONFIGS)
        assert database.sync(desired()) == SyncResult(written=everything, unreadable=everything)
        assert database.sync(desired()) == SyncResult()


def test_without_a_readable_credential_the_stored_config_stays(
    tables: DelivrDatabase, database: Database
) -> None:
    database.sync(desired())
    kept = row_of(tables, SLACK)["config"]
    unread = integration(SLACK, config=None, status=VerificationStatus.EXPIRED)
    assert database.sync(desired(unread)).written == {SLACK}
    assert row_of(tables, SLACK)["config"] == kept
    assert row_of(tables, SLACK)["verificationStatus"] == "EXPIRED"


def test_without_a_readable_credential_no_row_is_made(tables: DelivrDatabase, database: Database) -> None:
    assert database.sync(desired(integration(SLACK, config=None))) == SyncResult(settings=True)
    assert contents(tables)["tenant_integrations"] == []


def test_without_desired_settings_none_are_made_and_none_are_changed(
    tables: DelivrDatabase, database: Database
) -> None:
    assert not database.sync(desired(settings=None)).settings
    assert database.setup_status(TENANT) is None
    database.sync(desired())
    age(tables)
    before = contents(tables)["tenant_release_settings"]
    database.sync(desired(settings=None))
    assert contents(tables)["tenant_release_settings"] == before


def foreign_rows(tables: DelivrDatabase) -> list[dict[str, Any]]:
    """Every byte of the rows that no resource declared."""
    return tables.run(
        "SELECT HEX(CONCAT_WS('|', id, tenantId, integrationType, isEnabled, isRequired, config, "
        "configuredByAccountId, lastVerifiedAt, verificationStatus, createdAt, updatedAt)) AS bytes "
        "FROM tenant_integrations WHERE integrationType IN ('JIRA', 'LINEAR') OR tenantId <> %s ORDER BY id",
        TENANT,
    )


def test_rows_that_nobody_declared_are_left_alone(tables: DelivrDatabase, database: Database) -> None:
    for key, tenant, kind in (("f1", TENANT, "JIRA"), ("f2", TENANT, "LINEAR"), ("f3", TWIN, "SLACK")):
        tables.run(
            "INSERT INTO tenant_integrations (id, tenantId, integrationType, isEnabled, config, "
            "configuredByAccountId) VALUES (%s, %s, %s, 1, %s, %s)",
            *(key, tenant, kind, '{ "b": 1.0,  "a": "\\u00fc" }', OTHER_OWNER),
        )
    before = foreign_rows(tables)
    database.sync(desired())
    result = database.sync(
        desired(integration(GITHUB), removed=frozenset({SLACK}), disabled=frozenset({JENKINS}))
    )

    assert result.removed == {SLACK}
    assert result.disabled == {JENKINS}
    kinds = {row["integrationType"]: row for row in contents(tables)["tenant_integrations"]}
    assert set(kinds) == {"GITHUB", "JENKINS", "JIRA", "LINEAR"}
    assert kinds["JENKINS"]["isEnabled"] == 0
    assert SEALER.same_config(json.loads(kinds["JENKINS"]["config"]), CONFIGS[JENKINS])
    database.release(TENANT, "uid-a", DeletionPolicy.DELETE)
    assert foreign_rows(tables) == before
    assert len(before) == 3


def test_what_is_gone_or_disabled_already_is_not_written(tables: DelivrDatabase, database: Database) -> None:
    rows = desired(integration(GITHUB), removed=frozenset({SLACK}), disabled=frozenset({JENKINS, JIRA}))
    database.sync(desired())
    database.sync(rows)
    age(tables)
    before = contents(tables)
    assert database.sync(rows) == SyncResult()
    assert contents(tables) == before


# Whose the rows are


def test_an_older_generation_is_refused(tables: DelivrDatabase, database: Database) -> None:
    database.sync(desired(claim=claim(3)))
    age(tables)
    before = contents(tables)
    with pytest.raises(StaleGeneration):
        database.sync(desired(integration(SLACK, enabled=False), claim=claim(2)))
    assert contents(tables) == before
    assert database.sync(desired(claim=claim(3))) == SyncResult()
    database.sync(desired(claim=claim(4, types=frozenset(CONFIGS))))
    assert database.read_tenant(TENANT, OWNER).claim == claim(4, types=frozenset(CONFIGS))


def test_another_resources_rows_are_refused_until_it_is_known_to_be_gone(
    tables: DelivrDatabase, database: Database
) -> None:
    database.sync(desired(claim=claim(7)))
    age(tables)
    before = contents(tables)
    other = desired(claim=claim(1, uid="uid-b"))
    for known_gone in (frozenset[str](), frozenset({"uid-c", "uid-b"})):
        with pytest.raises(ClaimedByAnother) as caught:
            database.sync(other, may_replace=known_gone)
        assert (caught.value.namespace, caught.value.name) == ("falcon", "setup-uid-a")
    assert contents(tables) == before

    assert database.sync(other, may_replace=frozenset({"uid-a"})) == SyncResult()
    assert database.read_tenant(TENANT, OWNER).claim == claim(1, uid="uid-b")
    with pytest.raises(ClaimedByAnother):
        database.sync(desired(claim=claim(8)))


def test_delete_takes_the_claimed_rows_along(tables: DelivrDatabase, database: Database) -> None:
    database.sync(desired())
    assert not database.release(TENANT, "uid-b", DeletionPolicy.DELETE)
    assert len(contents(tables)["tenant_integrations"]) == 3
    assert database.release(TENANT, "uid-a", DeletionPolicy.DELETE)
    assert all(rows == [] for rows in contents(tables).values())
    assert not database.release(TENANT, "uid-a", DeletionPolicy.DELETE)


def test_the_claims_alone_say_whose_the_rows_are(tables: DelivrDatabase, database: Database) -> None:
    assert database.tenants_of("uid-a") == ()
    database.sync(desired())
    database.sync(desired(tenant_id=TWIN, claim=claim(uid="uid-a")))
    database.sync(desired(tenant_id=UUID_TENANT, claim=claim(uid="uid-b")))
    assert sorted(database.tenants_of("uid-a")) == sorted([TENANT, TWIN])
    assert database.tenants_of("UID-A' OR '1'='1") == ()


def test_delete_leaves_what_the_claim_does_not_list(tables: DelivrDatabase, database: Database) -> None:
    database.sync(desired())
    database.sync(desired(integration(GITHUB), disabled=frozenset({SLACK})))
    database.release(TENANT, "uid-a", DeletionPolicy.DELETE)
    left = {row["integrationType"] for row in contents(tables)["tenant_integrations"]}
    assert left == {"SLACK", "JENKINS"}


def test_retain_takes_only_the_claim_along(tables: DelivrDatabase, database: Database) -> None:
    database.sync(desired())
    age(tables)
    before = contents(tables)
    assert database.release(TENANT, "uid-a", DeletionPolicy.RETAIN)
    assert contents(tables) == before | {"tenant_release_claims": []}
    assert not database.release(TENANT, "uid-a", DeletionPolicy.RETAIN)
    assert database.sync(desired(claim=claim(1, uid="uid-b"))) == SyncResult()


# Who is read


def test_twins_that_differ_in_case_only_are_two_tenants(tables: DelivrDatabase, database: Database) -> None:
    database.sync(desired())
    twin = database.read_tenant(TWIN, OWNER)
    assert twin.exists
    assert (twin.settings, twin.claim, twin.integrations) == (None, None, {})
    assert (twin.account_id, twin.permission) == (OWNER, Permission.NONE)
    database.sync(desired(tenant_id=TWIN, claim=claim(uid="uid-twin")))
    database.release(TWIN, "uid-twin", DeletionPolicy.DELETE)
    assert len(contents(tables)["tenant_integrations"]) == 3
    assert not database.read_tenant("KP3XQ7_M-Z", OWNER).exists


@pytest.mark.parametrize(
    ("owner", "account", "permission"),
    [
        (OWNER, OWNER, Permission.OWNER),
        ("owner@example.test", OWNER, Permission.OWNER),
        ("Owner@Example.TEST", OWNER, Permission.OWNER),
        ("öwner@example.test", None, Permission.NONE),
        (OWNER.upper(), None, Permission.NONE),
        ("editor@example.test", "edi_Kd93_", Permission.EDITOR),
        ("viewer@example.test", "vie_pL0aZ", Permission.VIEWER),
        ("appowner@example.test", "app_own01", Permission.NONE),
        ("OUTSIDER@example.test", "out_sider", Permission.NONE),
        ("nobody@example.test", None, Permission.NONE),
        ("x' OR '1'='1", None, Permission.NONE),
        ("100%s; DROP TABLE accounts", None, Permission.NONE),
    ],
)
@pytest.mark.parametrize("collation", ["utf8mb4", "latin1", "latin1_bin"])
def test_a_persons_part_in_a_tenant(
    layouts: dict[str, DelivrDatabase],
    collation: str,
    owner: str,
    account: str | None,
    permission: Permission,
) -> None:
    with layouts[collation].opened(SEALER) as database:
        record = database.read_tenant(TENANT, owner)
    assert (record.account_id, record.permission) == (account, permission)


@pytest.fixture(scope="module")
def layouts(database_server: DatabaseAccess) -> Iterator[dict[str, DelivrDatabase]]:
    with (
        delivr_database(database_server) as first,
        delivr_database(database_server, "latin1") as second,
        delivr_database(database_server, "latin1", "latin1_bin") as third,
    ):
        found = {"utf8mb4": first, "latin1": second, "latin1_bin": third}
        for database in found.values():
            migrate(database)
        yield found


@pytest.mark.parametrize("collation", ["utf8mb4", "latin1", "latin1_bin"])
def test_a_sync_works_whatever_the_databases_default(
    layouts: dict[str, DelivrDatabase], collation: str
) -> None:
    with layouts[collation].opened(SEALER) as database:
        assert database.sync(desired()).written == frozenset(CONFIGS)
        assert database.sync(desired()) == SyncResult()
        assert SEALER.same_config(
            database.read_tenant(TENANT, OWNER).integrations[SLACK].config, CONFIGS[SLACK]
        )
        assert database.release(TENANT, "uid-a", DeletionPolicy.DELETE)


def test_of_several_rows_the_highest_permission_counts(tables: DelivrDatabase, database: Database) -> None:
    for permission in ("Viewer", "Editor", "Viewer"):
        tables.run(
            "INSERT INTO collaborators (email, accountId, appId, tenantId, permission, createdAt, updatedAt) "
            "VALUES ('o', 'out_sider', NULL, %s, %s, UTC_TIMESTAMP(), UTC_TIMESTAMP())",
            *(UUID_TENANT, permission),
        )
    assert database.read_tenant(UUID_TENANT, "out_sider").permission is Permission.EDITOR
    tables.run("DELETE FROM collaborators WHERE accountId = 'out_sider'")
    assert database.read_tenant(UUID_TENANT, "out_sider").permission is Permission.NONE


def test_a_tenant_that_is_not_there(database: Database) -> None:
    record = database.read_tenant("gone_tenant", OWNER)
    assert not record.exists
    assert record.permission is Permission.NONE
    gone = desired(tenant_id="gone_tenant")
    assert reason_of(lambda: database.sync(gone)) is Outage.FOREIGN_KEY_GONE


# Several at once


def test_writers_that_race_leave_the_newest_generation(tables: DelivrDatabase) -> None:
    def attempt(database: Database, generation: int) -> None:
        status = VerificationStatus.VALID if generation % 2 else VerificationStatus.INVALID
        rows = tuple(integration(kind, status=status) for kind in CONFIGS)
        try:
            database.sync(desired(*rows, claim=claim(generation, types=frozenset(CONFIGS))))
        except StaleGeneration:
            assert generation < 20

    with tables.opened(SEALER, pool_size=8) as database, ThreadPoolExecutor(8) as threads:
        for done in [
            threads.submit(attempt, database, n) for n in (1, 20, 3, 2, 20, 17, 5, 9, 1, 20, 11, 4) * 4
        ]:
            done.result()
        record = database.read_tenant(TENANT, OWNER)
    assert record.claim == claim(20, types=frozenset(CONFIGS))
    assert {row.status for row in record.integrations.values()} == {VerificationStatus.INVALID}
    assert len(contents(tables)["tenant_release_settings"]) == 1


def test_two_resources_that_race_do_not_mix_their_rows(tables: DelivrDatabase) -> None:
    barrier, refused = threading.Barrier(8), []

    def attempt(database: Database, uid: str) -> None:
        barrier.wait()
        try:
            database.sync(desired(integration(SLACK), claim=claim(uid=uid, types=frozenset({SLACK}))))
        except ClaimedByAnother as error:
            refused.append(error.name)

    with tables.opened(SEALER, pool_size=8) as database, ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(attempt, database, f"uid-{n}") for n in range(8)]:
            done.result()
        holder = database.read_tenant(TENANT, OWNER).claim
    assert holder is not None
    assert refused == [holder.name] * 7


def waiting(tables: DelivrDatabase) -> int:
    (row,) = tables.run(
        "SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"
    )
    return int(row["n"])


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.2)  # INNODB_TRX is a copy that is renewed only when nobody has read it for 0.1 s


def test_a_row_that_delivr_inserts_meanwhile_is_taken_over(
    tables: DelivrDatabase, database: Database
) -> None:
    with closing(tables.connect()) as other, other.cursor() as cursor, ThreadPoolExecutor(1) as threads:
        other.begin()
        cursor.execute(
            "INSERT INTO tenant_integrations (id, tenantId, integrationType, config, configuredByAccountId) "
            "VALUES ('theirs', %s, 'SLACK', '{}', %s)",
            (TENANT, OTHER_OWNER),
        )
        syncing = threads.submit(database.sync, desired(integration(SLACK)))
        wait_for(lambda: waiting(tables))
        other.commit()
        assert syncing.result().written == {SLACK}
    row = row_of(tables, SLACK)
    assert (row["id"], row["configuredByAccountId"]) == ("theirs", OWNER)


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE tenant_release_settings SET slackConfigured = 0",
        "UPDATE tenant_integrations SET isEnabled = 0",
    ],
)
def test_what_is_being_edited_is_waited_for_and_put_right(
    tables: DelivrDatabase, database: Database, edit: str
) -> None:
    wanted = desired(integration(SLACK))
    database.sync(wanted)
    with closing(tables.connect()) as other, other.cursor() as cursor, ThreadPoolExecutor(1) as threads:
        other.begin()
        assert cursor.execute(edit) == 1
        syncing = threads.submit(database.sync, wanted)
        wait_for(lambda: waiting(tables))
        other.commit()
        assert syncing.result().changed
    assert database.sync(wanted) == SyncResult()


def test_a_deadlock_is_settled_by_trying_again(
    tables: DelivrDatabase, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.sync(desired())
    changed = desired(integration(SLACK, enabled=False))
    with (
        counted_exchanges(monkeypatch) as sent,
        closing(tables.connect()) as other,
        other.cursor() as cursor,
        ThreadPoolExecutor(1) as threads,
    ):
        other.begin()
        # The server gives up the transaction that has changed less: this one changes more.
        cursor.execute("UPDATE accounts SET name = CONCAT(name, '.')")
        cursor.execute(
            "UPDATE tenant_integrations SET isRequired = 1 - isRequired WHERE tenantId = %s", (TENANT,)
        )
        syncing = threads.submit(database.sync, changed)
        wait_for(lambda: waiting(tables))
        cursor.execute("SELECT * FROM tenant_release_claims WHERE tenantId = %s FOR UPDATE", (TENANT,))
        other.commit()
        assert syncing.result().written == {SLACK}
    assert sum(sql.startswith("START TRANSACTION; INSERT") for sql in sent) == 2
    assert row_of(tables, SLACK)["isEnabled"] == 0


# Outages


CLAIM_COLUMNS = dict.fromkeys(CLAIM.names, "x") | {
    "tenantId": TENANT,
    "resourceCreatedAt": "2025-11-09 12:00:00",
    "generation": "1",
    "integrationTypes": "[]",
}


def test_work_that_breaks_off_leaves_nothing_behind(tables: DelivrDatabase, database: Database) -> None:
    def breaks_off(trip: Callable[..., object]) -> None:
        trip([START.of(), CLAIM.of(**CLAIM_COLUMNS)])
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        database.wire.run(breaks_off)
    assert contents(tables)["tenant_release_claims"] == []
    assert database.sync(desired()).settings


def test_work_that_forgets_to_commit_leaves_nothing_behind(
    tables: DelivrDatabase, database: Database
) -> None:
    asked = CLAIM.of(**CLAIM_COLUMNS)
    with tables.opened(SEALER) as forgetful:
        forgetful.wire.run(lambda trip: trip([START.of(), asked]))
        assert contents(tables)["tenant_release_claims"] == []
        assert database.sync(desired()).settings


@pytest.mark.parametrize("count", [1, 4])
def test_connections_that_were_closed_meanwhile_go_unnoticed(tables: DelivrDatabase, count: int) -> None:
    with tables.opened(SEALER, pool_size=4) as database:
        for connection in sorted(four_ids(database))[:count]:
            tables.run(f"KILL {connection}")
        for _ in range(4):
            assert database.read_tenant(TENANT, OWNER).exists
        assert database.sync(desired()).settings


def own_id(trip: Trip) -> int:
    ((row,),) = trip([Statement("SELECT CONNECTION_ID()", columns=("id",)).of()])
    return int(row["id"])


def four_ids(database: Database) -> set[int]:
    """Have four threads ask at the same time; the ids of their connections."""
    barrier = threading.Barrier(4)

    def ask(trip: Trip) -> int:
        found = own_id(trip)
        barrier.wait(30)
        return found

    with ThreadPoolExecutor(4) as threads:
        return {done.result() for done in [threads.submit(database.wire.run, ask) for _ in range(4)]}


def test_connections_that_are_closed_again_and_again_go_unnoticed_by_every_thread(
    tables: DelivrDatabase,
) -> None:
    """Whoever looks for another connection finds one that served another thread, and is closed again."""

    def close(connections: set[int]) -> None:
        for connection in connections:
            tables.run(f"KILL {connection}")

    with ThreadPoolExecutor(1) as threads, tables.opened(SEALER, pool_size=4) as database:
        later: list[int] = []

        def close_another(_: Engine) -> None:
            if len(later) < 5:
                later.append(threads.submit(database.wire.run, own_id).result())
                close({later[-1]})

        event.listen(database.wire.engine, "engine_disposed", close_another)
        close(four_ids(database))
        assert database.read_tenant(TENANT, OWNER).exists
        assert len(set(later)) == 5
        close(pooled := four_ids(database))
        assert not pooled & four_ids(database)


def test_a_row_held_for_too_long_is_an_outage(tables: DelivrDatabase, database: Database) -> None:
    database.sync(desired())
    with closing(tables.connect()) as other, other.cursor() as cursor:
        other.begin()
        cursor.execute("SELECT * FROM tenant_release_claims FOR UPDATE")
        assert reason_of(lambda: database.sync(desired())) is Outage.LOCK_TIMEOUT
        assert database.read_tenant(TENANT, OWNER).claim is not None
    assert database.sync(desired()) == SyncResult()


def test_an_account_that_is_gone_stops_everything(tables: DelivrDatabase, database: Database) -> None:
    rows = desired(integration(GITHUB), integration(SLACK, configured_by="acc_nowhere"))
    with pytest.raises(DatabaseUnavailable) as caught:
        database.sync(rows)
    assert caught.value.reason is Outage.FOREIGN_KEY_GONE
    assert all(rows == [] for rows in contents(tables).values())
    shown = "".join(traceback.format_exception(caught.value))
    for word in ("in_clear", "in-clear", "accessToken", "acc_nowhere", "REFERENCES", TENANT):
        assert word not in shown


def test_a_value_that_is_too_long_is_never_cut(tables: DelivrDatabase, database: Database) -> None:
    rows = desired(claim=replace(claim(), namespace="n" * 64))
    assert reason_of(lambda: database.sync(rows)) is Outage.COLUMN_TOO_SHORT
    assert contents(tables)["tenant_release_claims"] == []


def test_tables_that_are_missing_are_said_to_be(database_server: DatabaseAccess) -> None:
    with delivr_database(database_server) as bare, bare.opened(SEALER) as database:
        assert reason_of(lambda: database.read_tenant(TENANT, OWNER)) is Outage.SCHEMA_MISSING
        assert reason_of(lambda: database.sync(desired())) is Outage.SCHEMA_MISSING
        assert (
            reason_of(lambda: database.release(TENANT, "u", DeletionPolicy.DELETE)) is Outage.SCHEMA_MISSING
        )
    with DelivrDatabase(database_server, "no_such_database").opened(SEALER) as database:
        assert reason_of(lambda: database.setup_status(TENANT)) is Outage.SCHEMA_MISSING


def test_a_read_only_session_is_said_to_be_one(tables: DelivrDatabase, database: Database) -> None:
    def make_read_only(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")

    event.listen(database.wire.engine, "connect", make_read_only)
    assert reason_of(lambda: database.sync(desired())) is Outage.READ_ONLY
    assert database.read_tenant(TENANT, OWNER).exists


def test_a_refused_user_is_told_from_an_unreachable_server(tables: DelivrDatabase) -> None:
    with replace(tables, access=replace(tables.access, password="wrong")).opened(SEALER) as database:
        assert reason_of(lambda: database.setup_status(TENANT)) is Outage.ACCESS_DENIED
    with replace(tables, access=replace(tables.access, port=1)).opened(SEALER) as database:
        assert reason_of(lambda: database.setup_status(TENANT)) is Outage.UNREACHABLE


def test_a_right_that_is_missing_is_an_access_matter(tables: DelivrDatabase) -> None:
    name = f"r_{tables.name[-12:]}"
    tables.run(f"CREATE USER '{name}'@'%' IDENTIFIED BY 'Reader-1'")
    try:
        tables.run(f"GRANT SELECT ON `{tables.name}`.* TO '{name}'@'%'")
        url = SecretStr(
            tables.url.get_secret_value()
            .replace("//delivr:", f"//{name}:")
            .replace(tables.access.password, "Reader-1")
        )
        database = Database.connect(url, SEALER, 1)
        assert database.read_tenant(TENANT, OWNER).exists
        assert reason_of(lambda: database.sync(desired())) is Outage.ACCESS_DENIED
        database.close()
    finally:
        tables.run(f"DROP USER '{name}'@'%'")
