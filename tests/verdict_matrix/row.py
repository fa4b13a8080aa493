"""What a row of the verdict matrix is made of: what happens, and the one verdict that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any, TypeAlias

from delivr_operator.cluster import Absent
from delivr_operator.conditions import Progress, Truth
from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejection, VerificationStatus
from delivr_operator.reasons import Reason


class Answer(Enum):
    """The classes of answers: each type has a row for each of them, or says why it has none."""

    VERIFIED = "all is well"
    WRONG = "a wrong credential"
    REVOKED = "a revoked credential"
    EXPIRED = "a credential past its end"
    ACCOUNT_DISABLED = "a disabled account"
    TOO_SMALL = "too few permissions"
    TARGET_MISSING = "a missing target"
    TARGET_DISABLED = "a disabled target"
    CONSENT_MISSING = "single sign-on, an agreement or an API to be granted first"
    HOST_NOT_ALLOWED = "a host that nobody allowed"
    SECRET_MISSING = "a missing Secret"
    SECRET_UNREADABLE = "a Secret that the operator may not read"
    KEY_MISSING = "a missing key"
    MALFORMED = "something that cannot be asked with"
    LIMITED_SECONDS = "a rate limit with Retry-After in seconds"
    LIMITED_DATE = "a rate limit with Retry-After as a date"
    LIMITED_OTHERWISE = "a rate limit told in another way"
    SERVER_ERROR = "an error of the provider's own"
    MAINTENANCE = "maintenance or blocked logins"
    OUTDATED = "an address that is no more"
    TIMEOUT = "silence"
    RESET = "a broken connection"
    TLS = "a certificate that is not trusted"
    DNS = "a host name that does not resolve"
    HTML = "a page for people"
    TRUNCATED = "an answer that breaks off"
    HUGE = "an endless answer"
    REDIRECT = "a redirect to another host"
    CLOCK_SKEW = "clocks that differ"


class Rule(Enum):
    """How the moment of the next try is found."""

    TICK = "at the resource's own tick of spec.interval"
    PAUSE = "after exactly `wait`"
    TOLD = "after the pause that the provider told, which is about `wait`"
    BACKOFF = "after a minute, then after pauses that grow up to an hour"
    CHANGE = "never by itself: nobody can be asked until something in the cluster changes"


@dataclass(frozen=True, slots=True)
class NextTry:
    """When the provider is asked again, in words and as a rule that a test can hold."""

    words: str
    rule: Rule
    wait: timedelta = timedelta()
    blur: timedelta = timedelta(seconds=1)
    """How much of `wait` may be gone by how exactly the provider writes times: a date has whole seconds."""


INTERVAL = NextTry("at the next interval", Rule.TICK)
CONFIRMATION = NextTry("after 1 minute", Rule.PAUSE, timedelta(minutes=1))
SIX_HOURS = NextTry("in 6 h, or when the Secret changes", Rule.PAUSE, timedelta(hours=6))
BACKOFF = NextTry("after 1 minute, then ever later, at most an hour", Rule.BACKOFF)
SPEC_OR_SECRET = NextTry("when the spec or the Secret changes", Rule.CHANGE)
SECRET_APPEARS = NextTry("when the Secret appears", Rule.CHANGE)
SECRET_CHANGES = NextTry("when the Secret changes", Rule.CHANGE)
ROLE_CHANGES = NextTry("when the operator may read the Secret; it tries every minute", Rule.CHANGE)


def told(seconds: int, words: str = "when Retry-After allows, never sooner", blur: int = 1) -> NextTry:
    """Return the next try after a pause that the provider asked for, `blur` seconds exact."""
    return NextTry(words, Rule.TOLD, timedelta(seconds=seconds), timedelta(seconds=blur))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the status says of one integration, of Ready, and when the provider is asked again."""

    status: VerificationStatus
    ready: Truth
    progress: Progress
    reason: str
    next_try: NextTry


@dataclass(frozen=True, slots=True)
class Course:
    """The verdict for an integration that was never proved, for one that was VALID, and for one that was
    VALID and gets the same answer again at its next try, where that moves it.
    """

    never: Verdict
    held: Verdict
    repeated: Verdict | None = None


_S = VerificationStatus


def verified() -> Course:
    """Return the course of a "yes"."""
    verdict = Verdict(_S.VALID, "True", Progress.NONE, Reason.VERIFIED, INTERVAL)
    return Course(verdict, verdict)


def refused(reason: Rejection, next_try: NextTry = SIX_HOURS) -> Course:
    """Return the course of a definite "no": what was VALID falls by the second one only."""
    lost = Verdict(_S.INVALID, "False", Progress.STALLED, reason, next_try)
    doubted = Verdict(_S.VALID, "True", Progress.NONE, Reason.REFUSAL_UNCONFIRMED, CONFIRMATION)
    return Course(lost, doubted, repeated=lost)


