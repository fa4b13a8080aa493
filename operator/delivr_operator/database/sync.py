"""Brings one tenant's rows to what they should be: lock, compare, write only what differs."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any

from sqlalchemy import BindParameter, Table, bindparam, delete, func, literal_column, update
from sqlalchemy.dialects.mysql import insert

from delivr_operator.database import tables
from delivr_operator.database.columns import (
    comparable,
    flag_columns,
    holder_columns,
    settings_columns,
    whole_second,
)
from delivr_operator.database.connection import COMMIT, START, Asked, Row, Statement, Trip, prepared
from delivr_operator.database.projecting import Projection, Projector
from delivr_operator.database.reading import (
    LOCK_CLAIM,
    LOCK_INTEGRATIONS,
    LOCK_SETTINGS,
    parse_claim,
    parse_integrations,
    parsed_json,
)
from delivr_operator.outcome import IntegrationType
from delivr_operator.rows import Claim, Config, DesiredIntegration, DesiredRows
from delivr_operator.sealing import CannotOpen, Sealer

_FLAGS = ("isEnabled", "isRequired", "configuredByAccountId", "lastVerifiedAt", "verificationStatus")
_STEPS = (
    *("setupComplete", "setupCompletedAt", "setupCompletedByAccountId"),
    *("githubConnected", "targetPlatformsConfigured", "platformCredentialsConfigured"),
    *("cicdConfigured", "slackConfigured", "selectedTargets", "selectedPlatforms"),
)
_HOLDER = ("resourceUid", "namespace", "name", "resourceCreatedAt", "generation", "integrationTypes")
_AT_TENANT: BindParameter[str] = bindparam("at_tenant")
_OF_TYPES = func.find_in_set(tables.integrations.c.integrationType, bindparam("of_types")) != literal_column(
    "0"
)


def _upsert(table: Table, keys: Iterable[str], columns: Iterable[str]) -> Statement:
    """Insert, or overwrite what someone who does not know our lock has inserted meanwhile.

    `VALUES(column)` is the only spelling that MySQL 5.7 to 9 and MariaDB share.
    """
    names = tuple(columns)
    overwritten: dict[str, Any] = {name: literal_column(f"VALUES({name})") for name in names}
    return prepared(insert(table).on_duplicate_key_update(overwritten), [*keys, *names])


CLAIM = prepared(
    insert(tables.claims).on_duplicate_key_update({"resourceUid": literal_column("resourceUid")}),
    ["tenantId", *_HOLDER],
)
"""Creates the claim or leaves it as it is, and holds its lock either way."""
WRITE_CLAIM = prepared(update(tables.claims).where(tables.claims.c.tenantId == _AT_TENANT), _HOLDER)
WRITE_SETTINGS = _upsert(tables.settings, ("id", "tenantId"), _STEPS)
WRITE_INTEGRATION = _upsert(tables.integrations, ("id", "tenantId", "integrationType"), ("config", *_FLAGS))
_these = tables.integrations.c.tenantId == _AT_TENANT
WRITE_FLAGS = prepared(update(tables.integrations).where(_these, _OF_TYPES), _FLAGS)
WRITE_VERIFIED = prepared(update(tables.integrations).where(_these, _OF_TYPES), ["lastVerifiedAt"])
WRITE_ENABLED = prepared(update(tables.integrations).where(_these, _OF_TYPES), ["isEnabled"])
DELETE_INTEGRATIONS = prepared(delete(tables.integrations).where(_these, _OF_TYPES))


class StaleGeneration(Exception):  # noqa: N818 - news, not a programming error
    """The rows already come from a later generation of this resource; nothing was written."""

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        self.generation = generation


class ClaimedByAnother(Exception):  # noqa: N818 - news, not a programming error
    """The rows come from another resource that may not be replaced; nothing was written."""

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__(f"{namespace}/{name}")
        self.namespace = namespace
        self.name = name


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What one sync wrote; all empty where the rows were right already."""

    settings: bool = False
    written: frozenset[IntegrationType] = frozenset()
    refreshed: frozenset[IntegrationType] = frozenset()
    removed: frozenset[IntegrationType] = frozenset()
    disabled: frozenset[IntegrationType] = frozenset()
    unreadable: frozenset[IntegrationType] = frozenset()
    """Among `written`: rows whose stored credentials did not open and were replaced."""
    projected: bool = False
    """Whether anything was written into the categories."""
    missing_tables: tuple[str, ...] = ()
    """Tables of the categories that are not there, or cannot hold what is to be said."""

    @property
    def changed(self) -> bool:
        """Whether any row reads otherwise than before."""
        plan = self.settings or self.written or self.refreshed or self.removed or self.disabled
        return bool(plan or self.projected)


