"""The per-category tables as they stand, and statements on them; columns that are not there are left out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, func, literal_column, select, update
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.dialects.mysql import insert

from delivr_operator.database.connection import Row, Statement, Trip, prepared
from delivr_operator.outcome import IntegrationType
from delivr_operator.projection import PARENTS, Category, own_id
from delivr_operator.store_rows import FIREBASE_SLOTS

_CHILDREN = dict.fromkeys(PARENTS, "integrationId")
_PARENT_SLOTS = {
    Category.WORKFLOW: (IntegrationType.JENKINS, IntegrationType.GITHUB_ACTIONS),
    Category.CREDENTIAL: (IntegrationType.APP_STORE_CONNECT, IntegrationType.PLAY_STORE, *FIREBASE_SLOTS),
}
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
    *(
        sql_column(name)
        for name in (
            *("TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "COLUMN_TYPE"),
            *("IS_NULLABLE", "COLUMN_DEFAULT", "EXTRA"),
        )
    ),
    schema="information_schema",
)
READ_COLUMNS = prepared(
    select(
        *(_COLUMNS.c[name] for name in ("TABLE_NAME", "COLUMN_NAME", "COLUMN_TYPE")),
        *(_COLUMNS.c[name] for name in ("IS_NULLABLE", "COLUMN_DEFAULT", "EXTRA")),
    )
    .where(func.database() == _COLUMNS.c.TABLE_SCHEMA)
    .where(func.find_in_set(_COLUMNS.c.TABLE_NAME, bindparam("names")) != literal_column("0"))
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One table as it stands.

    Attributes:
        category: which it is.
        columns: the columns that it has.
        demanded: those that a new row has to say something in.
        words: what may stand in the columns that have a closed list of words.
    """

    category: Category
    columns: tuple[str, ...]
    demanded: frozenset[str] = frozenset()
    words: tuple[tuple[str, frozenset[str]], ...] = ()

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

    def takes(self, said: Mapping[str, Any]) -> bool:
        """Tell whether it has the words of `said`."""
        return all(str(said[name]) in words for name, words in self.words if said.get(name) is not None)

    def takes_new(self, said: Mapping[str, Any]) -> bool:
        """Tell whether a row that says this can be made."""
        return self.takes(said) and self.demanded <= {*said, *self.stamps, "rotatedAt"}


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
    columns: dict[str, list[Row]] = {}
    (rows,) = trip([READ_COLUMNS.of(names=",".join(Category))])
    for row in rows:
        columns.setdefault(row["TABLE_NAME"], []).append(row)
    found = {one: _standing(one, columns.get(one.value, [])) for one in Category}
    usable = {one: standing for one, standing in found.items() if standing.usable}
    return {one: table for one, table in usable.items() if PARENTS.get(one, one) in usable}


def _standing(category: Category, columns: list[Row]) -> Standing:
    by_name = {str(row["COLUMN_NAME"]): row for row in columns}
    return Standing(
        category,
        tuple(sorted(by_name)),
        frozenset(
            name
            for name, row in by_name.items()
            if row["IS_NULLABLE"] == "NO" and row["COLUMN_DEFAULT"] is None and not row["EXTRA"]
        ),
        tuple(
            (name, frozenset(re.findall(r"'([^']*)'", str(row["COLUMN_TYPE"]))))
            for name, row in sorted(by_name.items())
            if str(row["COLUMN_TYPE"]).startswith("enum(")
        ),
    )


def stored_rows(trip: Trip, tenant_id: str, tables: Mapping[Category, Standing]) -> dict[Category, list[Row]]:
    """Lock and read the tenant's rows, then those that belong to them."""
    found: dict[Category, list[Row]] = {category: [] for category in tables}
    heads = [(table, tenant_id) for category, table in tables.items() if category not in PARENTS]
    _read_into(found, trip, heads)
    children = [
        (table, parent)
        for category, table in tables.items()
        if category in PARENTS
        for parent in sorted(
            {str(row["id"]) for row in found[PARENTS[category]]} | _own_parents(tenant_id, category)
        )
    ]
    _read_into(found, trip, children)
    return found


def _own_parents(tenant_id: str, category: Category) -> set[str]:
    """Return the ids of parents that we made: their children may have outlived them."""
    return {own_id(tenant_id, PARENTS[category], slot) for slot in _PARENT_SLOTS[category]}


def _read_into(found: dict[Category, list[Row]], trip: Trip, asked: list[tuple[Standing, str]]) -> None:
    answers = trip([_lock(table).of(of=key) for table, key in asked]) if asked else []
    for (table, _), rows in zip(asked, answers, strict=True):
        found[table.category] += rows
