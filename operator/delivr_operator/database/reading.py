"""What is asked of one tenant's rows, and how the answers are read into values."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite

from sqlalchemy import BindParameter, String, bindparam, func, or_, select

from delivr_operator.database import tables
from delivr_operator.database.connection import COMMIT, SNAPSHOT, Row, Statement, Trip, prepared
from delivr_operator.outcome import IntegrationType, VerificationStatus
from delivr_operator.resource import Platform, Steps, Target
from delivr_operator.rows import (
    Claim,
    Clear,
    Permission,
    SettingsRow,
    StoredIntegration,
    TenantRecord,
)

_TENANT: BindParameter[str] = bindparam("tenant")
_OWNER: BindParameter[str] = bindparam("owner")
_LOWERED: BindParameter[str] = bindparam("lowered")
_accounts, _members = tables.accounts.c, tables.collaborators.c
_settings = select(tables.settings).where(tables.settings.c.tenantId == _TENANT)
_integrations = select(tables.integrations).where(tables.integrations.c.tenantId == _TENANT)
_claim = select(tables.claims).where(tables.claims.c.tenantId == _TENANT)

READ_TENANT = prepared(select(tables.tenants.c.id).where(tables.tenants.c.id == _TENANT))
READ_MEMBERS = prepared(
    select(_accounts.id, _accounts.email, _members.tenantId, _members.permission)
    .join_from(tables.collaborators, tables.accounts, _members.accountId == _accounts.id)
    .where(_members.tenantId == _TENANT, _members.appId.is_(None))
    .where(or_(_accounts.id == _OWNER, func.lower(_accounts.email) == _LOWERED))
)
READ_ACCOUNTS = prepared(
    select(_accounts.id, _accounts.email).where(or_(_accounts.id == _OWNER, _accounts.email == _OWNER))
)
SEARCH_ACCOUNTS = prepared(
    select(_accounts.id, _accounts.email).where(func.lower(_accounts.email) == _LOWERED)
)
"""Reads every account, so it is asked only where the indexes know no such owner."""
READ_SETTINGS = prepared(_settings)
READ_INTEGRATIONS = prepared(_integrations)
READ_CLAIM = prepared(_claim)
READ_HELD = prepared(
    select(tables.claims.c.tenantId).where(tables.claims.c.resourceUid == bindparam("uid", type_=String))
)
"""Reads every claim, so it is asked only where nothing else names the tenant."""
LOCK_SETTINGS = prepared(_settings.with_for_update())
LOCK_INTEGRATIONS = prepared(_integrations.with_for_update())
LOCK_CLAIM = prepared(_claim.with_for_update())

_DEEPEST = 100
"""Levels of JSON; MySQL takes no more."""
_RANKS = {
    Permission.NONE: 0,
    Permission.VIEWER: 1,
    Permission.EDITOR: 2,
    Permission.OWNER: 3,
}
_PERMISSIONS = {
    "Owner": Permission.OWNER,
    "Editor": Permission.EDITOR,
    "Viewer": Permission.VIEWER,
    "Collaborator": Permission.VIEWER,
}


@dataclass(frozen=True, slots=True)
class Whose:
    """The tenant that is read, and the account that is to own it: by id or by email."""

    tenant_id: str
    owner: str

    @property
    def values(self) -> Mapping[str, str]:
        """The values of every statement here."""
        return {"tenant": self.tenant_id, "owner": self.owner, "lowered": self.owner.lower()}


@dataclass(frozen=True, slots=True)
class Answers:
    """The rows that one tenant's statements were answered with, as of one moment."""

    tenant: list[Row]
    members: list[Row]
    accounts: list[Row]
    settings: list[Row]
    integrations: list[Row]
    claim: list[Row]


def read_answers(trip: Trip, whose: Whose, *besides: Statement) -> tuple[Answers, list[list[Row]]]:
    """Read everything of one tenant as of one moment, in one round trip, and what else is asked `besides`."""
    wanted = (READ_TENANT, READ_MEMBERS, READ_ACCOUNTS, READ_SETTINGS, READ_INTEGRATIONS, READ_CLAIM)
    statements = (*SNAPSHOT, *wanted, *besides, COMMIT)
    answers = trip([s.of(**whose.values) for s in statements])
    return Answers(*answers[: len(wanted)]), answers[len(wanted) :]


def read_record(trip: Trip, whose: Whose) -> TenantRecord:
    """Read one tenant in one round trip; in two for an unknown owner."""
    answers, _ = read_answers(trip, whose)
    return record_of(whose, answers, search_account(trip, whose) if owner_of(whose, answers) is None else ())


def search_account(trip: Trip, whose: Whose) -> list[Row]:
    """Search all accounts for an owner that the indexes do not know."""
    (found,) = trip([SEARCH_ACCOUNTS.of(**whose.values)])
    return found


def owner_of(whose: Whose, answers: Answers, found: Iterable[Row] = ()) -> str | None:
    """Return the account that is to own the tenant, if it is among the answers or was `found` beside them."""
    return find_account(whose.owner, [*answers.members, *answers.accounts, *found])