@dataclass(frozen=True, slots=True)
class Stored:
    """A tenant's rows as the columns hold them: under the lock, or remembered."""

    claim: Claim
    settings: Row | None
    integrations: Mapping[str, Row]

    @property
    def configs(self) -> Mapping[IntegrationType, Config]:
        """What stands in the rows of known types; sealed fields are texts."""
        parsed = parse_integrations(tuple(self.integrations.values()))
        return {kind: row.config for kind, row in parsed.items()}


def sync_rows(
    trip: Trip, desired: DesiredRows, may_replace: frozenset[str], sealer: Sealer, projector: Projector | None
) -> SyncResult:
    """Do it in one transaction of two round trips, and a few more where the rows are projected.

    Raises:
        StaleGeneration: see there.
        ClaimedByAnother: see there.
    """
    stored = _lock(trip, desired)
    _refuse(stored.claim, desired.claim, may_replace)
    comparison = Comparison(desired, stored, sealer)
    shown = projector.project(trip, desired, stored.configs) if projector else Projection()
    trip([*comparison.writes(), *shown.writes, COMMIT.of()])
    return replace(comparison.result(), projected=bool(shown.writes), missing_tables=shown.missing)


def _lock(trip: Trip, desired: DesiredRows) -> Stored:
    tenant = desired.tenant_id
    claim, settings, integrations = trip(
        [
            START.of(),
            CLAIM.of(tenantId=tenant, **holder_columns(desired.claim)),
            *(one.of(tenant=tenant) for one in (LOCK_CLAIM, LOCK_SETTINGS, LOCK_INTEGRATIONS)),
        ]
    )
    return stored_of(claim, settings, integrations)


def stored_of(claim: Sequence[Row], settings: Sequence[Row], integrations: Sequence[Row]) -> Stored:
    """Return what a tenant's statements were answered with, of which the claim's row is there."""
    return Stored(
        parse_claim(claim[0]),
        settings[0] if settings else None,
        {row["integrationType"]: row for row in integrations},
    )


def _refuse(held: Claim, wanted: Claim, may_replace: frozenset[str]) -> None:
    if held.uid != wanted.uid:
        if held.uid not in may_replace:
            raise ClaimedByAnother(held.namespace, held.name)
    elif held.generation > wanted.generation:
        raise StaleGeneration(held.generation)


class Difference(Enum):
    """How far a stored integration is from the desired one; each includes the ones before it."""

    NONE = "nothing"
    MOMENT = "only the time of its proof"
    FLAGS = "a column beside the config"
    CONFIG = "the config, or there is no row"
    UNREADABLE = "nobody can tell: the stored credentials do not open"


