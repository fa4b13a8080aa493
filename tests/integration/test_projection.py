"""The per-category tables of today's Delivr, on real servers: filled, repaired, taken over and cleared."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from delivr_operator.database import Database, DatabaseUnavailable, Outage, SyncResult, connection
from delivr_operator.outcome import IntegrationType, VerificationStatus
from delivr_operator.projection import PARENTS, Category, is_own
from delivr_operator.resource import DeletionPolicy
from delivr_operator.rows import Claim, Config, DesiredIntegration, DesiredRows
from delivr_operator.sealing import Envelope, Sealer
from delivr_operator.settings import Settings
from dev.database_server import DatabaseAccess
from tests.delivr_tables import (
    CATEGORIES,
    OTHER_OWNER,
    OWNER,
    PASSPHRASE,
    TENANT,
    TWIN,
    DelivrDatabase,
    migrated_database,
)
from tests.integration.tenancy import Tenancy, eventually

NOON = datetime(2025, 11, 9, 12, tzinfo=UTC)
SEALER = Sealer(SecretStr("a1" * 32))
DELIVRS = Sealer(None, SecretStr(PASSPHRASE), Envelope.PBKDF2)
T = IntegrationType
CONFIGS: dict[IntegrationType, Config] = {
    T.GITHUB: {"accessToken": SecretStr("ghp_clear"), "organization": "acme", "repoName": "mobile-app"},
    T.GITLAB: {
        "token": SecretStr("glpat-clear"),
        "projectId": "acme/mobile/app",
        "apiUrl": "https://git.acme.test/api/v4",
    },
    T.BITBUCKET: {"token": SecretStr("bb-clear"), "workspace": "acme", "repoSlug": "app"},
    T.APP_STORE_CONNECT: {
        "apiKeyId": SecretStr("KEY-clear"),
        "issuerId": SecretStr("issuer-clear"),
        "privateKey": SecretStr("apple-clear"),
        "bundleId": "com.acme.app",
    },
    T.PLAY_STORE: {
        "serviceAccountEmail": "sa@acme.test",
        "privateKey": SecretStr("google-clear"),
        "packageName": "com.acme.app",
    },
    T.JENKINS: {
        "url": "https://jenkins.acme.test",
        "username": "admin",
        "apiToken": SecretStr("11-clear"),
        "pipelines": [
            {"name": "android", "jobPath": "folder/job one", "platform": "ANDROID", "target": "PLAY_STORE"},
            {"name": "nightly", "jobPath": "nightly", "platform": "IOS"},
        ],
    },
    T.GITHUB_ACTIONS: {
        "workflows": [
            {
                "name": "ios",
                "workflowPath": ".github/workflows/ios.yml",
                "platform": "IOS",
                "target": "APP_STORE",
            }
        ]
    },
    T.SLACK: {"botToken": SecretStr("xoxb-clear"), "channels": ["releases"], "notifyOnEvents": []},
    T.FIREBASE: {
        "projectId": "acme-mobile",
        "serviceAccountKey": SecretStr('{"private_key": "firebase-clear", "client_email": "fb@acme.test"}'),
        "iosAppId": "1:1:ios:a",
        "androidAppId": "1:1:android:b",
    },
    T.TEAMS: {"clientSecret": SecretStr("teams-clear"), "tenantId": "t"},
    T.JIRA: {
        "url": "https://acme.atlassian.test",
        "email": "bot@acme.test",
        "apiToken": SecretStr("jira-clear"),
        "projectKey": "MOB",
    },
    T.LINEAR: {"apiKey": SecretStr("lin-clear"), "teamId": "MOB"},
    T.TEST_RAIL: {
        "url": "https://tests.acme.test",
        "username": "bot",
        "apiKey": SecretStr("tr-clear"),
        "projectId": 7,
    },
}
FEW = (T.GITHUB, T.JENKINS, T.PLAY_STORE)


@pytest.fixture(scope="module")
def migrated(database_server: DatabaseAccess) -> Iterator[DelivrDatabase]:
    with migrated_database(database_server, CATEGORIES.name) as database:
        yield database


@pytest.fixture
def tables(migrated: DelivrDatabase) -> DelivrDatabase:
    plan = ("tenant_integrations", "tenant_release_settings", "tenant_release_claims")
    for table in (*reversed(Category), *plan):
        migrated.run(f"DELETE FROM {table}")  # noqa: S608 - a name from above
    return migrated


@pytest.fixture
def database(tables: DelivrDatabase) -> Iterator[Database]:
    with tables.opened(SEALER, DELIVRS) as database:
        yield database


def integration(kind: IntegrationType, **changes: Any) -> DesiredIntegration:
    row = DesiredIntegration(
        type=kind,
        enabled=True,
        required=False,
        config=CONFIGS[kind],
        configured_by=OWNER,
        last_verified_at=NOON,
        status=VerificationStatus.VALID,
    )
    return replace(row, **changes)


def desired(*kinds: IntegrationType | DesiredIntegration, **changes: Any) -> DesiredRows:
    rows = tuple(one if isinstance(one, DesiredIntegration) else integration(one) for one in kinds or CONFIGS)
    claim = Claim("uid-a", "falcon", "setup", NOON, 1, frozenset(row.type for row in rows))
    return replace(DesiredRows(TENANT, claim, None, rows), **changes)


def contents(tables: DelivrDatabase) -> dict[str, list[dict[str, Any]]]:
    return {one.value: tables.run(f"SELECT * FROM {one} ORDER BY id") for one in Category}  # noqa: S608


def rows_of(tables: DelivrDatabase, category: Category) -> list[dict[str, Any]]:
    return contents(tables)[category.value]


def age(tables: DelivrDatabase) -> None:
    for one in Category:
        updated = "updated_at" if one is Category.TEST else "updatedAt"
        tables.run(f"UPDATE {one} SET {updated} = '2001-01-01 00:00:00'")  # noqa: S608


def clear(sealed: str | bytes) -> str:
    return DELIVRS.open(sealed if isinstance(sealed, str) else sealed.decode()).get_secret_value()


def picked(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def test_every_category_is_filled_in_its_own_words_and_envelope(
    tables: DelivrDatabase, database: Database
) -> None:
    began = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    assert database.sync(desired()).missing_tables == ()

    noon = NOON.replace(tzinfo=None)
    scm = {row["scmType"]: row for row in rows_of(tables, Category.SCM)}
    where = {kind: picked(row, "owner", "repo", "repositoryUrl") for kind, row in scm.items()}
    assert where == {
        "GITHUB": ("acme", "mobile-app", "https://github.com/acme/mobile-app"),
        "GITLAB": ("acme/mobile", "app", "https://git.acme.test/acme/mobile/app"),
        "BITBUCKET": ("acme", "app", "https://bitbucket.org/acme/app"),
    }
    assert {clear(row["accessToken"]) for row in scm.values()} == {"ghp_clear", "glpat-clear", "bb-clear"}
    github = scm["GITHUB"]
    assert picked(
        github, "tenantId", "isActive", "verificationStatus", "lastVerifiedAt", "createdByAccountId"
    ) == (*(TENANT, 1, "VALID", noon, OWNER),)
    assert began <= github["createdAt"] == github["updatedAt"]

    ci = {row["providerType"]: row for row in rows_of(tables, Category.CI_CD)}
    assert picked(ci["JENKINS"], "hostUrl", "authType", "username") == (
        *("https://jenkins.acme.test", "BASIC", "admin"),
    )
    assert picked(ci["GITHUB_ACTIONS"], "hostUrl", "authType", "username") == (
        "https://github.com",
        "BEARER",
        None,
    )
    assert {kind: clear(row["apiToken"]) for kind, row in ci.items()} == {
        "JENKINS": "11-clear",
        "GITHUB_ACTIONS": "ghp_clear",
    }
    flows = {row["displayName"]: row for row in rows_of(tables, Category.WORKFLOW)}
    assert {name: picked(row, "workflowUrl", "platform", "workflowType") for name, row in flows.items()} == {
        "android": ("https://jenkins.acme.test/job/folder/job/job%20one", "ANDROID", "AAB_BUILD"),
        "nightly": ("https://jenkins.acme.test/job/nightly", "IOS", "CUSTOM"),
        "ios": ("https://github.com/acme/mobile-app/actions/workflows/ios.yml", "IOS", "TEST_FLIGHT_BUILD"),
    }
    assert flows["android"]["integrationId"] == ci["JENKINS"]["id"]
    assert json.loads(flows["ios"]["providerIdentifiers"]) == {"workflowPath": ".github/workflows/ios.yml"}

    (slack,) = rows_of(tables, Category.COMMUNICATION)
    assert (clear(slack["slackBotToken"]), slack["verificationStatus"]) == ("xoxb-clear", "VALID")
    stores = {picked(row, "storeType", "platform"): row for row in rows_of(tables, Category.STORE)}
    assert {kind: picked(row, "appIdentifier", "status") for kind, row in stores.items()} == {
        ("APP_STORE", "IOS"): ("com.acme.app", "VERIFIED"),
        ("PLAY_STORE", "ANDROID"): ("com.acme.app", "VERIFIED"),
        ("FIREBASE", "IOS"): ("1:1:ios:a", "VERIFIED"),
        ("FIREBASE", "ANDROID"): ("1:1:android:b", "VERIFIED"),
    }
    of_store = {row["id"]: name for name, row in stores.items()}
    payloads = {
        (*of_store[row["integrationId"]], row["credentialType"]): json.loads(clear(row["encryptedPayload"]))
        for row in rows_of(tables, Category.CREDENTIAL)
    }
    firebase = {"client_email": "fb@acme.test", "private_key": "firebase-clear"}
    assert payloads == {
        ("APP_STORE", "IOS", "APPLE_API_KEY"): {
            "issuerId": "issuer-clear",
            "keyId": "KEY-clear",
            "privateKeyPem": "apple-clear",
        },
        ("FIREBASE", "IOS", "GOOGLE_SERVICE_ACCOUNT"): firebase,
        ("FIREBASE", "ANDROID", "GOOGLE_SERVICE_ACCOUNT"): firebase,
        ("PLAY_STORE", "ANDROID", "GOOGLE_SERVICE_ACCOUNT"): (
            {
                "type": "service_account",
                "client_email": "sa@acme.test",
                "private_key": "google-clear",
                "token_uri": "https://oauth2.googleapis.com/token",
            }
        ),
    }
    trackers = {row["providerType"]: json.loads(row["config"]) for row in rows_of(tables, Category.PROJECT)}
    assert clear(trackers["JIRA"].pop("apiToken")) == "jira-clear"
    assert clear(trackers["LINEAR"].pop("apiToken")) == "lin-clear"
    assert trackers == {
        "JIRA": {"baseUrl": "https://acme.atlassian.test", "email": "bot@acme.test", "projectKey": "MOB"},
        "LINEAR": {"teamId": "MOB"},
    }
    (test_rail,) = rows_of(tables, Category.TEST)
    assert picked(test_rail, "tenant_id", "provider_type") == (TENANT, "testrail")
    assert clear(json.loads(test_rail["config"])["apiToken"]) == "tr-clear"
    everything = [row for rows in contents(tables).values() for row in rows]
    assert all(is_own(TENANT, row["id"]) and len(row["id"]) == 21 for row in everything)
    stored = repr([{k: v for k, v in row.items() if k != "id"} for row in everything])
    assert "-clear" not in stored
    assert "ghp_" not in stored


def test_equal_rows_are_not_written_again_and_their_seals_are_opened_once(
    tables: DelivrDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: list[str] = []
    really = hashlib.pbkdf2_hmac

    def counting(*arguments: Any) -> bytes:
        derived.append("once")
        return really(*arguments)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", counting)
    with tables.opened(SEALER, DELIVRS) as database:
        database.sync(desired())
        sealed = len(derived)
        age(tables)
        before = contents(tables)
        database.sync(desired())
        assert (contents(tables), len(derived)) == (before, sealed)  # none was opened: it sealed them itself
    with tables.opened(SEALER, DELIVRS) as restarted:
        restarted.sync(desired())
        assert len(derived) == 2 * sealed  # a new process opens each once
        restarted.sync(desired())
        assert (contents(tables), len(derived)) == (before, 2 * sealed)
    assert sealed == 13


EDITS = [
    (Category.SCM, "accessToken = 'x'"),
    (Category.SCM, "verificationStatus = 'INVALID'"),
    (Category.SCM, "owner = 'other', repo = 'other'"),
    (Category.SCM, "isActive = 0"),
    (Category.SCM, "repositoryUrl = ''"),
    (Category.CI_CD, "hostUrl = 'https://evil.test'"),
    (Category.CI_CD, "username = NULL"),
    (Category.WORKFLOW, "displayName = 'renamed'"),
    (Category.WORKFLOW, "workflowType = 'CUSTOM', providerIdentifiers = '{}'"),
    (Category.STORE, "status = 'REVOKED'"),
    (Category.STORE, "appIdentifier = 'com.other'"),
    (Category.CREDENTIAL, "encryptedPayload = 'garbage'"),
]


def test_rows_of_the_operator_are_put_right(tables: DelivrDatabase, database: Database) -> None:
    rows = desired(*FEW)
    database.sync(rows)

    def meaning() -> Any:
        found = contents(tables)
        for row in found[Category.SCM]:
            row["accessToken"] = clear(row["accessToken"])
        for row in found[Category.CI_CD]:
            row["apiToken"] = clear(row["apiToken"])
        for row in found[Category.CREDENTIAL]:
            row["encryptedPayload"] = clear(row["encryptedPayload"])
        moving = ("createdAt", "updatedAt", "rotatedAt")
        return {
            t: [{k: v for k, v in row.items() if k not in moving} for row in rs] for t, rs in found.items()
        }

    before = meaning()
    for category, edit in EDITS:
        tables.run(f"UPDATE {category} SET {edit}")  # noqa: S608
        database.sync(rows)
        assert meaning() == before, edit
    for category in reversed(Category):
        tables.run(f"DELETE FROM {category}")  # noqa: S608
        database.sync(rows)
        assert meaning() == before, category


def put_by_hand(tables: DelivrDatabase, key: str, tenant: str, owner: str, repo: str) -> None:
    tables.run(
        "INSERT INTO tenant_scm_integrations (id, tenantId, scmType, displayName, owner, repo, "
        "repositoryUrl, accessToken, webhookSecret, createdByAccountId, createdAt, updatedAt) VALUES "
        "(%s, %s, 'GITHUB', 'mine', %s, %s, 'u', 'sealed by Delivr', 'hook', %s, '2001-01-01', '2001-01-01')",
        *(key, tenant, owner, repo, OTHER_OWNER),
    )


def test_rows_that_people_made_stay_unless_they_are_the_same_integration(
    tables: DelivrDatabase, database: Database
) -> None:
    put_by_hand(tables, "V1StGXR8_Z5jdHi6B-myT", TENANT, "acme", "mobile-app")
    put_by_hand(tables, "another-repository", TENANT, "acme", "backend")
    put_by_hand(tables, "another-tenants", TWIN, "acme", "mobile-app")
    before = {row["id"]: row for row in rows_of(tables, Category.SCM)}
    database.sync(desired(*FEW))
    after = {row["id"]: row for row in rows_of(tables, Category.SCM)}
    assert after.keys() == before.keys()  # none beside the one that is there
    assert {key for key in before if before[key] == after[key]} == {"another-repository", "another-tenants"}
    taken = after["V1StGXR8_Z5jdHi6B-myT"]
    assert (clear(taken["accessToken"]), taken["verificationStatus"]) == ("ghp_clear", "VALID")
    assert picked(taken, "displayName", "webhookSecret", "createdByAccountId") == (
        "mine",
        "hook",
        OTHER_OWNER,
    )
    age(tables)
    stands = contents(tables)
    database.sync(desired(*FEW))
    assert contents(tables) == stands

    database.release(TENANT, "uid-a", DeletionPolicy.DELETE)
    assert {row["id"] for row in rows_of(tables, Category.SCM)} == set(before)
    assert not [table for table, rows in contents(tables).items() if rows and table != Category.SCM]


def test_a_provider_and_its_workflows_that_people_made_are_taken_over(
    tables: DelivrDatabase, database: Database
) -> None:
    database.sync(desired(T.JENKINS))
    tables.run("DELETE FROM tenant_ci_cd_workflows")
    tables.run("UPDATE tenant_ci_cd_integrations SET id = 'made-by-hand', hostUrl = 'https://old.test'")
    tables.run(
        "INSERT INTO tenant_ci_cd_workflows (id, tenantId, integrationId, providerType, displayName, "
        "workflowUrl, platform, workflowType, createdByAccountId, createdAt, updatedAt) VALUES "
        "('theirs', %s, 'made-by-hand', 'JENKINS', 'regression', 'u', 'IOS', 'REGRESSION_BUILD', %s, "
        "'2001-01-01', '2001-01-01'), ('same', %s, 'made-by-hand', 'JENKINS', 'nightly', 'u', 'IOS', "
        "'CUSTOM', %s, '2001-01-01', '2001-01-01')",
        *(TENANT, OWNER, TENANT, OWNER),
    )
    database.sync(desired(T.JENKINS))
    (jenkins,) = rows_of(tables, Category.CI_CD)
    assert picked(jenkins, "id", "hostUrl") == ("made-by-hand", "https://jenkins.acme.test")
    flows = {row["displayName"]: row for row in rows_of(tables, Category.WORKFLOW)}
    assert set(flows) == {"regression", "nightly", "android"}
    assert picked(flows["regression"], "id", "workflowUrl") == ("theirs", "u")
    assert picked(flows["nightly"], "id", "workflowUrl") == ("same", "https://jenkins.acme.test/job/nightly")
    assert flows["android"]["integrationId"] == "made-by-hand"


def test_other_members_of_a_config_that_people_made_stay(tables: DelivrDatabase, database: Database) -> None:
    theirs = {"baseUrl": "https://acme.atlassian.test", "projectKey": "MOB", "apiToken": "old", "jql": "x"}
    tables.run(
        "INSERT INTO project_management_integrations (id, tenantId, name, providerType, config, createdAt, "
        "updatedAt) VALUES ('jira', %s, 'Our Jira', 'JIRA', %s, '2001-01-01', '2001-01-01')",
        *(TENANT, json.dumps(theirs)),
    )
    database.sync(desired(T.JIRA))
    (row,) = rows_of(tables, Category.PROJECT)
    config = json.loads(row["config"])
    assert picked(row, "id", "name") == ("jira", "Our Jira")
    assert clear(config.pop("apiToken")) == "jira-clear"
    assert config == {
        "baseUrl": "https://acme.atlassian.test",
        "projectKey": "MOB",
        "email": "bot@acme.test",
        "jql": "x",
    }


def test_what_is_no_longer_declared_goes_or_is_switched_off(
    tables: DelivrDatabase, database: Database
) -> None:
    database.sync(desired(T.GITHUB, T.JENKINS, T.JIRA, T.PLAY_STORE, T.SLACK))
    fewer = {**CONFIGS[T.JENKINS], "pipelines": CONFIGS[T.JENKINS]["pipelines"][:1]}  # type: ignore[index]
    database.sync(desired(T.GITHUB, integration(T.JENKINS, config=fewer), T.JIRA, T.PLAY_STORE, T.SLACK))
    assert [row["displayName"] for row in rows_of(tables, Category.WORKFLOW)] == ["android"]

    database.sync(desired(T.JENKINS, disabled=frozenset({T.GITHUB, T.JIRA, T.PLAY_STORE, T.SLACK})))
    database.sync(desired(T.JENKINS))  # a later pass knows nothing of what was switched off before
    assert [row["isActive"] for row in rows_of(tables, Category.SCM)] == [0]
    assert [row["isEnabled"] for row in rows_of(tables, Category.PROJECT)] == [0]
    assert [row["status"] for row in rows_of(tables, Category.STORE)] == ["REVOKED"]
    assert [row["verificationStatus"] for row in rows_of(tables, Category.COMMUNICATION)] == ["PENDING"]
    assert len(rows_of(tables, Category.CREDENTIAL)) == 1

    database.sync(desired(T.GITHUB, removed=frozenset({T.JENKINS, T.JIRA, T.PLAY_STORE, T.SLACK})))
    left = {table for table, rows in contents(tables).items() if rows}
    assert left == {Category.SCM}
    assert [row["isActive"] for row in rows_of(tables, Category.SCM)] == [1]
    database.release(TENANT, "uid-a", DeletionPolicy.RETAIN)
    assert len(rows_of(tables, Category.SCM)) == 1


def test_what_cannot_be_shown_now_stays_and_what_lost_its_row_of_the_plan_goes(
    tables: DelivrDatabase, database: Database
) -> None:
    database.sync(desired(T.GITHUB, T.JIRA))
    kept = rows_of(tables, Category.SCM)
    tables.run("DELETE FROM tenant_integrations")
    database.sync(desired(integration(T.GITHUB, config=None)))
    assert rows_of(tables, Category.SCM) == kept
    assert rows_of(tables, Category.PROJECT) == []  # nobody declares it, and the plan has no row of it


@pytest.mark.parametrize(
    ("status", "shown", "store"),
    [
        ("NOT_VERIFIED", "PENDING", "PENDING"),
        ("INVALID", "INVALID", "REVOKED"),
        ("EXPIRED", "EXPIRED", "REVOKED"),
    ],
)
def test_a_verdict_is_told_in_the_categories_words_and_keeps_the_credential(
    tables: DelivrDatabase, database: Database, status: str, shown: str, store: str
) -> None:
    database.sync(desired(*FEW))
    kept = contents(tables)
    fallen = [integration(kind, status=VerificationStatus(status), config=None) for kind in FEW]
    database.sync(desired(*fallen))
    (scm,) = rows_of(tables, Category.SCM)
    assert picked(scm, "verificationStatus", "accessToken") == (shown, kept[Category.SCM][0]["accessToken"])
    assert [row["status"] for row in rows_of(tables, Category.STORE)] == [store]
    assert rows_of(tables, Category.CREDENTIAL) == kept[Category.CREDENTIAL]
    assert len(rows_of(tables, Category.WORKFLOW)) == 2


def test_without_its_tables_the_rest_goes_on_and_they_are_named(database_server: DatabaseAccess) -> None:
    with migrated_database(database_server) as database, database.opened(SEALER, DELIVRS) as edge:
        every = tuple(sorted(one.value for one in Category))
        assert edge.sync(desired()).missing_tables == every
        database.load(CATEGORIES.name)
        database.run("DROP TABLE store_integrations")
        database.run("ALTER TABLE tenant_comm_integrations DROP COLUMN slackBotToken")
        result = edge.sync(desired())
        gone = ("store_credentials", "store_integrations", "tenant_comm_integrations")
        assert result == SyncResult(projected=True, missing_tables=gone)
        assert len(database.run("SELECT * FROM tenant_scm_integrations")) == 3
        database.run("ALTER TABLE tenant_scm_integrations DROP COLUMN lastVerifiedAt, DROP COLUMN isActive")
        database.run("DELETE FROM tenant_scm_integrations")
        assert edge.sync(desired()).missing_tables == gone
        assert len(database.run("SELECT * FROM tenant_scm_integrations")) == 3
        assert edge.release(TENANT, "uid-a", DeletionPolicy.DELETE)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("tenant_scm_integrations MODIFY scmType ENUM('GITLAB','BITBUCKET') NOT NULL", Category.SCM),
        ("tenant_scm_integrations ADD region VARCHAR(20) NOT NULL", Category.SCM),
        ("tenant_ci_cd_integrations MODIFY authType ENUM('HEADER') NOT NULL", Category.CI_CD),
        ("store_credentials MODIFY credentialType ENUM('APPLE_API_KEY') NOT NULL", Category.CREDENTIAL),
    ],
)
def test_a_table_that_cannot_hold_it_is_named_and_the_rest_goes_on(
    database_server: DatabaseAccess, change: str, named: Category
) -> None:
    with (
        migrated_database(database_server, CATEGORIES.name) as tables,
        tables.opened(SEALER, DELIVRS) as edge,
    ):
        tables.run(f"ALTER TABLE {change}")
        assert edge.sync(desired(*FEW)).missing_tables == (named,)
        filled = {table for table, rows in contents(tables).items() if rows}
        whole = {Category.SCM, Category.CI_CD, Category.WORKFLOW, Category.STORE, Category.CREDENTIAL}
        assert filled == whole - {named, *(child for child, parent in PARENTS.items() if parent == named)}
        assert len(tables.run("SELECT id FROM tenant_integrations")) == len(FEW)


def test_words_that_a_row_of_people_cannot_hold_are_named(tables: DelivrDatabase, database: Database) -> None:
    put_by_hand(tables, "theirs", TENANT, "acme", "mobile-app")
    kept = rows_of(tables, Category.SCM)
    words = "ENUM('PENDING','INVALID') NOT NULL DEFAULT 'PENDING'"
    tables.run(f"ALTER TABLE tenant_scm_integrations MODIFY verificationStatus {words}")
    try:
        assert database.sync(desired(T.GITHUB)).missing_tables == (Category.SCM,)
        assert rows_of(tables, Category.SCM) == kept
    finally:
        words = "ENUM('PENDING','VALID','INVALID','EXPIRED') NOT NULL DEFAULT 'PENDING'"
        tables.run(f"ALTER TABLE tenant_scm_integrations MODIFY verificationStatus {words}")


def test_a_table_without_any_right_is_named_and_a_lacking_right_refuses_all(tables: DelivrDatabase) -> None:
    name, schema = f"p_{tables.name[-12:]}", tables.name
    tables.run(f"CREATE USER '{name}'@'%' IDENTIFIED BY 'Writer-1'")
    try:
        plan = (
            "tenant_integrations",
            "tenant_release_settings",
            "tenant_release_claims",
            "tenants",
            "accounts",
        )
        for table in (*plan, *(set(Category) - {Category.SCM})):
            tables.run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{schema}`.{table} TO '{name}'@'%'")
        said = tables.url.get_secret_value().replace("//delivr:", f"//{name}:")
        url = SecretStr(said.replace(tables.access.password, "Writer-1"))
        edge = Database.connect(url, SEALER, 1, DELIVRS)
        assert edge.sync(desired(*FEW)).missing_tables == (Category.SCM,)
        tables.run(f"GRANT SELECT ON `{schema}`.{Category.SCM} TO '{name}'@'%'")
        with pytest.raises(DatabaseUnavailable) as refused:
            edge.sync(desired(*FEW))
        assert refused.value.reason is Outage.ACCESS_DENIED
        edge.close()
    finally:
        tables.run(f"DROP USER '{name}'@'%'")


def statements(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What each round trip of a first pass, an equal one and the end asks the server."""
    asked: list[list[str]] = []
    really = connection._exchange

    def counting(raw: Any, trip: Any) -> Any:
        asked.append([one.statement.text for one in trip])
        return really(raw, trip)

    with monkeypatch.context() as patched:
        patched.setattr(connection, "_exchange", counting)
        database.sync(desired())
        database.sync(desired())
        assert database.release(TENANT, "uid-a", DeletionPolicy.DELETE)
    return asked


