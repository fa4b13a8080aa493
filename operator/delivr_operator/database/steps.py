"""PURE: which statements bring the tables from how they stand to the plan's shape, and back."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from delivr_operator.database import tables
from delivr_operator.database.schema import CharacterSet, StandingTable

TENANTS, ACCOUNTS = tables.tenants.name, tables.accounts.name
REFERRED = (TENANTS, ACCOUNTS)
_IN_FILE = {
    TENANTS: "CHARACTER SET latin1 COLLATE latin1_bin",
    ACCOUNTS: "CHARACTER SET latin1 COLLATE latin1_swedish_ci",
}
_CREATES = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_DROPS = re.compile(r"DROP TABLE IF EXISTS (\w+)")


@dataclass(frozen=True, slots=True)
class Reference:
    """An id column that refers to `table`; `type` and `null` as in the plan."""

    table: str
    type: str
    null: str
    on_delete: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What the plan says of one table, beyond what CREATE TABLE does."""

    columns: frozenset[str]
    unique: tuple[str, ...]
    references: Mapping[str, Reference]
    moments: Mapping[str, str]


_TENANT = Reference(TENANTS, "CHAR(36)", "NOT NULL", "CASCADE")
_STAMPS = {
    "createdAt": "DATETIME NULL DEFAULT CURRENT_TIMESTAMP",
    "updatedAt": "DATETIME NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
}
SHAPES = {
    tables.settings.name: Shape(
        frozenset({*tables.settings.c.keys(), *_STAMPS}),
        ("tenantId",),
        {
            "tenantId": _TENANT,
            "setupCompletedByAccountId": Reference(ACCOUNTS, "VARCHAR(255)", "NULL", "SET NULL"),
        },
        {**_STAMPS, "setupCompletedAt": "DATETIME NULL"},
    ),
    tables.integrations.name: Shape(
        frozenset({*tables.integrations.c.keys(), *_STAMPS}),
        ("tenantId", "integrationType"),
        {
            "tenantId": _TENANT,
            "configuredByAccountId": Reference(ACCOUNTS, "VARCHAR(255)", "NOT NULL", "RESTRICT"),
        },
        {**_STAMPS, "lastVerifiedAt": "DATETIME NULL"},
    ),
    tables.claims.name: Shape(frozenset(tables.claims.c.keys()), ("tenantId",), {"tenantId": _TENANT}, {}),
}
"""The migrated tables in the order in which they are created."""

Standing: TypeAlias = Mapping[str, StandingTable]


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, and what is true after it."""

    says: str
    sql: str


def statements(script: str) -> tuple[str, ...]:
    """Return a script's statements without comments; no literal in ours holds `--` or a semicolon."""
    bare = re.sub(r"--[^\n]*", "", script)
    return tuple(part.strip() for part in bare.split(";") if part.strip())


def checksum(script: str) -> str:
    """Return what changes when the script does anything else than before."""
    return hashlib.sha256(";".join(" ".join(s.split()) for s in statements(script)).encode()).hexdigest()


class Obstacle(Enum):
    """Why nothing can be migrated."""

    TABLE_MISSING = "stands nowhere; load Delivr's own tables first"
    COLUMN_MISSING = "stands in a shape that the plan does not know; these columns are missing"
    KEY_MISSING = "has no unique key over"
    ORPHANS = "has rows that refer to nothing; mend or delete them; their ids"


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that a person has to mend before a migration; nothing was changed."""

    obstacle: Obstacle
    table: str
    names: tuple[str, ...] = ()
    count: int = 0

    @property
    def sentence(self) -> str:
        """Say what is in the way; of many ids, the first ones."""
        listed = ", ".join(self.names) + (", ..." if self.count > len(self.names) else "")
        counted = f" ({self.count} in all)" if self.count else ""
        return f"{self.table} {self.obstacle.value}{': ' if listed else ''}{listed}{counted}."


def misfits(standing: Standing) -> Iterator[Blocker]:
    """Yield what no statement of ours can mend."""
    for table in REFERRED:
        if table not in standing:
            yield Blocker(Obstacle.TABLE_MISSING, table)
    for table, shape in SHAPES.items():
        if table not in standing:
            continue
        if missing := shape.columns - standing[table].columns.keys():
            yield Blocker(Obstacle.COLUMN_MISSING, table, tuple(sorted(missing)))
        elif not standing[table].is_unique(*shape.unique):
            yield Blocker(Obstacle.KEY_MISSING, table, shape.unique)


def referred_characters(standing: Standing) -> Mapping[str, CharacterSet]:
    """Return the character set that a reference to each table needs."""
    found = {table: standing[table].columns["id"].characters for table in REFERRED}
    return {table: characters for table, characters in found.items() if characters is not None}


def upward(standing: Standing, script: str) -> Iterator[Step]:
    """Yield what is missing for the plan's shape; nothing where all stands."""
    characters = referred_characters(standing)
    for sql in statements(script):
        (table,) = _CREATES.findall(sql)
        if table not in standing:
            yield Step(f"created {table}", _adapted(sql, characters))
        else:
            yield from _alignment(table, standing[table], characters)


