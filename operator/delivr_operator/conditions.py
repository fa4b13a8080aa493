"""PURE: the conditions of a ReleaseSetup, from what is known of its integrations and its rows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from delivr_operator.outcome import Doubt, IntegrationType, VerificationStatus
from delivr_operator.reasons import TITLES, Reason, sentence
from delivr_operator.resource import Steps, Target
from delivr_operator.status import Condition, Entry

COMPLETED = "Release Management setup completed successfully"
"""The plan's message for a complete setup."""

UNWATCHED = (
    "The operator's role does not allow it to watch Secrets: a changed Secret is noticed only when the next "
    "verification is due."
)

STORES = {Target.APP_STORE: IntegrationType.APP_STORE_CONNECT, Target.PLAY_STORE: IntegrationType.PLAY_STORE}
CI_CD = (IntegrationType.JENKINS, IntegrationType.GITHUB_ACTIONS)
_WAITING = {Doubt.SECRET_NOT_FOUND, Doubt.SECRET_KEY_MISSING, Doubt.SECRET_UNREADABLE}

Truth = Literal["True", "False", "Unknown"]


class Progress(Enum):
    """What kstatus needs to know beside Ready."""

    NONE = None
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition's content; `progress` says who has to move while it is not True."""

    status: Truth
    reason: str
    message: str
    progress: Progress = Progress.NONE


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the conditions follow from.

    `refusal` says why nothing may be done for this resource (wrong tenant, no owner, conflict, ...);
    `synced` is the Synced condition; `committed` whether the rows say what the resource says, as far as is
    known: a database outage after the commit does not take Ready away.
    """

    generation: int
    now: datetime
    max_staleness: timedelta
    targets: tuple[Target, ...]
    entries: tuple[Entry, ...]
    refusal: Finding | None
    synced: Finding
    committed: bool
    secrets_watched: bool = True

    def entry(self, kind: IntegrationType) -> Entry | None:
        """Return what is known of one integration, or None where it is not declared or switched off."""
        return next((e for e in self.enabled if e.type is kind), None)

    @property
    def enabled(self) -> tuple[Entry, ...]:
        """The declared integrations that are not switched off."""
        return tuple(entry for entry in self.entries if entry.reason != Reason.DISABLED)


def steps(targets: tuple[Target, ...], entries: Iterable[Entry]) -> Steps:
    """Apply the plan's rule for its five steps to what is verified."""
    statuses = {e.type: e.verification_status for e in entries if e.reason != Reason.DISABLED}
    valid = {kind for kind, status in statuses.items() if status is VerificationStatus.VALID}
    builders = {kind for kind in CI_CD if kind in statuses}
    return Steps(
        github_connected=IntegrationType.GITHUB in valid,
        target_platforms_configured=bool(targets),
        platform_credentials_configured=bool(targets) and all(STORES[target] in valid for target in targets),
        cicd_configured=bool(builders) and builders <= valid,
        slack_configured=IntegrationType.SLACK in valid,
    )


def complete(done: Steps) -> bool:
    """Apply the plan's completion rule: CI/CD and Slack are optional."""
    return done.github_connected and done.target_platforms_configured and done.platform_credentials_configured


