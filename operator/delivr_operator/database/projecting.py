"""Keeps the per-category tables of today's Delivr in step, inside the transaction that writes the plan's."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from delivr_operator.database.categories import (
    Standing,
    delete_row,
    insert_row,
    standing_tables,
    stored_rows,
    update_row,
)
from delivr_operator.database.columns import whole_second
from delivr_operator.database.connection import Asked, Row, Trip
from delivr_operator.database.openings import Openings
from delivr_operator.database.reading import parsed_json
from delivr_operator.outcome import IntegrationType
from delivr_operator.projection import (
    PARENTS,
    Category,
    Projected,
    SealedObject,
    SealedWhole,
    is_own,
    own_id,
)
from delivr_operator.rows import Config, DesiredRows
from delivr_operator.showing import project
from delivr_operator.shown import NOT_PROVED
from delivr_operator.store_rows import STORE_OFF

_TYPE_COLUMN = {
    Category.SCM: "scmType",
    Category.CI_CD: "providerType",
    Category.COMMUNICATION: "communicationType",
    Category.STORE: "storeType",
    Category.PROJECT: "providerType",
    Category.TEST: "provider_type",
}
_TYPES = {
    "APP_STORE": IntegrationType.APP_STORE_CONNECT,
    "testrail": IntegrationType.TEST_RAIL,
    **{kind.value: kind for kind in IntegrationType},
}
_OFF: Mapping[Category, Mapping[str, Any]] = {
    Category.SCM: {"isActive": False},
    Category.CI_CD: {"verificationStatus": NOT_PROVED},
    Category.COMMUNICATION: {"verificationStatus": NOT_PROVED},
    Category.STORE: {"status": STORE_OFF},
    Category.PROJECT: {"isEnabled": False},
}
"""What a row says of an integration that was taken out and is kept."""


@dataclass(frozen=True, slots=True)
class Projection:
    """What is to be written into the categories, and which of their tables are not there."""

    writes: tuple[Asked, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Projector:
    """Shows a tenant's integrations in the categories; the caller holds the tenant's lock and commits."""

    openings: Openings

    def project(
        self, trip: Trip, desired: DesiredRows, stored: Mapping[IntegrationType, Config]
    ) -> Projection:
        """Return the statements that bring the categories to what `desired` says."""
        wanted = tuple(project(desired, stored))
        tables = standing_tables(trip)
        found = stored_rows(trip, desired.tenant_id, tables)
        change = _Change(self.openings, desired, wanted, frozenset(stored), tables, found)
        missing = {one.table.value for one in wanted} - {category.value for category in tables}
        writes = tuple(change.writes())
        return Projection(writes, tuple(sorted(missing | change.unfit)))

    def release(self, trip: Trip, tenant_id: str) -> tuple[Asked, ...]:
        """Return the statements that take away every row that the operator made for the tenant."""
        tables = standing_tables(trip)
        found = stored_rows(trip, tenant_id, tables)
        return tuple(
            delete_row(tables[category]).of(of_id=row["id"])
            for category in reversed(list(tables))
            for row in found[category]
            if is_own(tenant_id, str(row["id"]))
        )


@dataclass(frozen=True)
class _Change:
    """The difference between the categories as they stand and as they should, and what ends it."""

    openings: Openings
    desired: DesiredRows
    wanted: tuple[Projected, ...]
    planned: frozenset[IntegrationType]
    """The types that have a row in the plan's table."""
    tables: Mapping[Category, Standing]
    found: Mapping[Category, list[Row]]
    homes: dict[tuple[Category, str], list[str]] = field(default_factory=dict)
    """The ids of the parents, by their slots; people may have made more than one."""
    unfit: set[str] = field(default_factory=set)
    """Tables that have no words for what is to be said, or demand what nobody knows."""

    def writes(self) -> Iterator[Asked]:
        kept: set[str] = set()
        for one in self.wanted:
            if one.table in self.tables:
                for row_id, asked in self._rows(one):
                    kept.add(row_id)
                    yield from asked
        for category in reversed(list(self.tables)):
            for row in self.found[category]:
                if is_own(self.desired.tenant_id, str(row["id"])) and row["id"] not in kept:
                    yield from self._gone(category, row)

    def _rows(self, one: Projected) -> Iterator[tuple[str, list[Asked]]]:
        """Yield every row that is this integration, with what brings it there.

        Where people made such rows, those are it, and ours goes.
        """
        table, tenant = self.tables[one.table], self.desired.tenant_id
        for home in self._homes(one):
            own = own_id(tenant, one.table, one.slot if home == tenant else f"{one.slot}\0{home}")
            there = [row for row in self.found[one.table] if row[table.owner] == home]
            theirs = [row for row in there if not is_own(tenant, str(row["id"])) and _is(row, one)]
            standing = theirs or [row for row in there if row["id"] == own]
            for row in standing:
                self.homes.setdefault((one.table, one.slot), []).append(str(row["id"]))
                yield str(row["id"]), list(self._repair(table, one, row))
            if not standing and (made := self._made(table, one, own, home)):
                self.homes[one.table, one.slot] = [own]
                yield own, [made]

    def _homes(self, one: Projected) -> Iterable[str]:
        if one.table in PARENTS:
            return self.homes.get((PARENTS[one.table], one.parent or ""), ())
        return (self.desired.tenant_id,)

    def _made(self, table: Standing, one: Projected, own: str, home: str) -> Asked | None:
        """Return what makes the row; None while its credential is not known, or where it does not fit."""
        if not one.whole:
            return None
        said = {**one.initial, **one.columns, **one.credentials, "id": own, table.owner: home}
        beside = {"tenantId": self.desired.tenant_id}
        values = {name: value for name, value in (beside | said).items() if name in table.columns}
        if not table.takes_new(values):
            self.unfit.add(one.table.value)
            return None
        names = tuple(sorted(values))
        return insert_row(table, names).of(
            **{name: self._written(value, None) for name, value in values.items()}
        )

    def _repair(self, table: Standing, one: Projected, row: Row) -> Iterator[Asked]:
        said = {name: v for name, v in {**one.columns, **one.credentials}.items() if name in table.columns}
        differing = {name: value for name, value in said.items() if not self._says(row[name], value)}
        if not table.takes(differing):
            self.unfit.add(one.table.value)
        elif differing:
            written = {name: self._written(value, row.get(name)) for name, value in differing.items()}
            yield update_row(table, tuple(sorted(written))).of(of_id=row["id"], **written)

    def _gone(self, category: Category, row: Row) -> Iterator[Asked]:
        """Take a row of ours away, or switch it off where the resource keeps what it drops."""
        table, kind = self.tables[category], self._type(category, row)
        if kind is None or self._goes(kind):
            yield delete_row(table).of(of_id=row["id"])
        elif kind in self.desired.disabled:
            off = _OFF.get(category, {})
            differing = {name: off[name] for name in off if name in row and row[name] != off[name]}
            if differing:
                yield update_row(table, tuple(sorted(differing))).of(of_id=row["id"], **differing)

    def _type(self, category: Category, row: Row) -> IntegrationType | None:
        """Return what the row is of; None where that cannot be told, or its parent is not there."""
        if category in PARENTS:
            home = row[self.tables[category].owner]
            category = PARENTS[category]
            row = next((parent for parent in self.found[category] if parent["id"] == home), {})
        return _TYPES.get(str(row.get(_TYPE_COLUMN[category])))

    def _goes(self, kind: IntegrationType) -> bool:
        """Tell whether a row of ours that is not wanted goes: it goes with its row of the plan, or before it.

        What is declared but cannot be shown now stays, and so does what the plan keeps switched off.
        """
        if kind in self.desired.disabled:
            return False
        if kind in {row.type for row in self.desired.integrations}:
            return kind in {one.type for one in self.wanted}
        return kind in self.desired.removed or kind not in self.planned

    def _says(self, stored: Any, wanted: Any) -> bool:
        if isinstance(wanted, SecretStr):
            return isinstance(stored, str) and self.openings.say(stored, wanted)
        if isinstance(wanted, SealedWhole):
            return isinstance(stored, bytes) and self.openings.say(_decoded(stored), _whole(wanted))
        if isinstance(wanted, SealedObject):
            there = parsed_json(stored)
            return isinstance(there, dict) and all(
                name in there and self._says(there[name], value) for name, value in wanted.members.items()
            )
        if isinstance(wanted, Mapping):
            return bool(parsed_json(stored) == wanted)
        if isinstance(wanted, datetime):
            return bool(stored == whole_second(wanted))
        return bool(stored == wanted)

    def _written(self, value: Any, stored: Any) -> Any:
        if isinstance(value, SecretStr):
            return self.openings.sealed(value)
        if isinstance(value, SealedWhole):
            return self.openings.sealed(_whole(value)).encode()
        if isinstance(value, SealedObject):
            there = parsed_json(stored) if stored else {}
            kept = there if isinstance(there, dict) else {}
            ours = {name: self._member(one, kept.get(name)) for name, one in value.members.items()}
            return json.dumps(kept | ours)
        if isinstance(value, Mapping):
            return json.dumps(value)
        return whole_second(value) if isinstance(value, datetime) else value

    def _member(self, value: Any, stored: Any) -> Any:
        if not isinstance(value, SecretStr):
            return value
        return stored if self._says(stored, value) else self.openings.sealed(value)


