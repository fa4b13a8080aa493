"""Rows that people change by hand, under a running operator: put right, left alone, or not touched at all."""

import json
from typing import Any

from pydantic import SecretStr

from delivr_operator.sealing import CannotOpen, Sealer, looks_sealed
from tests.integration.tenancy import TENANT, Tenancy, eventually

KEY = SecretStr("00112233445566778899aabbccddeeff" * 2)
SETTINGS, INTEGRATIONS, CLAIMS = "tenant_release_settings", "tenant_integrations", "tenant_release_claims"
TABLES = (SETTINGS, INTEGRATIONS, CLAIMS)
OF_TENANT = f"WHERE tenantId = '{TENANT}'"
SLACK = f"UPDATE {INTEGRATIONS} SET {{}} {OF_TENANT} AND integrationType = 'SLACK'"  # noqa: S608
COLUMNS = {
    SETTINGS: (
        *("setupComplete = 0", "setupComplete = NULL", "setupCompletedAt = NULL", "githubConnected = 0"),
        *("setupCompletedAt = '2001-01-01 00:00:00'", "targetPlatformsConfigured = 0"),
        *("platformCredentialsConfigured = 0", "cicdConfigured = 0", "slackConfigured = NULL"),
        *("selectedTargets = '[]'", "selectedPlatforms = '{\"a\": 1}'"),
    ),
    CLAIMS: (
        *("integrationTypes = '[]'", "integrationTypes = 'null'", "generation = 0", "name = 'another'"),
        *("generation = generation + 1", "generation = 9223372036854775807"),
        *("resourceUid = 'nobody'", "resourceCreatedAt = '2001-01-01 00:00:00'"),
    ),
}
SLACK_COLUMNS = (
    *("isEnabled = 0", "isEnabled = NULL", "isRequired = 1", "configuredByAccountId = 'own_other'"),
    *("lastVerifiedAt = '2099-01-01 00:00:00'", "lastVerifiedAt = NULL", "verificationStatus = 'INVALID'"),
    *("verificationStatus = NULL", "config = '{}'", "config = '[]'", "config = 'null'"),
    *("integrationType = 'FIREBASE'", "tenantId = 'kp3xq7_m-z'"),
)


def opened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: opened(one) for name, one in value.items()}
    if isinstance(value, str) and looks_sealed(value):
        try:
            return Sealer(KEY).open(value).get_secret_value()
        except CannotOpen as error:
            return error.reason
    return value


def meaning(tenancy: Tenancy) -> dict[str, Any]:
    """What the tenant's rows say, whenever and under whichever id they were written."""
    found = {}
    for table in TABLES:
        for row in tenancy.rows(f"SELECT * FROM {table} {OF_TENANT}"):  # noqa: S608 - a name from above
            said = {k: v for k, v in row.items() if k not in ("id", "createdAt", "updatedAt")}
            for column in ("config", "selectedTargets", "selectedPlatforms", "integrationTypes"):
                if column in said:
                    said[column] = opened(json.loads(said[column]))
            found[f"{table} {row.get('integrationType', '')}"] = said
    return found


def add_foreign_rows(tenancy: Tenancy) -> None:
    for key, tenant, kind in (
        ("foreign-1", TENANT, "JIRA"),
        ("foreign-2", TENANT, "LINEAR"),
        ("foreign-3", "kp3xq7_m-z", "GITHUB"),
    ):
        tenancy.rows(
            f"INSERT INTO {INTEGRATIONS} (id, tenantId, integrationType, isEnabled, config, "  # noqa: S608
            "configuredByAccountId) VALUES (%s, %s, %s, 1, %s, 'own_other')",
            *(key, tenant, kind, '{ "b": 1.0,  "a": "\\u00fc" }'),
        )


def foreign_bytes(tenancy: Tenancy) -> list[Any]:
    return tenancy.rows(
        "SELECT HEX(CONCAT_WS('|', id, tenantId, integrationType, isEnabled, isRequired, config, "
        "configuredByAccountId, lastVerifiedAt, verificationStatus, createdAt, updatedAt)) AS bytes "
        "FROM tenant_integrations WHERE id LIKE 'foreign-%%' ORDER BY id"
    )


def edits(tenancy: Tenancy) -> list[tuple[str, tuple[str, ...]]]:
    """Everything that a person with a SQL prompt might do, as statements with their values."""
    config = json.loads(tenancy.integrations()["SLACK"]["config"])
    other_key = {**config, "botToken": Sealer(SecretStr("b2" * 32)).seal(SecretStr("xoxb-other-key"))}
    other_value = {**config, "botToken": Sealer(KEY).seal(SecretStr("xoxb-other-value"))}
    in_clear = {**config, "botToken": "xoxb-in-clear"}
    longer = {**config, "more": True}
    return [
        *((f"UPDATE {table} SET {one} {OF_TENANT}", ()) for table, all_ in COLUMNS.items() for one in all_),  # noqa: S608
        *((SLACK.format(one), ()) for one in SLACK_COLUMNS),
        *(
            (SLACK.format("config = %s"), (json.dumps(c),))
            for c in (other_key, other_value, in_clear, longer)
        ),
        *((f"DELETE FROM {table} {OF_TENANT}", ()) for table in (SETTINGS, CLAIMS)),  # noqa: S608
        (f"DELETE FROM {INTEGRATIONS} {OF_TENANT} AND integrationType = 'GITHUB'", ()),  # noqa: S608
    ]


def await_meaning(tenancy: Tenancy, wanted: dict[str, Any], after: str) -> None:
    def difference() -> dict[str, Any]:
        found = meaning(tenancy)
        names = wanted.keys() | found.keys()
        return {n: (wanted.get(n), found.get(n)) for n in names if wanted.get(n) != found.get(n)}

    try:
        eventually(lambda: not difference(), after)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{difference()}\n{tenancy.log()[-2000:]}") from None


