"""The status as typed, frozen values: what the operator last said, and how it is written."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from delivr_operator.outcome import Caveat, IntegrationType, VerificationStatus
from delivr_operator.resource import Frozen, Steps


def _seconds(moment: datetime) -> str:
    return f"{moment.year:04}-{moment:%m-%dT%H:%M:%SZ}"  # strftime pads no year


def _known(names: object) -> tuple[str, ...] | None:
    given = names if isinstance(names, list | tuple) else ()
    return tuple(name for name in given if isinstance(name, str) and name in set(Caveat)) if given else None


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("must be a time in the calendar of UTC") from None


def _of_this_age(moment: datetime) -> datetime:
    if moment.year not in range(1970, 9000):
        raise ValueError("must be a time at which an operator can have run")
    return moment


Moment = Annotated[datetime, AfterValidator(_in_utc), PlainSerializer(_seconds)]
"""Whole seconds of UTC, as Kubernetes writes a time."""
Noted = Annotated[Moment, AfterValidator(_of_this_age)]
"""A time that an operator noted itself, and counts on from."""


class _Lenient(Frozen):
    """Read what an older or newer operator wrote: a field that is not known is dropped."""

    model_config = ConfigDict(extra="ignore")


class Condition(_Lenient):
    """A standard Kubernetes condition."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    observed_generation: int
    last_transition_time: Noted


class Entry(_Lenient):
    """What is known of one integration."""

    type: IntegrationType
    verification_status: VerificationStatus = VerificationStatus.NOT_VERIFIED
    reason: str
    message: str
    last_verified_at: Noted | None = None
    """When the provider last gave a definite answer that counted."""
    expires_at: Moment | None = None
    secret_version: str | None = None
    fingerprint: str | None = None
    """Keyed hash of the config and credential that the verdict is about."""
    refused_at: Noted | None = None
    """When a first refusal came that still needs its confirmation."""
    retry_at: Noted | None = None
    """When to ask next where that is not the interval's business."""
    failures: int | None = None
    """How many times in a row no definite answer came."""
    caveats: Annotated[tuple[Caveat, ...] | None, BeforeValidator(_known)] = None
    expires_within_days: int | None = None
    """The notice that was last given of the coming end."""


class Status(_Lenient):
    """A whole status."""

    observed_generation: int = -1
    committed_generation: int | None = None
    """The last generation whose rows were committed."""
    setup_complete: bool = False
    completed_at: Noted | None = None
    message: str = ""
    steps: Steps = Steps()
    integrations: tuple[Entry, ...] = ()
    conditions: tuple[Condition, ...] = ()
    last_verified_at: Noted | None = None
    next_expiry_at: Moment | None = None
    last_handled_reconcile_at: str | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Status":
        """Read a previous status; one that cannot be read counts as none, so that all is proved anew."""
        try:
            return cls.model_validate(raw)
        except ValidationError:
            return cls()

    def as_json(self) -> dict[str, Any]:
        """Return the status as the API server stores it, without empty fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def entry(self, kind: IntegrationType) -> Entry | None:
        """Return what is known of one integration."""
        return next((entry for entry in self.integrations if entry.type is kind), None)

    def condition(self, kind: str) -> Condition | None:
        """Return one condition."""
        return next((condition for condition in self.conditions if condition.type == kind), None)