def test_switched_off_it_asks_for_not_one_statement_more(
    tables: DelivrDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = Database.connect(tables.url, SEALER, 1)
    on = Database.connect(tables.url, SEALER, 1, DELIVRS)
    without, with_it = statements(off, monkeypatch), statements(on, monkeypatch)
    off.close()
    on.close()
    names = ("COLUMNS", *Category)
    plans = [[s for s in trip if not any(name in s for name in names)] for trip in with_it]
    assert without == [trip for trip in plans if trip]
    assert len(without) == 6  # two a pass, and two for the end
    assert len(with_it) > len(without)


def test_a_new_passphrase_of_delivrs_seals_everything_anew(
    tables: DelivrDatabase, database: Database
) -> None:
    environment = {
        "DATABASE_URL": tables.url.get_secret_value(),
        "INTEGRATION_ENCRYPTION_KEY": "a1" * 32,
        "PROJECTIONS": "plan,delivr",
        "BACKEND_STORAGE_ENCRYPTION_KEY": "another passphrase of thirty-two",
        "BACKEND_STORAGE_ENCRYPTION_KEY_PREVIOUS": PASSPHRASE,
    }
    database.sync(desired())
    newer = Settings.from_environment(environment).category_sealer
    assert newer is not None
    with tables.opened(SEALER, newer) as changed:
        changed.sync(desired())
        opens = Sealer(None, SecretStr(environment["BACKEND_STORAGE_ENCRYPTION_KEY"]), Envelope.PBKDF2)
        (scm,) = (row for row in rows_of(tables, Category.SCM) if row["scmType"] == "GITHUB")
        assert opens.open(scm["accessToken"]).get_secret_value() == "ghp_clear"
        for row in rows_of(tables, Category.CREDENTIAL):
            assert "clear" in opens.open(row["encryptedPayload"].decode()).get_secret_value()
        assert not changed.sync(desired()).changed


def test_a_repository_is_told_by_its_host_and_in_any_case(tables: DelivrDatabase, database: Database) -> None:
    put_by_hand(tables, "spelled", TENANT, "ACME", "Mobile-App")
    put_by_hand(tables, "elsewhere", TENANT, "acme", "mobile-app")
    tables.run(
        "UPDATE tenant_scm_integrations SET repositoryUrl = 'https://ghe.test/acme/mobile-app' "
        "WHERE id = 'elsewhere'"
    )
    tables.run(
        "UPDATE tenant_scm_integrations SET repositoryUrl = 'https://GitHub.com/ACME/Mobile-App.git' "
        "WHERE id = 'spelled'"
    )
    before = {row["id"]: row for row in rows_of(tables, Category.SCM)}
    database.sync(desired(T.GITHUB))
    after = {row["id"]: row for row in rows_of(tables, Category.SCM)}
    assert after.keys() == before.keys()
    assert after["elsewhere"] == before["elsewhere"]
    assert picked(after["spelled"], "owner", "repo", "verificationStatus") == ("acme", "mobile-app", "VALID")


def test_a_row_that_people_make_later_takes_the_place_of_the_operators(
    tables: DelivrDatabase, database: Database
) -> None:
    database.sync(desired(T.GITHUB, T.PLAY_STORE))
    put_by_hand(tables, "theirs", TENANT, "acme", "mobile-app")
    tables.run(
        "INSERT INTO store_integrations (id, tenantId, storeType, platform, displayName, appIdentifier, "
        "createdByAccountId, createdAt, updatedAt) VALUES ('their-store', %s, 'PLAY_STORE', 'ANDROID', 'A', "
        "'com.acme.app', %s, '2001-01-01', '2001-01-01')",
        *(TENANT, OWNER),
    )
    for _ in range(2):
        database.sync(desired(T.GITHUB, T.PLAY_STORE))
        (scm,) = rows_of(tables, Category.SCM)
        assert (scm["id"], clear(scm["accessToken"])) == ("theirs", "ghp_clear")
        (store,) = rows_of(tables, Category.STORE)
        assert picked(store, "id", "status") == ("their-store", "VERIFIED")
        (key,) = rows_of(tables, Category.CREDENTIAL)
        assert key["integrationId"] == "their-store"
        assert json.loads(clear(key["encryptedPayload"]))["private_key"] == "google-clear"
    assert not database.sync(desired(T.GITHUB, T.PLAY_STORE)).changed
    database.release(TENANT, "uid-a", DeletionPolicy.DELETE)
    assert (rows_of(tables, Category.STORE), rows_of(tables, Category.CREDENTIAL)) == ([store], [])


def test_a_key_whose_store_somebody_deleted_does_not_outlive_the_resource(
    tables: DelivrDatabase, database: Database
) -> None:
    database.sync(desired(T.APP_STORE_CONNECT, T.FIREBASE))
    tables.run("DELETE FROM store_integrations")
    assert len(rows_of(tables, Category.CREDENTIAL)) == 3
    database.release(TENANT, "uid-a", DeletionPolicy.DELETE)
    assert rows_of(tables, Category.CREDENTIAL) == []


def test_an_error_of_before_goes_with_the_proof(tables: DelivrDatabase, database: Database) -> None:
    put_by_hand(tables, "theirs", TENANT, "acme", "mobile-app")
    tables.run("UPDATE tenant_scm_integrations SET verificationError = 'bad token'")
    database.sync(desired(integration(T.GITHUB, status=VerificationStatus.INVALID)))
    assert rows_of(tables, Category.SCM)[0]["verificationError"] == "bad token"
    database.sync(desired(T.GITHUB))
    assert rows_of(tables, Category.SCM)[0]["verificationError"] is None


def test_a_pass_with_nothing_to_write_is_cheap(tables: DelivrDatabase, database: Database) -> None:
    database.sync(desired())
    began = time.process_time()
    for _ in range(10):
        database.sync(desired())
    assert time.process_time() - began < 10 * 0.2  # opening thirteen envelopes takes 0.4 s each time


def test_a_ready_resource_shows_in_todays_delivr_and_goes_from_it(on_either: Tenancy) -> None:
    tenancy = on_either
    tenancy.extra.update(
        PROJECTIONS="plan,delivr", BACKEND_STORAGE_ENCRYPTION_KEY=PASSPHRASE, DRIFT_INTERVAL="1s"
    )
    tenancy.apply(tenancy.complete())
    with tenancy.operator():
        tenancy.await_ready("True")
        said = tenancy.condition("Synced")
        assert said["status"] == "True"
        assert all(category.value in said["message"] for category in (Category.SCM, Category.CREDENTIAL))
        script = CATEGORIES.read_text()
        for statement in (one for one in script.split(";\n") if "CREATE TABLE" in one):
            tenancy.rows(statement[statement.index("CREATE TABLE") :])
        plain = "Delivr's tables say what this resource says."
        eventually(lambda: tenancy.condition("Synced")["message"] == plain, "nothing is missing")
        (scm,) = tenancy.rows("SELECT * FROM tenant_scm_integrations")
        assert (scm["owner"], scm["verificationStatus"]) == (tenancy.organization, "VALID")
        assert clear(scm["accessToken"]) == tenancy.issued["github"].secret["accessToken"]
        stores = {row["status"] for row in tenancy.rows("SELECT * FROM store_integrations")}
        assert stores == {"VERIFIED"}
        tenancy.rows("DELETE FROM store_credentials")
        eventually(lambda: len(tenancy.rows("SELECT * FROM store_credentials")) == 2, "put right")
        tenancy.kubectl("delete", "releasesetup", "mobile-app", "--wait=false")
        tenancy.kubectl("wait", "--for=delete", "releasesetup/mobile-app", "--timeout=30s")
    for category in Category:
        assert tenancy.rows(f"SELECT id FROM {category}") == []  # noqa: S608