def record_of(whose: Whose, answers: Answers, found: Iterable[Row] = ()) -> TenantRecord:
    """Return the answers as values."""
    account_id = owner_of(whose, answers, found)
    return TenantRecord(
        exists=any(row["id"] == whose.tenant_id for row in answers.tenant),
        account_id=account_id,
        permission=highest_permission(whose.tenant_id, account_id, answers.members),
        settings=parse_settings(answers.settings[0]) if answers.settings else None,
        integrations=parse_integrations(answers.integrations),
        claim=parse_claim(answers.claim[0]) if answers.claim else None,
    )


def find_account(owner: str, found: Iterable[Row]) -> str | None:
    """Return the id of the account that `owner` names: an exact id, else an email in any case.

    The columns' collations may be laxer (no case, no accents) or stricter, so they do not decide. Two
    accounts whose emails differ in case only are told apart by an exact spelling or not at all.
    """
    emails = {str(row["id"]): str(row["email"]) for row in found}
    if owner in emails:
        return owner
    exact = [key for key, email in emails.items() if email == owner]
    alike = [key for key, email in emails.items() if email.casefold() == owner.casefold()]
    candidates = exact or alike
    return candidates[0] if len(candidates) == 1 else None


def highest_permission(tenant_id: str, account_id: str | None, members: Iterable[Row]) -> Permission:
    """Return the highest of the account's tenant-level permissions in this very tenant."""
    held = [
        _PERMISSIONS.get(str(row["permission"]), Permission.NONE)
        for row in members
        if row["tenantId"] == tenant_id and row["id"] == account_id
    ]
    return max(held, key=lambda one: _RANKS[one], default=Permission.NONE)


def parse_settings(row: Row) -> SettingsRow:
    """Read a row of `tenant_release_settings`; what nobody knows any more is left out."""
    return SettingsRow(
        steps=Steps(
            github_connected=bool(row["githubConnected"]),
            target_platforms_configured=bool(row["targetPlatformsConfigured"]),
            platform_credentials_configured=bool(row["platformCredentialsConfigured"]),
            cicd_configured=bool(row["cicdConfigured"]),
            slack_configured=bool(row["slackConfigured"]),
        ),
        setup_complete=bool(row["setupComplete"]),
        completed_at=_aware(row["setupCompletedAt"]),
        completed_by=row["setupCompletedByAccountId"],
        targets=tuple(Target(word) for word in _words(row["selectedTargets"]) if word in set(Target)),
        platforms=tuple(Platform(word) for word in _words(row["selectedPlatforms"]) if word in set(Platform)),
    )


def parse_integrations(rows: Sequence[Row]) -> Mapping[IntegrationType, StoredIntegration]:
    """Read the rows of `tenant_integrations` whose type is known here."""
    known = [row for row in rows if row["integrationType"] in set(IntegrationType)]
    return {IntegrationType(row["integrationType"]): _integration(row) for row in known}


def _integration(row: Row) -> StoredIntegration:
    config = parsed_json(row["config"])
    return StoredIntegration(
        type=IntegrationType(row["integrationType"]),
        enabled=bool(row["isEnabled"]),
        required=bool(row["isRequired"]),
        config=config if isinstance(config, dict) else {},
        configured_by=row["configuredByAccountId"],
        last_verified_at=_aware(row["lastVerifiedAt"]),
        status=_status(row["verificationStatus"]),
    )


def _status(word: str | None) -> VerificationStatus:
    """Read a status; a column that is no ENUM may hold any word, and lax servers keep an empty one."""
    known = {str(status): status for status in VerificationStatus}
    return known.get(word or "", VerificationStatus.NOT_VERIFIED)


def parse_claim(row: Row) -> Claim:
    """Read a row of `tenant_release_claims`."""
    return Claim(
        uid=row["resourceUid"],
        namespace=row["namespace"],
        name=row["name"],
        created_at=row["resourceCreatedAt"].replace(tzinfo=UTC),
        generation=row["generation"],
        types=frozenset(
            IntegrationType(word) for word in _words(row["integrationTypes"]) if word in set(IntegrationType)
        ),
    )


class UnreadableJson(ValueError):  # noqa: N818 - a finding about stored data, not a programming error
    """A column holds what is no JSON, or none that can be read and written again."""


def read_json(text: str | None) -> Clear:
    """Return the value; servers hand the same JSON back in different spellings.

    Raises:
        UnreadableJson: this is none, or has numbers, halves of characters or a depth that only a column of
            plain text can hold.
    """
    try:
        parsed = None if text is None else json.loads(text, parse_float=_finite, parse_constant=_finite)
        if "\\u" in (text or ""):
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # the former also from integers of thousands of digits
        raise UnreadableJson from None
    if _is_deeper_than(_DEEPEST, parsed):
        raise UnreadableJson
    return parsed


def parsed_json(text: str | None) -> Clear:
    """Return the value, and None for what cannot be read: it says nothing that is wanted."""
    try:
        return read_json(text)
    except UnreadableJson:
        return None


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise UnreadableJson
    return number


def _is_deeper_than(bound: int, value: object) -> bool:
    level = [value]
    for _ in range(bound):
        level = [inner for one in level for inner in _inside(one)]
    return bool(level)


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _words(text: str | None) -> Sequence[str]:
    found = parsed_json(text)
    return [word for word in found if isinstance(word, str)] if isinstance(found, list) else []


def _aware(moment: datetime | str | None) -> datetime | None:
    """Return a column's time; what is no date, such as 0000-00-00, comes from the driver as text."""
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else None