def assess(facts: Facts, previous: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Return all conditions; lastTransitionTime moves only where a status flips."""
    done = steps(facts.targets, facts.entries)
    ready = readiness(facts, done)
    findings = {
        "Ready": ready,
        "SetupComplete": _setup_complete(done),
        "Synced": facts.synced,
        "GitHubConnected": _step(facts, (IntegrationType.GITHUB,)),
        "TargetPlatformsConfigured": _targets(facts),
        "PlatformCredentialsConfigured": _stores(facts),
        "CICDConfigured": _step(facts, tuple(kind for kind in CI_CD if facts.entry(kind)) or CI_CD),
        "SlackConfigured": _step(facts, (IntegrationType.SLACK,)),
    }
    if ready.progress is not Progress.NONE:
        findings[ready.progress.value] = Finding("True", ready.reason, ready.message)
    if not facts.secrets_watched:
        findings["SecretsWatched"] = Finding("False", Reason.SECRET_WATCH_FORBIDDEN, UNWATCHED)
    before = {condition.type: condition for condition in previous}
    return tuple(_condition(kind, finding, facts, before.get(kind)) for kind, finding in findings.items())


def _condition(kind: str, finding: Finding, facts: Facts, before: Condition | None) -> Condition:
    held = before is not None and before.status == finding.status
    return Condition(
        type=kind,
        status=finding.status,
        reason=finding.reason,
        message=finding.message,
        observed_generation=facts.generation,
        last_transition_time=before.last_transition_time if held and before else facts.now,
    )


def readiness(facts: Facts, done: Steps) -> Finding:
    """Return Ready: the first check that has something to say decides."""
    checks: tuple[Callable[[Facts, Steps], Finding | None], ...] = (
        _refused,
        _rejected,
        _undeclared,
        _waiting,
        _uncommitted,
        _stale,
    )
    for check in checks:
        if (finding := check(facts, done)) is not None:
            return finding
    return Finding("True", Reason.SETUP_COMPLETED, COMPLETED)


def _refused(facts: Facts, _: Steps) -> Finding | None:
    return facts.refusal


def _rejected(facts: Facts, _: Steps) -> Finding | None:
    lost = (VerificationStatus.INVALID, VerificationStatus.EXPIRED)
    found = [entry for entry in facts.enabled if entry.verification_status in lost]
    return _joined(found, "False", Progress.STALLED)


def _undeclared(facts: Facts, _: Steps) -> Finding | None:
    """A setup that lacks a required part cannot become complete until its spec says more."""
    if facts.entry(IntegrationType.GITHUB) is None:
        return _absent((IntegrationType.GITHUB,), Progress.STALLED)
    if not facts.targets:
        return Finding(
            "False",
            Reason.TARGETS_MISSING,
            "No target is selected: name one in spec.targets.",
            Progress.STALLED,
        )
    absent = tuple(STORES[target] for target in facts.targets if facts.entry(STORES[target]) is None)
    return _absent(absent, Progress.STALLED) if absent else None


def _waiting(facts: Facts, _: Steps) -> Finding | None:
    found = [
        entry
        for entry in facts.enabled
        if entry.verification_status is VerificationStatus.NOT_VERIFIED or entry.reason in _WAITING
    ]
    return _joined(found, "False", Progress.RECONCILING)


def _uncommitted(facts: Facts, _: Steps) -> Finding | None:
    return None if facts.committed else facts.synced


def _stale(facts: Facts, _: Steps) -> Finding | None:
    found = [entry for entry in facts.enabled if is_stale(entry, facts.now, facts.max_staleness)]
    if not found:
        return None
    message = " ".join(sentence(entry.type, Reason.VERIFICATION_STALE) for entry in found)
    return Finding("Unknown", Reason.VERIFICATION_STALE, message)


def is_stale(entry: Entry, now: datetime, max_staleness: timedelta) -> bool:
    """Tell whether a proof is too old to stand for the present."""
    return entry.last_verified_at is not None and now - entry.last_verified_at > max_staleness


def _joined(entries: list[Entry], status: Truth, progress: Progress) -> Finding | None:
    if not entries:
        return None
    return Finding(status, entries[0].reason, " ".join(entry.message for entry in entries), progress)


def _absent(kinds: tuple[IntegrationType, ...], progress: Progress = Progress.NONE) -> Finding:
    names = " and ".join(TITLES[kind] for kind in kinds) + (" is" if len(kinds) == 1 else " are")
    required = kinds == (IntegrationType.GITHUB,) or progress is Progress.STALLED
    reason = Reason.CREDENTIALS_MISSING if required else Reason.NOT_DECLARED
    return Finding("False", reason, f"{names} not declared in the spec.", progress)


def _step(facts: Facts, kinds: tuple[IntegrationType, ...]) -> Finding:
    """Return the condition of a step that holds when all of `kinds` are VALID."""
    entries = [entry for kind in kinds if (entry := facts.entry(kind)) is not None]
    if not entries:
        switched_off = [e for e in facts.entries if e.type in kinds]
        return _joined(switched_off, "False", Progress.NONE) or _absent(kinds)
    short = [entry for entry in entries if entry.verification_status is not VerificationStatus.VALID]
    if not short:
        return Finding("True", Reason.VERIFIED, " ".join(entry.message for entry in entries))
    pending = all(entry.verification_status is VerificationStatus.NOT_VERIFIED for entry in short)
    status: Truth = "Unknown" if pending and all(entry.reason not in _WAITING for entry in short) else "False"
    return _joined(short, status, Progress.NONE) or _absent(kinds)


def _targets(facts: Facts) -> Finding:
    if not facts.targets:
        return Finding("False", Reason.TARGETS_MISSING, "No target is selected: name one in spec.targets.")
    return Finding("True", Reason.TARGETS_SELECTED, f"Selected: {', '.join(facts.targets)}.")


def _stores(facts: Facts) -> Finding:
    if not facts.targets:
        return Finding("False", Reason.TARGETS_MISSING, "No target is selected: name one in spec.targets.")
    absent = tuple(STORES[target] for target in facts.targets if facts.entry(STORES[target]) is None)
    return _absent(absent) if absent else _step(facts, tuple(STORES[target] for target in facts.targets))


def _setup_complete(done: Steps) -> Finding:
    if complete(done):
        return Finding("True", Reason.SETUP_COMPLETED, COMPLETED)
    missing = [
        name
        for name, held in (
            ("GitHub", done.github_connected),
            ("a target", done.target_platforms_configured),
            ("the credentials of the selected targets", done.platform_credentials_configured),
        )
        if not held
    ]
    return Finding("False", Reason.SETUP_INCOMPLETE, f"Still missing or not verified: {', '.join(missing)}.")