def _adapted(sql: str, characters: Mapping[str, CharacterSet]) -> str:
    pattern = "|".join(re.escape(text) for text in _IN_FILE.values())
    found = {text: str(characters[table]) for table, text in _IN_FILE.items() if table in characters}
    return re.sub(pattern, lambda match: found.get(match[0], match[0]), sql)


def _alignment(table: str, stands: StandingTable, characters: Mapping[str, CharacterSet]) -> Iterator[Step]:
    """Change the columns first: once the keys exist, both servers refuse to."""
    shape = SHAPES[table]
    changed = {
        column: f"{reference.type} {characters[reference.table]} {reference.null}"
        for column, reference in shape.references.items()
        if reference.table in characters and stands.columns[column].characters != characters[reference.table]
    }
    changed |= {
        column: definition
        for column, definition in shape.moments.items()
        if stands.columns[column].data_type == "timestamp"
    }
    if changed:
        clauses = ", ".join(f"MODIFY `{column}` {definition}" for column, definition in changed.items())
        yield Step(f"changed {', '.join(changed)} of {table}", f"ALTER TABLE `{table}` {clauses}")
    missing = {c: r for c, r in shape.references.items() if not stands.refers(c, r.table)}
    if missing:
        clauses = ", ".join(
            f"ADD CONSTRAINT `fk_{table}_{column}` FOREIGN KEY (`{column}`) "
            f"REFERENCES `{reference.table}` (id) ON DELETE {reference.on_delete}"
            for column, reference in missing.items()
        )
        yield Step(f"added foreign keys to {table}", f"ALTER TABLE `{table}` {clauses}")


@dataclass(frozen=True, slots=True)
class Before:
    """What is remembered of a table that stood before: enough to put it back."""

    definitions: Mapping[str, str]
    foreign_keys: tuple[str, ...]
    indexes: tuple[str, ...]


def remembered(stands: StandingTable) -> Before:
    """Return what to remember of a table."""
    definitions = {name: column.definition for name, column in stands.columns.items()}
    return Before(definitions, tuple(stands.foreign_keys), tuple(stands.indexes))


def downward(standing: Standing, before: Mapping[str, Before], rollback: str) -> Iterator[Step]:
    """Yield what undoes `upward`: drop what it made, put back what it changed."""
    drops = {table: sql for sql in statements(rollback) for table in _DROPS.findall(sql)}
    for table in reversed(SHAPES):
        if table not in standing:
            continue
        if table in before:
            yield from _restoration(table, standing[table], before[table])
        else:
            yield Step(f"dropped {table}", drops.get(table, f"DROP TABLE IF EXISTS {table}"))


def _restoration(table: str, stands: StandingTable, before: Before) -> Iterator[Step]:
    keys = [name for name in stands.foreign_keys if name not in before.foreign_keys]
    if keys:
        clauses = ", ".join(f"DROP FOREIGN KEY `{name}`" for name in keys)
        yield Step(f"dropped foreign keys of {table}", f"ALTER TABLE `{table}` {clauses}")
    indexes = [name for name in stands.indexes if name not in before.indexes]
    if indexes:
        clauses = ", ".join(f"DROP KEY `{name}`" for name in indexes)
        yield Step(f"dropped the keys' indexes of {table}", f"ALTER TABLE `{table}` {clauses}")
    changed = {
        name: definition
        for name, definition in before.definitions.items()
        if name in stands.columns and stands.columns[name].definition != definition
    }
    if changed:
        clauses = ", ".join(f"MODIFY {definition}" for definition in changed.values())
        yield Step(f"changed {', '.join(changed)} of {table} back", f"ALTER TABLE `{table}` {clauses}")
