"""The world behind the simulated providers: credentials, targets, and what is left of each quota."""

import hashlib
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import formatdate
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import ClassVar, Literal, TypeVar

from pydantic import ConfigDict


class CredentialState(StrEnum):
    """What the provider thinks of a credential; README.md says how each provider answers it."""

    VALID = "VALID"
    WRONG = "WRONG"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    DISABLED = "DISABLED"
    INSUFFICIENT_PERMISSION = "INSUFFICIENT_PERMISSION"
    SSO_REQUIRED = "SSO_REQUIRED"
    AGREEMENT_REQUIRED = "AGREEMENT_REQUIRED"
    API_DISABLED = "API_DISABLED"
    RATE_LIMITED = "RATE_LIMITED"
    LOGIN_BLOCKED = "LOGIN_BLOCKED"
    MAINTENANCE = "MAINTENANCE"


class TargetState(StrEnum):
    """Whether what a credential points at is there and in use."""

    PRESENT = "PRESENT"
    ABSENT = "ABSENT"
    ARCHIVED = "ARCHIVED"
    DISABLED = "DISABLED"


@dataclass(kw_only=True)
class RateLimit:
    """How a rate-limited credential is told when to come back."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    style: Literal["seconds", "date", "reset", "none"] = "seconds"
    seconds: int = 60
    status: int | None = None

    def retry_after(self, now: float) -> dict[str, str]:
        """Give the Retry-After header of this style, none where the vendor's own reset header is used."""
        if self.style == "seconds":
            return {"Retry-After": str(self.seconds)}
        if self.style == "date":
            return {"Retry-After": formatdate(now + self.seconds, usegmt=True)}
        return {}


@dataclass(kw_only=True)
class Credential(ABC):
    """What all providers know of a credential; each provider adds its own fields."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: CredentialState = CredentialState.VALID
    expires_at: datetime | None = None
    error: str | None = None
    error_path: str = "*"
    rate_limit: RateLimit = field(default_factory=RateLimit)
    quota: int | None = None

    @property
    @abstractmethod
    def lookup(self) -> str:
        """What the provider finds this credential by."""

    @property
    @abstractmethod
    def secret(self) -> dict[str, str]:
        """The fields of the Kubernetes Secret that holds it."""

    def standing(self, now: float) -> CredentialState:
        """Give the state at this moment: a date that has passed expires a valid credential."""
        if self.state is CredentialState.VALID and self.expires_at is not None:
            moment = self.expires_at if self.expires_at.tzinfo else self.expires_at.replace(tzinfo=UTC)
            if moment.timestamp() <= now:
                return CredentialState.EXPIRED
        return self.state

    def error_at(self, path: str) -> str | None:
        """Give the vendor's code that this credential is answered with on this path, if any."""
        return self.error if self.error and fnmatchcase(path, self.error_path) else None


@dataclass(kw_only=True)
class Target:
    """What all providers know of a repository, app, job or channel."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    name: str
    state: TargetState = TargetState.PRESENT
    visible_to: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """What its name is unique within."""
        return ""

    @property
    def key(self) -> str:
        """Its name as the provider compares it."""
        return self.name

    def seen_by(self, credential_id: str | None) -> bool:
        """Tell whether it exists for this credential (by id); no list means for every one."""
        if self.state is TargetState.ABSENT:
            return False
        return not self.visible_to or credential_id in self.visible_to


@dataclass(slots=True)
class Usage:
    """How much of an hour's quota a credential has spent."""

    resets_at: float
    spent: int = 0


def label(lookup: str) -> str:
    """Give the short name under which a credential is recorded: it tells nothing of the credential."""
    return hashlib.sha256(lookup.encode()).hexdigest()[:12]


T = TypeVar("T", bound=Target)


class World:
    """Everything that the simulated providers hold, keyed so that tenants do not meet."""

    def __init__(self) -> None:
        self._credentials: dict[tuple[str, str], Credential] = {}
        self._by_id: dict[tuple[str, str], Credential] = {}
        self._targets: dict[tuple[str, type[Target], str], dict[str, Target]] = {}
        self._usage: dict[tuple[str, str], Usage] = {}
        self.minting_key = secrets.token_bytes(32)

    def clear(self) -> None:
        """Leave no credential, no target and no spent quota."""
        for part in (self._credentials, self._by_id, self._targets, self._usage):
            part.clear()

    def put_credential(self, provider: str, credential: Credential) -> None:
        """Make this the credential of its id, whatever it was before."""
        self.drop_credential(provider, credential.id)
        self._credentials[provider, credential.lookup] = credential
        self._by_id[provider, credential.id] = credential

    def drop_credential(self, provider: str, credential_id: str) -> None:
        """Make the provider forget a credential: from now on it is unknown."""
        former = self._by_id.pop((provider, credential_id), None)
        if former is not None and self._credentials.get((provider, former.lookup)) is former:
            del self._credentials[provider, former.lookup]

    def credential(self, provider: str, lookup: str) -> Credential | None:
        """Give the credential that a request presented."""
        return self._credentials.get((provider, lookup))

    def credential_by_id(self, provider: str, credential_id: str) -> Credential | None:
        """Give the credential that was issued under this id."""
        return self._by_id.get((provider, credential_id))

    def put_target(self, provider: str, target: Target) -> None:
        """Make this the target of its name, whatever it was before."""
        self._targets.setdefault((provider, type(target), target.group), {})[target.key] = target

    def target(self, provider: str, kind: type[T], name: str, group: str = "") -> T | None:
        """Give the target of this name, absent ones included."""
        found = self._targets.get((provider, kind, group), {}).get(name)
        return found if isinstance(found, kind) else None

    def targets(self, provider: str, kind: type[T], group: str = "") -> list[T]:
        """Give all targets of a kind within a group, in the order in which they were made."""
        found: Iterable[Target] = self._targets.get((provider, kind, group), {}).values()
        return [target for target in found if isinstance(target, kind)]

    def spend(self, provider: str, key: str, now: float, amount: int = 1) -> Usage:
        """Count requests against an hour's quota and give what has been spent of it."""
        usage = self._usage.get((provider, key))
        if usage is None or usage.resets_at <= now:
            usage = self._usage[provider, key] = Usage(resets_at=float(int(now) + 3600))
        usage.spent += amount
        return replace(usage)


def utc(moment: datetime | float | None = None) -> datetime:
    """Give a moment in UTC; none means this one."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.fromtimestamp(time.time() if moment is None else moment, UTC)