def settled(reason: Rejection, next_try: NextTry) -> Course:
    """Return the course of a "no" about another credential than the proved one, or that nobody gave."""
    lost = Verdict(_S.INVALID, "False", Progress.STALLED, reason, next_try)
    return Course(lost, lost)


def unsure(reason: Doubt, next_try: NextTry = BACKOFF) -> Course:
    """Return the course of "cannot tell": what was VALID stays so."""
    return Course(
        Verdict(_S.NOT_VERIFIED, "False", Progress.RECONCILING, reason, next_try),
        Verdict(_S.VALID, "True", Progress.NONE, reason, next_try),
    )


def waiting(reason: Doubt, next_try: NextTry) -> Course:
    """Return the course of a credential that is not there: Ready waits for it, whatever was before."""
    return Course(
        Verdict(_S.NOT_VERIFIED, "False", Progress.RECONCILING, reason, next_try),
        Verdict(_S.VALID, "False", Progress.RECONCILING, reason, next_try),
    )


def flawed() -> Course:
    """Return the course of what cannot be asked with: known at once and for sure."""
    verdict = Verdict(_S.INVALID, "False", Progress.STALLED, Rejection.MISCONFIGURED, SPEC_OR_SECRET)
    return Course(verdict, verdict)


def expired() -> Course:
    """Return the course of a credential that is past its end, by the provider's word."""
    verdict = Verdict(_S.EXPIRED, "False", Progress.STALLED, Reason.CREDENTIAL_EXPIRED, SIX_HOURS)
    return Course(verdict, verdict)


def expired_if_known() -> Course:
    """Return the course of an end that only an earlier answer told: without one it is a plain "no"."""
    return Course(never=refused(Rejection.BAD_CREDENTIALS).never, held=expired().held)


@dataclass(frozen=True, slots=True)
class Place:
    """A target at the simulator; `{...}` in its texts stands for fields of the declaration and credential."""

    provider: str
    kind: str
    name: str
    group: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CredentialTurns:
    """The provider thinks otherwise of the credential: fields of the simulator's credential."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TargetTurns:
    """A target is no longer what it was: fields of the simulator's target."""

    place: Place
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something goes wrong on the wire: a fault of the simulator, for this credential only."""

    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class Surroundings(Enum):
    """From where, and how, the provider is asked."""

    USUAL = "as the simulator wants to be asked"
    IMPATIENT = "with a read timeout of 300 ms"
    NO_SUCH_NAME = "at a name that does not resolve"
    NO_LISTENER = "at a port that nobody listens on"
    BAD_CERTIFICATE = "at a listener whose certificate nobody trusts"
    NO_TRUSTED_HOSTS = "by an operator that trusts no host that a tenant chose"
    PRIVATE_ADDRESS = "with a Secret that names the host, whose address the operator opens for nobody"


@dataclass(frozen=True, slots=True)
class SecretHolds:
    """The Secret's keys are changed; None takes a key out."""

    keys: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class MemberHolds:
    """Fields of the spec's member are changed."""

    fields: Mapping[str, Any]


Cause: TypeAlias = CredentialTurns | TargetTurns | Fault | Surroundings | SecretHolds | MemberHolds | Absent


def turns(**fields: Any) -> CredentialTurns:
    """Write the change of a credential at its provider."""
    return CredentialTurns(fields)


def limited(style: str, seconds: int) -> CredentialTurns:
    """Write a rate limit: `seconds`, `date` and `reset` tell when it ends, `none` does not."""
    return turns(state="RATE_LIMITED", rate_limit={"style": style, "seconds": seconds})


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a type's matrix.

    Attributes:
        answer: the class that it belongs to.
        happens: what happens, in a tenant's words.
        causes: what makes it happen, after the credential was proved.
        course: the verdicts that follow.
        caveats: what a "yes" leaves open.
        issued: fields of the credential from its beginning.
        ends_in: how long the credential lives, where the provider tells that ahead.
        later: when the answer comes, counted from the proof; None where only the interval decides.
    """

    answer: Answer
    happens: str
    causes: tuple[Cause, ...]
    course: Course
    caveats: tuple[Caveat, ...] = ()
    issued: Mapping[str, Any] = field(default_factory=dict)
    ends_in: timedelta | None = None
    later: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """Another form of a type: another kind of credential, or a server of the tenant's own.

    Attributes:
        words: its name, for people.
        issued: fields of its credential at the simulator.
        written: fields of its declaration; `{...}` stands for the simulator's addresses.
        alike: what is the same as in the type's own matrix, because the same code reads it.
    """

    words: str
    issued: Mapping[str, Any] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)
    alike: frozenset[Answer] = frozenset()


@dataclass(frozen=True, slots=True)
class Matrix:
    """One type's rows, and the classes of answers that it cannot give, each with what and why."""

    type: IntegrationType
    rows: tuple[Row, ...]
    absent: Mapping[Answer, str]
    form: Form = Form("")

    @property
    def name(self) -> str:
        """The type, and its form where that is not the first one."""
        return f"{self.type} {self.form.words}".strip()
