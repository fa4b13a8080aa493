"""The per-category tables as they stand, and statements on them; columns that are not there are left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, func, literal_column, select, update
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.dialects.mysql import insert

from delivr_operator.database.connection import Row, Statement, Trip, prepared
from delivr_operator.projection import PARENTS, Category

_CHILDREN = dict.fromkeys(PARENTS, "integrationId")
_SNAKE = (Category.TEST,)
_NEEDED = {
    Category.SCM: ("scmType", "owner", "repo", "accessToken"),
    Category.CI_CD: ("providerType", "apiToken"),
    Category.WORKFLOW: ("displayName", "platform", "integrationId"),
    Category.COMMUNICATION: ("communicationType", "slackBotToken"),
    Category.STORE: ("storeType", "platform", "appIdentifier", "status"),
    Category.CREDENTIAL: ("integrationId", "credentialType", "encryptedPayload"),
    Category.PROJECT: ("name", "providerType", "config"),
    Category.TEST: ("name", "provider_type", "config"),
}
"""Without these a table is another one of the same name; every other column is written where it is there."""
_COLUMNS = sql_table(
    "COLUMNS",
    *(sql_column(name) for name in ("TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME")),
    schema="information_schema",
)
READ_COLUMNS = prepared(
    select(_COLUMNS.c.TABLE_NAME, _COLUMNS.c.COLUMN_NAME)
    .where(func.database() == _COLUMNS.c.TABLE_SCHEMA)
    .where(func.find_in_set(_COLUMNS.c.TABLE_NAME, bindparam("names")) != literal_column("0"))
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One table as it stands: the columns that it has."""

    category: Category
    columns: tuple[str, ...]

    def _spelled(self, camel: str, snake: str) -> str:
        return snake if self.category in _SNAKE else camel

    @property
    def owner(self) -> str:
        """The column by which rows are found."""
        return _CHILDREN.get(self.category, self._spelled("tenantId", "tenant_id"))

    @property
    def stamps(self) -> tuple[str, str]:
        """The columns of the two times, which have no default."""
        return self._spelled("createdAt", "created_at"), self._spelled("updatedAt", "updated_at")

    @property
    def usable(self) -> bool:
        """Tell whether it is the table that it is taken for."""
        return {"id", self.owner, *_NEEDED[self.category]} <= set(self.columns)


@cache
def _lock(standing: Standing) -> Statement:
    chosen = _table(standing)
    rows = select(*(chosen.c[name] for name in standing.columns))
    return prepared(rows.where(chosen.c[standing.owner] == bindparam("of")).with_for_update())


@cache
def insert_row(standing: Standing, names: tuple[str, ...]) -> Statement:
    """Insert a row with these columns; its times are now.

    An orphan of ours that still stands, or the same integration that somebody inserts meanwhile, is
    overwritten instead.
    """
    stamps = _stamped(standing, *standing.stamps, "rotatedAt")
    kept = {"id", standing.stamps[0]}
    overwritten: dict[str, Any] = {
        name: literal_column(f"VALUES({name})") for name in (*names, *stamps) if name not in kept
    }
    statement = insert(_table(standing)).values(stamps).on_duplicate_key_update(overwritten)
    return prepared(statement, names)


@cache
def update_row(standing: Standing, names: tuple[str, ...]) -> Statement:
    """Change these columns of the row `of_id`."""
    chosen = _table(standing)
    rotated = ["rotatedAt"] if "encryptedPayload" in names else []
    stamps = _stamped(standing, standing.stamps[1], *rotated)
    return prepared(update(chosen).where(chosen.c.id == bindparam("of_id")).values(stamps), names)


@cache
def delete_row(standing: Standing) -> Statement:
    """Take the row `of_id` away."""
    chosen = _table(standing)
    return prepared(delete(chosen).where(chosen.c.id == bindparam("of_id")))


def _stamped(standing: Standing, *names: str) -> dict[str, Any]:
    return {name: func.utc_timestamp() for name in names if name in standing.columns}


def _table(standing: Standing) -> Any:
    return sql_table(standing.category.value, *(sql_column(name) for name in standing.columns))


def standing_tables(trip: Trip) -> dict[Category, Standing]:
    """Return the tables that are there, parents before their children."""
    names: dict[str, list[str]] = {}
    (rows,) = trip([READ_COLUMNS.of(names=",".join(Category))])
    for row in rows:
        names.setdefault(row["TABLE_NAME"], []).append(row["COLUMN_NAME"])
    found = {one: Standing(one, tuple(sorted(names.get(one.value, ())))) for one in Category}
    usable = {one: standing for one, standing in found.items() if standing.usable}
    return {one: table for one, table in usable.items() if PARENTS.get(one, one) in usable}


def stored_rows(trip: Trip, tenant_id: str, tables: Mapping[Category, Standing]) -> dict[Category, list[Row]]:
    """Lock and read the tenant's rows, then those that belong to them."""
    found: dict[Category, list[Row]] = {category: [] for category in tables}
    heads = [(table, tenant_id) for category, table in tables.items() if category not in PARENTS]
    _read_into(found, trip, heads)
    children = [
        (table, str(row["id"]))
        for category, table in tables.items()
        if category in PARENTS
        for row in found[PARENTS[category]]
    ]
    _read_into(found, trip, children)
    return found


def _read_into(found: dict[Category, list[Row]], trip: Trip, asked: list[tuple[Standing, str]]) -> None:
    answers = trip([_lock(table).of(of=key) for table, key in asked]) if asked else []
    for (table, _), rows in zip(asked, answers, strict=True):
        found[table.category] += rows
