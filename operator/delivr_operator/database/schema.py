"""What stands in the database: tables, columns, keys, as values; asks, changes nothing."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

_COLUMN_LINE = re.compile(r"^\s*(`(\w+)` .*?),?$", re.MULTILINE)
_WORD = re.compile(r"[0-9A-Za-z_]{1,64}")


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """Character set and collation of a column."""

    name: str
    collation: str

    def __post_init__(self) -> None:
        if not (_WORD.fullmatch(self.name) and _WORD.fullmatch(self.collation)):
            raise ValueError("not the name of a character set")

    def __str__(self) -> str:
        return f"CHARACTER SET {self.name} COLLATE {self.collation}"


@dataclass(frozen=True, slots=True)
class StandingColumn:
    """One column; `definition` is the server's own DDL for it."""

    definition: str
    data_type: str
    characters: CharacterSet | None


@dataclass(frozen=True, slots=True)
class StandingTable:
    """One table; `foreign_keys` gives each constraint's columns and the table that it refers to."""

    columns: Mapping[str, StandingColumn]
    foreign_keys: Mapping[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    indexes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unique: frozenset[str] = frozenset()

    def refers(self, column: str, table: str) -> bool:
        """Tell whether a foreign key leads from `column` to `table`."""
        return ((column,), table) in self.foreign_keys.values()

    def is_unique(self, *columns: str) -> bool:
        """Tell whether a unique key covers exactly these columns."""
        return any(self.indexes[name] == columns for name in self.unique)


def observe(connection: Connection, tables: Iterable[str]) -> Mapping[str, StandingTable]:
    """Return those of `tables` that stand."""
    present = _names(connection)
    return {name: _table(connection, name) for name in tables if name in present}


def _names(connection: Connection) -> frozenset[str]:
    rows = connection.exec_driver_sql(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
    )
    return frozenset(str(row[0]) for row in rows)


def _table(connection: Connection, name: str) -> StandingTable:
    unique, indexes = _indexes(connection, name)
    return StandingTable(_columns(connection, name), _foreign_keys(connection, name), indexes, unique)


def _columns(connection: Connection, name: str) -> Mapping[str, StandingColumn]:
    (shown,) = connection.exec_driver_sql(f"SHOW CREATE TABLE `{name}`").all()
    definitions = {column: line for line, column in _COLUMN_LINE.findall(str(shown[1]))}
    rows = connection.exec_driver_sql(
        "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
        (name,),
    )
    return {
        column: StandingColumn(
            definitions[column], data_type, CharacterSet(charset, collation) if charset else None
        )
        for column, data_type, charset, collation in rows
    }


def _foreign_keys(connection: Connection, name: str) -> Mapping[str, tuple[tuple[str, ...], str]]:
    rows = connection.exec_driver_sql(
        "SELECT CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s AND REFERENCED_TABLE_NAME IS NOT NULL "
        "ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION",
        (name,),
    )
    found: dict[str, tuple[tuple[str, ...], str]] = {}
    for constraint, column, referred in rows:
        columns = found.get(constraint, ((), ""))[0]
        found[constraint] = ((*columns, column), referred)
    return found


def _indexes(connection: Connection, name: str) -> tuple[frozenset[str], Mapping[str, tuple[str, ...]]]:
    rows = connection.exec_driver_sql(
        "SELECT INDEX_NAME, COLUMN_NAME, NON_UNIQUE FROM information_schema.STATISTICS "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s ORDER BY INDEX_NAME, SEQ_IN_INDEX",
        (name,),
    )
    indexes: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    unique = set()
    for index, column, repeats in rows:
        indexes[index] += (column,)
        if not repeats:
            unique.add(index)
    return frozenset(unique), dict(indexes)
