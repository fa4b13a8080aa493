"""PURE: the ReleaseSetup and Secrets that say of a tenant what its rows say already."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import SecretBytes, SecretStr

from delivr_operator.observed import Declared, Observed, Rules
from delivr_operator.outcome import IntegrationType, VerificationStatus, Verified
from delivr_operator.plan import decide
from delivr_operator.providers import PROVIDERS
from delivr_operator.providers.declaration import Credential, InvalidMember, declarations, read_credential
from delivr_operator.providers.provider import Provider
from delivr_operator.resource import InvalidSpec, Key, ReleaseSetup, Spec, parse_spec
from delivr_operator.rows import DesiredIntegration, DesiredRows, Permission, StoredIntegration, TenantRecord
from delivr_operator.sealing import CannotOpen, Sealer, looks_sealed
from delivr_operator.status import Status

_PROVIDERS = {provider.type: provider for provider in PROVIDERS}


@dataclass(frozen=True, slots=True)
class Owner:
    """One account that may own the ReleaseSetup."""

    id: str
    email: str


@dataclass(frozen=True, slots=True)
class WantedSecret:
    """One Secret that the ReleaseSetup needs."""

    name: str
    values: Mapping[str, SecretStr] = field(repr=False)
    allowed_host: str | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """What to apply, and everything about it that a person should know."""

    spec: Mapping[str, Any]
    secrets: tuple[WantedSecret, ...]
    left_out: Mapping[IntegrationType, str]
    """Rows that the ReleaseSetup does not declare, which the operator then never touches, and why."""
    changes: tuple[str, ...]
    """What applying it would change in the rows after all."""


@dataclass(frozen=True, slots=True)
class _Expressed:
    """One row as a member of the spec and a Secret."""

    provider: Provider[Any, Any]
    fields: Mapping[str, Any]
    secret: WantedSecret | None

    @property
    def member(self) -> dict[str, Any]:
        reference = {"secretRef": {"name": self.secret.name}} if self.secret else {}
        return {**self.fields, **reference}


@dataclass(frozen=True)
class Adopting:
    """A tenant as it stands, and how strictly its rows are to stay as they are."""

    tenant_id: str
    record: TenantRecord
    owners: tuple[Owner, ...]
    sealer: Sealer
    now: datetime
    allow_changes: bool = False

    def result(self) -> Adoption:
        """Return what to apply, leaving out every row that it could not express as it stands."""
        expressed: dict[IntegrationType, _Expressed] = {}
        left_out: dict[IntegrationType, str] = {}
        for kind, row in sorted(self.record.integrations.items()):
            said = self._expressed(row)
            if isinstance(said, str):
                left_out[kind] = said
            else:
                expressed[kind] = said
        while True:
            spec = self._spec(expressed)
            flawed = self._flawed(spec, expressed)
            if not flawed:
                break
            left_out |= flawed
            expressed = {kind: one for kind, one in expressed.items() if kind not in flawed}
        parsed = parse_spec(spec)
        changes = parsed.problems if isinstance(parsed, InvalidSpec) else self._changes(parsed, expressed)
        found = self._credentials(parsed, expressed) if isinstance(parsed, Spec) else {}
        secrets = tuple(_with_host(one.secret, found.get(k)) for k, one in expressed.items() if one.secret)
        return Adoption(spec, secrets, left_out, tuple(changes))

    def _expressed(self, row: StoredIntegration) -> _Expressed | str:
        provider = _PROVIDERS.get(row.type)
        if provider is None:
            return "this operator has no such integration"
        try:
            opened = {name: self._opened(value) for name, value in _unnested(provider, row.config).items()}
        except CannotOpen as error:
            return f"its credentials do not open: {error.reason.value}"
        names = {*provider.secret_fields, *provider.optional}
        strange = [name for name, value in row.config.items() if name not in names and _is_sealed(value)]
        if strange:
            return f"sealed, but no credential of this integration: {', '.join(sorted(strange))}"
        values = {name: value for name, value in opened.items() if name in names}
        texts = {name: value for name, value in values.items() if isinstance(value, SecretStr)}
        if texts.keys() != values.keys():
            return f"no text: {', '.join(sorted(values.keys() - texts.keys()))}"
        fields = {name: value for name, value in opened.items() if name not in names}
        name = re.sub(r"(?=[A-Z])", "-", provider.member).lower()
        secret = WantedSecret(name, texts) if texts or provider.inherits is None else None
        return _Expressed(provider, fields, secret)

    def _opened(self, value: object) -> object:
        if isinstance(value, str):
            return self.sealer.open(value) if _is_sealed(value) else SecretStr(value)
        return value

    def _spec(self, expressed: Mapping[IntegrationType, _Expressed]) -> dict[str, Any]:
        settings = self.record.settings
        return {
            "tenantId": self.tenant_id,
            "owner": self.owner.email or self.owner.id,
            "targets": [target.value for target in settings.targets] if settings else [],
            "platforms": [platform.value for platform in settings.platforms] if settings else [],
            "deletionPolicy": "Retain",
            **{one.provider.member: _plain(one.member) for one in expressed.values()},
        }

    @property
    def owner(self) -> Owner:
        """The Owner in whose name most rows stand, then who completed the setup, then any."""
        counts = Counter(row.configured_by for row in self.record.integrations.values())
        completed_by = self.record.settings.completed_by if self.record.settings else None
        return max(self.owners, key=lambda one: (counts[one.id], one.id == completed_by))

    def _credentials(
        self, spec: Spec, expressed: Mapping[IntegrationType, _Expressed]
    ) -> Mapping[IntegrationType, Credential | str]:
        """Read what would be applied as the operator will read it."""
        data = {one.secret.name: one.secret.values for one in expressed.values() if one.secret}
        found: dict[IntegrationType, Credential | str] = {}
        for member in declarations(spec):
            if isinstance(member, InvalidMember):
                if member.type is not None:
                    found[member.type] = "; ".join(member.problems)
                continue
            values = data.get(member.secret_ref.name, {})
            raw = {name: SecretBytes(value.get_secret_value().encode()) for name, value in values.items()}
            credential = read_credential(member, raw)
            found[member.type] = credential if isinstance(credential, Credential) else credential.detail
        return found

    def _flawed(
        self, raw: Mapping[str, Any], expressed: Mapping[IntegrationType, _Expressed]
    ) -> dict[IntegrationType, str]:
        spec = parse_spec({**raw, "targets": [], "platforms": []})
        assert isinstance(spec, Spec)  # noqa: S101 - every field of it was made here
        found = self._credentials(spec, expressed)
        flawed = {kind: why for kind, why in found.items() if isinstance(why, str)}
        if flawed or self.allow_changes:
            return flawed
        whole = parse_spec(raw)
        desired = self._desired(whole if isinstance(whole, Spec) else spec, expressed)
        rows = {row.type: self._difference(row) for row in desired.integrations}
        return {kind: f"would change: {', '.join(what)}" for kind, what in rows.items() if what}

    def _desired(self, spec: Spec, expressed: Mapping[IntegrationType, _Expressed]) -> DesiredRows:
        """Return what the operator would write once everything is proved."""
        found = self._credentials(spec, expressed)
        declared = tuple(
            Declared(kind, one, fingerprint="-") for kind, one in found.items() if isinstance(one, Credential)
        )
        setup = ReleaseSetup(key=Key("-", "-"), uid="-", generation=1, created_at=self.now, spec=spec)
        observed = Observed(
            setup=setup,
            spec=spec,
            previous=Status(),
            namespace_tenant=self.tenant_id,
            rivals=(),
            holder=None,
            record=replace(self.record, permission=Permission.OWNER, account_id=self.owner.id, claim=None),
            declared=declared,
        )
        rows = decide(observed, Rules(), {one.type: Verified() for one in declared}, self.now).rows
        assert rows is not None  # noqa: S101 - nothing here can be refused
        return rows

    def _difference(self, wanted: DesiredIntegration) -> list[str]:
        stands = self.record.integrations[wanted.type]
        columns = {
            "isEnabled": (stands.enabled, wanted.enabled),
            "isRequired": (stands.required, wanted.required),
            "configuredByAccountId": (stands.configured_by, wanted.configured_by),
        }
        found = [name for name, (is_, will_be) in columns.items() if is_ != will_be]
        config = wanted.config or {}
        names = sorted(config.keys() | stands.config.keys())
        return found + [f"config.{name}" for name in names if self._differs(name, stands.config, config)]

    def _differs(self, name: str, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
        here = {name: stored[name]} if name in stored else {}
        there = {name: wanted[name]} if name in wanted else {}
        try:
            return not self.sealer.same_config(here, there)
        except CannotOpen:
            return True  # stands in clear, and would be sealed

    def _changes(self, spec: Spec, expressed: Mapping[IntegrationType, _Expressed]) -> Iterable[str]:
        desired = self._desired(spec, expressed)
        for row in desired.integrations:
            if what := self._difference(row):
                yield f"{row.type}: {', '.join(what)}"
        stands, wanted = self.record.settings, desired.settings
        if stands is None:
            yield "tenant_release_settings: a row is made"
        elif wanted is not None:
            pairs = {
                "setupComplete": (stands.setup_complete, wanted.setup_complete),
                "setupCompletedAt": (stands.completed_at, wanted.completed_at),
                "setupCompletedByAccountId": (stands.completed_by, wanted.completed_by),
                **{
                    name: (getattr(stands.steps, key), getattr(wanted.steps, key))
                    for key, name in _STEPS.items()
                },
            }
            changed = [name for name, (is_, will_be) in pairs.items() if is_ != will_be]
            if changed:
                yield f"tenant_release_settings: {', '.join(changed)}"


_STEPS = {
    "github_connected": "githubConnected",
    "target_platforms_configured": "targetPlatformsConfigured",
    "platform_credentials_configured": "platformCredentialsConfigured",
    "cicd_configured": "cicdConfigured",
    "slack_configured": "slackConfigured",
}


def _unnested(provider: Provider[Any, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's config with the credential's fields beside the parts in which they stand."""
    flat = {name: dict(value) if isinstance(value, Mapping) else value for name, value in config.items()}
    for name, part in provider.parts.items():
        if isinstance(flat.get(part), dict) and name in flat[part]:
            flat[name] = flat[part].pop(name)
    return flat


def _with_host(secret: WantedSecret, credential: Credential | str | None) -> WantedSecret:
    """Have the Secret name the host that it is for, where the tenant chose that."""
    if not isinstance(credential, Credential):
        return secret
    declaration = credential.declaration
    host = declaration.provider.tenant_chosen_host(declaration.config)
    return replace(secret, allowed_host=host.removesuffix(":443")) if host else secret


def unproved(record: TenantRecord) -> tuple[IntegrationType, ...]:
    """Return the types whose rows do not say VALID, which the first proof may change."""
    rows = record.integrations.values()
    return tuple(sorted(row.type for row in rows if row.status is not VerificationStatus.VALID))


def _is_sealed(value: object) -> bool:
    return isinstance(value, str) and looks_sealed(value)


def _plain(value: Any) -> Any:
    """Return a member of the spec as it is written; what stands in it is no secret."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return value