@dataclass(frozen=True)
class Comparison:
    """What differs between the desired and the stored rows, and the statements that end it."""

    desired: DesiredRows
    stored: Stored
    sealer: Sealer

    @cached_property
    def integrations(self) -> Mapping[IntegrationType, Difference]:
        """The difference of every desired integration; opens the stored credentials."""
        return {row.type: self._difference(row) for row in self.desired.integrations}

    def _difference(self, row: DesiredIntegration) -> Difference:
        stored = self.stored.integrations.get(row.type)
        if stored is None:
            return Difference.NONE if row.config is None else Difference.CONFIG
        try:
            same = row.config is None or self.sealer.same_config(parsed_json(stored["config"]), row.config)
        except CannotOpen:
            return Difference.UNREADABLE
        if not same:
            return Difference.CONFIG
        differing = {name for name, value in flag_columns(row).items() if stored[name] != value}
        if not differing:
            return Difference.NONE
        return Difference.MOMENT if differing == {"lastVerifiedAt"} else Difference.FLAGS

    def result(self) -> SyncResult:
        """Return what is written, in words."""
        kinds = self.integrations.items()
        rewritten = (Difference.FLAGS, Difference.CONFIG, Difference.UNREADABLE)
        return SyncResult(
            settings=self._settings_differ,
            written=frozenset(kind for kind, how in kinds if how in rewritten),
            refreshed=frozenset(kind for kind, how in kinds if how is Difference.MOMENT),
            removed=self._removed,
            disabled=self._disabled,
            unreadable=frozenset(kind for kind, how in kinds if how is Difference.UNREADABLE),
        )

    def writes(self) -> Iterator[Asked]:
        """Yield the statements, none where nothing differs."""
        tenant = self.desired.tenant_id
        if self.stored.claim != self.desired.claim:
            yield WRITE_CLAIM.of(at_tenant=tenant, **holder_columns(self.desired.claim))
        if self._settings_differ and self.desired.settings is not None:
            yield WRITE_SETTINGS.of(id=_new_id(), tenantId=tenant, **settings_columns(self.desired.settings))
        for row in self.desired.integrations:
            yield from self._integration_writes(row)
        yield from self._refreshes()
        if self._removed:
            yield DELETE_INTEGRATIONS.of(**at(tenant, self._removed))
        if self._disabled:
            yield WRITE_ENABLED.of(isEnabled=False, **at(tenant, self._disabled))

    def only_dates(self) -> Asked | None:
        """Return the statement that dates proofs, where it alone ends all that differs."""
        writes = tuple(self.writes())
        return writes[0] if [one.statement for one in writes] == [WRITE_VERIFIED] else None

    def _integration_writes(self, row: DesiredIntegration) -> Iterator[Asked]:
        tenant, how = self.desired.tenant_id, self.integrations[row.type]
        if how is Difference.FLAGS:
            yield WRITE_FLAGS.of(**at(tenant, [row.type]), **flag_columns(row))
        elif how in (Difference.CONFIG, Difference.UNREADABLE) and row.config is not None:
            yield WRITE_INTEGRATION.of(
                id=_new_id(),
                tenantId=tenant,
                integrationType=row.type.value,
                config=json.dumps(self.sealer.seal_config(row.config)),
                **flag_columns(row),
            )

    def _refreshes(self) -> Iterator[Asked]:
        """Yield one statement for each time of proof; integrations are mostly proved together."""
        moments: dict[datetime | None, list[IntegrationType]] = {}
        for row in self.desired.integrations:
            if self.integrations[row.type] is Difference.MOMENT:
                moments.setdefault(whole_second(row.last_verified_at), []).append(row.type)
        for moment, types in moments.items():
            yield WRITE_VERIFIED.of(lastVerifiedAt=moment, **at(self.desired.tenant_id, types))

    @property
    def _settings_differ(self) -> bool:
        wanted, stored = self.desired.settings, self.stored.settings
        if wanted is None:
            return False
        return stored is None or any(
            comparable(name, stored[name]) != comparable(name, value)
            for name, value in settings_columns(wanted).items()
        )

    @property
    def _removed(self) -> frozenset[IntegrationType]:
        return frozenset(kind for kind in self.desired.removed if kind in self.stored.integrations)

    @property
    def _disabled(self) -> frozenset[IntegrationType]:
        rows = self.stored.integrations
        return frozenset(kind for kind in self.desired.disabled if kind in rows and rows[kind]["isEnabled"])


def at(tenant_id: str, types: Iterable[IntegrationType]) -> dict[str, str]:
    """Return the values that say which rows of a tenant."""
    return {"at_tenant": tenant_id, "of_types": ",".join(sorted(types))}


def _new_id() -> str:
    return str(uuid.uuid4())
