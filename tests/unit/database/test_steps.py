from dataclasses import replace
from importlib import resources

import pytest

from delivr_operator.database.schema import CharacterSet, StandingColumn, StandingTable
from delivr_operator.database.steps import (
    SHAPES,
    Before,
    Blocker,
    Obstacle,
    checksum,
    downward,
    misfits,
    remembered,
    statements,
    upward,
)

LATIN, SWEDISH = CharacterSet("latin1", "latin1_bin"), CharacterSet("latin1", "latin1_swedish_ci")
UNICODE = CharacterSet("utf8mb4", "utf8mb4_bin")
FOLDER = resources.files("delivr_operator.database") / "sql"
SCRIPT = (FOLDER / "003_tenant_release_settings.sql").read_text()
ROLLBACK = (FOLDER / "003_tenant_release_settings_rollback.sql").read_text()


def identified(characters: CharacterSet) -> StandingTable:
    return StandingTable({"id": StandingColumn("`id` char(36)", "char", characters)})


BASE = {"tenants": identified(LATIN), "accounts": identified(SWEDISH)}


def standing(table: str, characters: CharacterSet = LATIN, moment: str = "datetime") -> StandingTable:
    """The plan's table, as if made by hand with these types and no keys to other tables."""
    shape = SHAPES[table]
    columns = {
        name: StandingColumn(
            f"`{name}` {moment if name in shape.moments else 'varchar(255)'}",
            moment if name in shape.moments else "varchar",
            None if name in shape.moments else (characters if name == "tenantId" else SWEDISH),
        )
        for name in sorted(shape.columns)
    }
    return StandingTable(columns, {}, {"u": shape.unique}, frozenset({"u"}))


def test_the_scripts_ship_with_the_package_and_say_what_they_do() -> None:
    assert [s.split("(")[0].split()[-1] for s in statements(SCRIPT)] == list(SHAPES)
    assert [s.split()[-1] for s in statements(ROLLBACK)] == [
        "tenant_release_claims",
        "tenant_release_settings",
    ]


def test_in_a_latin1_database_the_script_runs_as_it_stands() -> None:
    assert tuple(step.sql for step in upward(BASE, SCRIPT)) == statements(SCRIPT)


def test_elsewhere_only_the_character_sets_differ() -> None:
    found = {
        "tenants": identified(UNICODE),
        "accounts": identified(CharacterSet("utf8mb4", "utf8mb4_0900_ai_ci")),
    }
    adapted = ";".join(step.sql for step in upward(found, SCRIPT))
    assert "latin1_bin" not in adapted
    assert "latin1_swedish_ci" not in adapted
    back = adapted.replace("utf8mb4 COLLATE utf8mb4_bin", "latin1 COLLATE latin1_bin").replace(
        "utf8mb4 COLLATE utf8mb4_0900_ai_ci", "latin1 COLLATE latin1_swedish_ci"
    )
    assert back == ";".join(statements(SCRIPT))


def test_swapped_collations_are_not_confused() -> None:
    swapped = {"tenants": identified(SWEDISH), "accounts": identified(LATIN)}
    settings = next(upward(swapped, SCRIPT)).sql
    assert "tenantId CHAR(36) CHARACTER SET latin1 COLLATE latin1_swedish_ci" in settings
    assert "setupCompletedByAccountId VARCHAR(255) CHARACTER SET latin1 COLLATE latin1_bin" in settings


def test_columns_change_in_one_statement_before_the_keys_come() -> None:
    table = "tenant_integrations"
    found = BASE | {table: standing(table, UNICODE, "timestamp")}
    alter, keys = (step.sql for step in upward(found, SCRIPT) if step.sql.startswith("ALTER"))
    assert alter.count("MODIFY") == 4
    assert "MODIFY `tenantId` CHAR(36) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL" in alter
    assert "configuredByAccountId" not in alter
    assert "MODIFY `updatedAt` DATETIME NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP" in alter
    assert keys.count("ADD CONSTRAINT") == 2
    assert "REFERENCES `accounts` (id) ON DELETE RESTRICT" in keys


def test_what_is_right_is_not_touched() -> None:
    keyed = {
        table: replace(
            standing(table),
            foreign_keys={f"k{c}": ((c,), r.table) for c, r in SHAPES[table].references.items()},
        )
        for table in SHAPES
    }
    assert list(upward(BASE | keyed, SCRIPT)) == []


def test_down_puts_back_what_was_remembered_and_drops_the_rest() -> None:
    table = "tenant_integrations"
    older = standing(table, UNICODE, "timestamp")
    now = replace(
        standing(table),
        foreign_keys={"fk": (("tenantId",), "tenants")},
        indexes={"u": SHAPES[table].unique, "fk": ("configuredByAccountId",)},
    )
    found = BASE | {table: now, "tenant_release_claims": standing("tenant_release_claims")}
    steps = [step.sql for step in downward(found, {table: remembered(older)}, ROLLBACK)]
    assert steps == [
        "DROP TABLE IF EXISTS tenant_release_claims",
        "ALTER TABLE `tenant_integrations` DROP FOREIGN KEY `fk`",
        "ALTER TABLE `tenant_integrations` DROP KEY `fk`",
        (
            "ALTER TABLE `tenant_integrations` MODIFY `createdAt` timestamp, "
            "MODIFY `lastVerifiedAt` timestamp, MODIFY `updatedAt` timestamp"
        ),
    ]


def test_down_drops_integrations_only_where_up_made_them() -> None:
    table = "tenant_integrations"
    found = {table: standing(table)}
    assert [step.sql for step in downward(found, {}, ROLLBACK)] == [f"DROP TABLE IF EXISTS {table}"]
    before = {table: remembered(found[table])}
    assert list(downward(found, before, ROLLBACK)) == []
    assert isinstance(before[table], Before)


def test_what_cannot_be_mended_is_named() -> None:
    lacking = standing("tenant_integrations")
    lacking = replace(lacking, columns={k: v for k, v in lacking.columns.items() if k != "config"})
    loose = replace(standing("tenant_release_settings"), unique=frozenset())
    found = {"tenants": BASE["tenants"], "tenant_integrations": lacking, "tenant_release_settings": loose}
    blockers = list(misfits(found))
    assert blockers == [
        Blocker(Obstacle.TABLE_MISSING, "accounts"),
        Blocker(Obstacle.KEY_MISSING, "tenant_release_settings", ("tenantId",)),
        Blocker(Obstacle.COLUMN_MISSING, "tenant_integrations", ("config",)),
    ]
    assert blockers[0].sentence == "accounts stands nowhere; load Delivr's own tables first."
    assert blockers[1].sentence == "tenant_release_settings has no unique key over: tenantId."


def test_a_checksum_follows_what_a_script_does_not_what_it_says() -> None:
    assert checksum("-- a; comment\nDROP TABLE a;\n") == checksum("DROP   TABLE a")
    assert checksum("DROP TABLE a") != checksum("DROP TABLE b")


@pytest.mark.parametrize("name", ["latin1; DROP TABLE accounts", "", "la`tin1"])
def test_a_character_set_is_one_word(name: str) -> None:
    with pytest.raises(ValueError, match="character set"):
        CharacterSet(name, "latin1_bin")
