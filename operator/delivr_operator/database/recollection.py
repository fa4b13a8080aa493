"""What the server answered of each tenant, and the one statement that dates proofs while that still stands.

Nothing remembered here is believed: the server itself says, in the statement that writes, by a digest of all
that a pass looks at, whether it is still so.
"""

import pickle
import zlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self, cast

from sqlalchemy import Column, Table

from delivr_operator.database import tables
from delivr_operator.database.connection import Asked, Statement, Trip
from delivr_operator.database.reading import (
    Answers,
    Whose,
    owner_of,
    read_answers,
    record_of,
    search_account,
)
from delivr_operator.database.sync import Comparison, stored_of
from delivr_operator.rows import DesiredRows, TenantRecord
from delivr_operator.sealing import Sealer

MANY = 30_000
"""Tenants, each of less than a KB where it has one integration; some may have lost their resource."""
_MOMENT = "lastVerifiedAt"
_LOCK = " FOR UPDATE"


def _all(columns: Iterable[Column[Any]], found: str) -> str:
    """Return SQL for all rows as one text: unambiguous, with NULL unlike any value, whatever the charsets."""
    quoted = ", ".join(f"QUOTE(CONVERT({one.table.name}.{one.name} USING utf8mb4))" for one in columns)
    row = f"SHA2(CONCAT_WS(',', {quoted}), 256)"
    return f"QUOTE((SELECT GROUP_CONCAT({row} ORDER BY {row}) FROM {found}))"  # noqa: S608 - names of our own


def _of_tenant(table: Table) -> str:
    columns = (column for column in table.c if column.name != _MOMENT)
    return _all(columns, f"{table.name} WHERE {table.name}.tenantId = %s{_LOCK}")


_PARTS = (
    (_all(tables.tenants.c, "tenants WHERE tenants.id = %s"), ("tenant",)),
    (_of_tenant(tables.claims), ("tenant",)),
    (_of_tenant(tables.settings), ("tenant",)),
    (_of_tenant(tables.integrations), ("tenant",)),
    (_all(tables.accounts.c, "accounts WHERE accounts.id = %s OR accounts.email = %s"), ("owner", "owner")),
    (
        _all(
            (*tables.collaborators.c, *tables.accounts.c),
            "collaborators JOIN accounts ON collaborators.accountId = accounts.id"
            " WHERE collaborators.tenantId = %s AND collaborators.appId IS NULL"
            " AND (accounts.id = %s OR LOWER(accounts.email) = %s)",
        ),
        ("tenant", "owner", "lowered"),
    ),
)
"""What `read_answers` reads, less the times of proofs, which is what is written."""
_LOCKED = f"SHA2(CONCAT_WS(';', {', '.join(sql for sql, _ in _PARTS)}), 256)"
"""Waits for whoever writes our rows, in a sync's order: a snapshot may be over by the time of the write."""
_DIGEST = _LOCKED.replace(_LOCK, "")
_NAMES = tuple(name for _, names in _PARTS for name in names)

READ_DIGEST = Statement(f"SELECT {_DIGEST} AS digest", _NAMES, ("digest",))
# An aggregate, since MySQL would merge any other derived table, and then refuse to read what it updates.
DATE_PROOFS = Statement(
    f"UPDATE {tables.integrations.name} SET {_MOMENT} = %s"  # noqa: S608 - names of our own tables
    " WHERE tenantId = %s AND FIND_IN_SET(integrationType, %s)"
    f" AND %s = (SELECT stands.digest FROM (SELECT MAX({_LOCKED}) AS digest) AS stands)",
    (_MOMENT, "at_tenant", "of_types", "digest", *_NAMES),
    counts=True,
)


@dataclass(frozen=True, slots=True)
class _Kept:
    """One tenant's rows as they were answered, folded small; what is sealed in them stays so."""

    whose: Whose
    digest: str
    folded: bytes = field(repr=False)

    @classmethod
    def fold(cls, whose: Whose, digest: str, answers: Answers) -> Self:
        return cls(whose, digest, zlib.compress(pickle.dumps(answers), 1))

    def unfold(self) -> Answers:
        answers = pickle.loads(zlib.decompress(self.folded))  # noqa: S301 - folded above, and nowhere else
        return cast("Answers", answers)


class Recollection:
    """The tenants whose rows need not be read to find that nothing changed; any thread may ask."""

    def __init__(self, most: int = MANY) -> None:
        """Remember no more than `most`; whose proofs were dated longest ago is forgotten first."""
        self._most = most
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def knows(self, tenant_id: str) -> bool:
        """Tell whether anything is remembered of this tenant."""
        return tenant_id in self._kept

    def forget(self, tenant_id: str) -> None:
        """Remember nothing of this tenant."""
        self._kept.pop(tenant_id, None)

    def read(self, trip: Trip, whose: Whose) -> TenantRecord:
        """Read a tenant as `read_record` does, and remember it unless its owner had to be searched."""
        self.forget(whose.tenant_id)
        answers, ((digest,),) = read_answers(trip, whose, READ_DIGEST)
        if owner_of(whose, answers) is None:
            return record_of(whose, answers, search_account(trip, whose))
        self._keep(whose, digest["digest"], answers)
        return record_of(whose, answers)

    def record(self, whose: Whose) -> TenantRecord | None:
        """Return what is remembered, which only `date` can tell to be still so."""
        kept = self._kept.get(whose.tenant_id)
        return record_of(whose, kept.unfold()) if kept and kept.whose == whose else None

    def date(self, trip: Trip, desired: DesiredRows, sealer: Sealer) -> bool:
        """Date the proofs in one statement if that is all that is to be written; tell whether it was done.

        Otherwise nothing is written, and nothing remembered any more.
        """
        kept = self._kept.pop(desired.tenant_id, None)
        if kept is None:
            return False
        answers = kept.unfold()
        wanted = _only_dates(desired, answers, sealer) if answers.claim else None
        if wanted is None:
            return False
        asked = Asked(DATE_PROOFS, {**kept.whose.values, **wanted.values, "digest": kept.digest})
        ((found,),) = trip([asked])
        types = wanted.values["of_types"].split(",")
        if found["count"] != len(types):
            return False
        moment = {_MOMENT: wanted.values[_MOMENT]}
        dated = [
            {**row, **moment} if row["integrationType"] in types else row for row in answers.integrations
        ]
        self._keep(kept.whose, kept.digest, replace(answers, integrations=dated))
        return True

    def _keep(self, whose: Whose, digest: str, answers: Answers) -> None:
        self._kept[whose.tenant_id] = _Kept.fold(whose, digest, answers)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _only_dates(desired: DesiredRows, answers: Answers, sealer: Sealer) -> Asked | None:
    stored = stored_of(answers.claim, answers.settings, answers.integrations)
    return Comparison(desired, stored, sealer).only_dates()