def test_whatever_is_done_to_the_rows_is_put_right(on_either: Tenancy) -> None:
    tenancy = on_either
    tenancy.extra["DRIFT_INTERVAL"] = "1s"
    add_foreign_rows(tenancy)
    foreign = foreign_bytes(tenancy)
    tenancy.apply(tenancy.complete(interval="24h"))
    with tenancy.operator():
        tenancy.await_ready("True")
        before = meaning(tenancy)
        for statement, values in edits(tenancy):
            tenancy.rows(statement, *values)
            stray = tenancy.rows(f"SELECT id FROM {INTEGRATIONS} WHERE integrationType = 'FIREBASE'")  # noqa: S608
            for row in stray:  # a type that nobody declared is not the operator's to remove
                before_stray = meaning(tenancy)
                eventually(lambda: "SLACK" in tenancy.integrations(), statement)
                assert (
                    meaning(tenancy)[f"{INTEGRATIONS} FIREBASE"] == before_stray[f"{INTEGRATIONS} FIREBASE"]
                )
                tenancy.rows(f"DELETE FROM {INTEGRATIONS} WHERE id = %s", row["id"])  # noqa: S608
            await_meaning(tenancy, before, statement)
    assert foreign_bytes(tenancy) == foreign
    assert len(foreign) == 3


def test_equal_rows_are_looked_at_and_never_written(on_either: Tenancy) -> None:
    tenancy = on_either
    tenancy.extra["DRIFT_INTERVAL"] = "1s"
    tenancy.apply(tenancy.complete(interval="24h"))
    with tenancy.operator():
        tenancy.await_ready("True")
        slack = json.loads(tenancy.integrations()["SLACK"]["config"])
        again = {**slack, "botToken": Sealer(KEY).seal(Sealer(KEY).open(slack["botToken"]))}
        tenancy.rows(SLACK.format("config = %s"), json.dumps(again))
        for table in TABLES:
            tenancy.rows(f"UPDATE {table} SET updatedAt = '2001-01-01 00:00:00'")  # noqa: S608
        version = tenancy.get()["metadata"]["resourceVersion"]
        for _ in range(2):  # the row that comes back shows that a whole pass was there
            tenancy.rows(f"DELETE FROM {INTEGRATIONS} {OF_TENANT} AND integrationType = 'GITHUB'")  # noqa: S608
            eventually(lambda: "GITHUB" in tenancy.integrations(), "GITHUB is back")
    stamps = {
        (table, row.get("integrationType", "")): row["updatedAt"].year
        for table in TABLES
        for row in tenancy.rows(f"SELECT * FROM {table} {OF_TENANT}")  # noqa: S608
    }
    assert stamps.pop((INTEGRATIONS, "GITHUB")) > 2001
    assert set(stamps.values()) == {2001}, stamps
    assert len(stamps) == 6
    assert json.loads(tenancy.integrations()["SLACK"]["config"]) == again
    assert tenancy.get()["metadata"]["resourceVersion"] == version


def test_without_the_setting_the_next_pass_puts_rows_right(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.setup(github=tenancy.github(), interval="24h"))
    with tenancy.operator():
        eventually(lambda: tenancy.condition("Synced").get("status") == "True", "rows are written")
        before = meaning(tenancy)
        tenancy.rows(f"DELETE FROM {INTEGRATIONS}")  # noqa: S608 - a name from above
        tenancy.rows(f"UPDATE {SETTINGS} SET githubConnected = 0")  # noqa: S608 - a name from above
        tenancy.kubectl("annotate", "releasesetup/mobile-app", "release.delivr.live/requestedAt=now/SLACK")
        await_meaning(tenancy, before, "the pass after a request")


def test_rows_come_back_within_one_interval_though_nobody_says_a_word(tenancy: Tenancy) -> None:
    """What everybody has: no setting, no request, no change, no event of any watch."""

    def said() -> dict[str, Any]:
        """Less the proof's time, which the pass that puts them right renews."""
        return {name: {**row, "lastVerifiedAt": None} for name, row in meaning(tenancy).items()}

    tenancy.apply(tenancy.setup(github=tenancy.github(), interval="1m"))
    with tenancy.operator():
        eventually(lambda: tenancy.condition("Synced").get("status") == "True", "rows are written")
        before = said()
        tenancy.rows(f"DELETE FROM {INTEGRATIONS}")  # noqa: S608 - a name from above
        tenancy.rows(f"UPDATE {SETTINGS} SET githubConnected = 0")  # noqa: S608 - a name from above
        assert said() != before
        eventually(lambda: said() == before, "the interval's pass", 60 + 10)


def test_who_completed_the_setup_is_what_the_row_says(on_either: Tenancy) -> None:
    """Only the row remembers it, and the plan has the database empty it with the account."""
    tenancy = on_either
    tenancy.extra["DRIFT_INTERVAL"] = "1s"
    tenancy.apply(tenancy.complete(interval="24h"))

    def looked_at() -> bool:
        """What was deleted is back: a whole pass was there."""
        return "GITHUB" in tenancy.integrations()

    with tenancy.operator():
        tenancy.await_ready("True")
        for account in ("own_other", None):
            tenancy.rows(f"UPDATE {SETTINGS} SET setupCompletedByAccountId = %s {OF_TENANT}", account)  # noqa: S608
            tenancy.rows(f"DELETE FROM {INTEGRATIONS} {OF_TENANT} AND integrationType = 'GITHUB'")  # noqa: S608
            eventually(looked_at, "a pass was there")
            row = tenancy.settings_row()
            assert row is not None
            assert (row["setupCompletedByAccountId"], row["setupComplete"]) == (account, 1)
