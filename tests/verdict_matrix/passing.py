"""Passes over one complete setup, in values: no cluster, no database, a clock that the caller moves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Any, cast

from pydantic import SecretBytes, SecretStr

from delivr_operator.cluster import Absent, Cluster, SecretContent
from delivr_operator.database import Desk
from delivr_operator.inventory import Inventory
from delivr_operator.observed import Observed, Rules
from delivr_operator.observing import Observer, _read
from delivr_operator.outcome import Caveat, IntegrationType, Outcome, Verified
from delivr_operator.plan import choose, decide
from delivr_operator.providers import provider_of_type
from delivr_operator.providers.declaration import Credential, Declaration
from delivr_operator.report import Committed, conclude, next_pass
from delivr_operator.resource import InvalidSpec, ReleaseSetup
from delivr_operator.rows import Permission, TenantRecord
from delivr_operator.sealing import Sealer
from delivr_operator.status import Entry, Status
from delivr_operator.verification import Schedule
from tests.unit.providers.samples import samples

T = IntegrationType
RULES = Rules()
TENANT = "Kp3xQ7_m-Z"
OWNER = TenantRecord(
    exists=True,
    account_id="own_7Qx2-",
    permission=Permission.OWNER,
    settings=None,
    integrations={},
    claim=None,
)
SCHEDULE = Schedule("u1", timedelta(hours=1))


@dataclass(frozen=True)
class Pass:
    """What one pass left behind."""

    kind: T
    now: datetime
    previous: Status
    status: Status
    due: datetime

    @property
    def caveats_before(self) -> tuple[Caveat, ...]:
        before = self.previous.entry(self.kind)
        return (before.caveats if before else None) or ()

    @property
    def entry(self) -> Entry:
        entry = self.status.entry(self.kind)
        assert entry is not None
        return entry


@dataclass(frozen=True)
class Setup:
    """A complete setup in which everything but one integration is well, passed over without any server."""

    kind: T
    member: Mapping[str, Any]
    secret: SecretContent | Absent

    @cached_property
    def first(self) -> Observed:
        """What the first pass looks at."""
        setup = self._resource
        assert not isinstance(setup.spec, InvalidSpec), setup.spec
        read = _read(setup.spec)
        assert not isinstance(read, InvalidSpec), read
        spec, members = read
        secrets = {one.secret_ref.name: self._content(one) for one in members if isinstance(one, Declaration)}
        observer = _observer()
        return Observed(
            setup=setup,
            spec=spec,
            previous=Status(),
            namespace_tenant=TENANT,
            rivals=(),
            holder=None,
            record=OWNER,
            declared=tuple(observer._declared(setup, member, secrets) for member in members),
        )

    @property
    def _resource(self) -> ReleaseSetup:
        apple = self.kind is T.APP_STORE_CONNECT
        store = {"targets": ["APP_STORE"], "platforms": ["IOS"]}
        others = [samples()[one] for one in (T.GITHUB, T.APP_STORE_CONNECT if apple else T.PLAY_STORE)]
        spec = {
            "tenantId": TENANT,
            "owner": "owner@example.test",
            **(store if apple else {"targets": ["PLAY_STORE"], "platforms": ["ANDROID"]}),
            **{one.member: dict(one.written) for one in others},
            provider_of_type(self.kind).member: dict(self.member),
        }
        metadata: dict[str, Any] = {"name": "mobile-app", "namespace": "falcon", "uid": SCHEDULE.uid}
        metadata |= {"generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"}
        return ReleaseSetup.parse({"metadata": metadata, "spec": spec})

    def _content(self, member: Declaration) -> SecretContent | Absent:
        return self.secret if member.type is self.kind else content(samples()[member.type].secret)

    @property
    def credential(self) -> Credential | None:
        """What the provider can be asked about, if anything."""
        (found,) = (one.found for one in self.first.declared if one.type is self.kind)
        return found if isinstance(found, Credential) else None

    def asks(self, previous: Status, now: datetime, requested_at: str | None = None) -> bool:
        """Tell whether a pass at `now` would ask the provider."""
        setup = self.first.setup.model_copy(update={"requested_at": requested_at})
        chosen = choose(replace(self.first, setup=setup, previous=previous), RULES, now)
        return self.kind in {one.type for one in chosen}

    def passed(self, previous: Status, outcome: Outcome | None, now: datetime) -> Pass:
        """Do one pass in which the provider answers `outcome` and all others answer well."""
        observed = replace(self.first, previous=previous)
        chosen = {one.type for one in choose(observed, RULES, now)}
        assert (self.kind in chosen) is (outcome is not None), "the provider is asked when it can be"
        answers: dict[T, Outcome] = {one: Verified() for one in chosen}
        if outcome is not None:
            answers[self.kind] = outcome
        decision = decide(observed, RULES, answers, now)
        status = conclude(observed, RULES, decision, Committed(), now)
        due = next_pass(observed, decision, RULES, Committed(), now)
        return Pass(self.kind, now, previous, Status.parse(status.as_json()), due)


def content(values: Mapping[str, str], version: str = "1") -> SecretContent:
    return SecretContent(version, {name: SecretBytes(value.encode()) for name, value in values.items()})


@cache
def _observer() -> Observer:
    """Return an observer of values that were read before: it asks neither cluster nor database."""
    sealer = Sealer(SecretStr("5e" * 32))
    return Observer(Inventory(), cast("Cluster", None), cast("Desk", None), sealer)