def _is(row: Row, one: Projected) -> bool:
    return any(_identical(row, identity) for identity in one.identities)


def _identical(row: Row, identity: Mapping[str, Any]) -> bool:
    return all(_alike(name, _member_of(row, name), value) for name, value in identity.items())


def _alike(name: str, stored: Any, wanted: Any) -> bool:
    """Tell whether both name one thing; an address is about its host, and none is about any."""
    if name == "repositoryUrl":
        return _host(stored) in ("", _host(wanted))
    if name in ("owner", "repo"):
        return str(stored).casefold() == str(wanted).casefold()
    return bool(stored == wanted)


def _host(address: Any) -> str:
    try:
        return urlsplit(str(address)).netloc.rpartition("@")[2].casefold()
    except ValueError:
        return ""


def _member_of(row: Row, name: str) -> Any:
    column, _, member = name.partition(".")
    if not member:
        return row.get(column)
    there = parsed_json(row.get(column))
    found = there.get(member) if isinstance(there, dict) else None
    return None if found is None else str(found)


def _whole(value: SealedWhole) -> SecretStr:
    members = {
        name: one.get_secret_value() if isinstance(one, SecretStr) else one
        for name, one in value.members.items()
    }
    return SecretStr(json.dumps(members, sort_keys=True))


def _decoded(stored: bytes) -> str:
    return stored.decode("utf-8", "replace")
