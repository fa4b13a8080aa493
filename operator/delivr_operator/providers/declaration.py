"""PURE: the integrations that a spec declares, and the credentials that their Secrets hold."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretBytes, SecretStr, ValidationError

from delivr_operator.outcome import Doubt, IntegrationType, Rejected, Rejection, Unknown
from delivr_operator.providers import PROVIDERS, provider_of_member, provider_of_type
from delivr_operator.providers.exchange import Endpoints
from delivr_operator.providers.provider import Flaw, Provider, Secrets
from delivr_operator.providers.secret_shapes import line
from delivr_operator.resource import Frozen, SecretRef, Spec, problems_of
from delivr_operator.rows import Config

_SECRET_REF = "secretRef"  # noqa: S105 - a field's name


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared integration; fields named in `inherited` come from another member of the spec."""

    provider: Provider[Any, Any]
    config: Frozen
    secret_ref: SecretRef
    inherited: frozenset[str] = frozenset()

    @property
    def type(self) -> IntegrationType:
        """The plan's name of this integration."""
        return self.provider.type


@dataclass(frozen=True, slots=True)
class InvalidMember:
    """A member that cannot be read; problems name fields and what to do, never values."""

    member: str
    type: IntegrationType | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Credential:
    """A declaration together with what its Secret holds: enough to ask the provider."""

    declaration: Declaration
    secrets: Secrets = field(repr=False)

    @property
    def type(self) -> IntegrationType:
        """The plan's name of this integration."""
        return self.declaration.type

    def row_config(self) -> Config:
        """Return the config object of this integration's row, as the plan shapes it."""
        declaration = self.declaration
        config = declaration.config.model_dump(mode="json", by_alias=True, exclude_none=True)
        closed: dict[str, SecretStr] = self.secrets.model_dump(by_alias=True, exclude_none=True)
        credential = {
            name: value if name in declaration.provider.sealed else value.get_secret_value()
            for name, value in closed.items()
        }
        for name, part in declaration.provider.parts.items():
            if name in credential:
                config[part][name] = credential.pop(name)
        return _sorted(
            {
                name: value
                for name, value in (credential | config).items()
                if name not in declaration.inherited
            }
        )

    def fingerprint_text(self) -> bytes:
        """Return canonical bytes that differ wherever config or credential differ; they are as secret."""
        declaration = self.declaration
        config = declaration.config.model_dump(mode="json", by_alias=True)
        return _canonical([declaration.type.value, config, _opened(self.secrets)])

    def target_key(self) -> str:
        """Return what tells one question to the provider from another with the same credential."""
        config = self.declaration.config.model_dump(mode="json", by_alias=True)
        return hashlib.sha256(_canonical([self.type.value, config])).hexdigest()

    def budget_key(self, endpoints: Endpoints) -> str:
        """Return what this credential's use is counted under, for memory only."""
        declaration = self.declaration
        hosts = sorted(declaration.provider.hosts(declaration.config, endpoints))
        return f"{','.join(hosts)} {hashlib.sha256(_canonical(_opened(self.secrets))).hexdigest()}"


def _sorted(config: Config) -> Config:
    return {
        name: _sorted(value) if isinstance(value, Mapping) else value
        for name, value in sorted(config.items())
    }


def declarations(spec: Spec) -> tuple[Declaration | InvalidMember, ...]:
    """Return what the spec declares, in the order of the provider table, then what nobody knows."""
    members = spec.members
    known = [_declared(provider, members) for provider in PROVIDERS if provider.member in members]
    unknown = [_unknown_member(name) for name in members if provider_of_member(name) is None]
    return (*known, *unknown)


def _unknown_member(name: str) -> InvalidMember:
    names = ", ".join(provider.member for provider in PROVIDERS)
    sentence = f"spec.{name}: there is no such field; the integrations are {names}"
    return InvalidMember(name, None, (sentence,))


def _declared(provider: Provider[Any, Any], members: Mapping[str, Any]) -> Declaration | InvalidMember:
    raw = members[provider.member]
    if not isinstance(raw, Mapping):
        return InvalidMember(provider.member, provider.type, (f"spec.{provider.member}: must be an object",))
    given = {name: value for name, value in raw.items() if value is not None}
    if provider.inherits is None:
        return _parsed(provider, given, frozenset())
    parent = provider_of_type(provider.inherits)
    needed = frozenset(parent.required_fields) | {_SECRET_REF}
    inheritable = needed | frozenset(parent.config_fields)
    if needed <= given.keys():
        return _parsed(provider, given, frozenset())
    if inheritable & given.keys():
        sentence = f"spec.{provider.member}: name all of {_listed(needed)}, or none of them"
        return InvalidMember(provider.member, provider.type, (sentence,))
    return _inheriting(provider, parent, given, members)


def _inheriting(
    provider: Provider[Any, Any],
    parent: Provider[Any, Any],
    given: Mapping[str, Any],
    members: Mapping[str, Any],
) -> Declaration | InvalidMember:
    here, there = f"spec.{provider.member}", f"spec.{parent.member}"
    if members.get(parent.member) is None:
        needed = _listed({*parent.required_fields, _SECRET_REF})
        sentence = f"{here}: declare {there}, whose repository and token it uses, or name its own {needed}"
        return InvalidMember(provider.member, provider.type, (sentence,))
    stands = _declared(parent, members)
    if isinstance(stands, InvalidMember):
        sentence = f"{here}: uses {there}, which cannot be read: mend that"
        return InvalidMember(provider.member, provider.type, (sentence,))
    names = frozenset(parent.config_fields)
    lent = stands.config.model_dump(mode="json", by_alias=True)
    reference = stands.secret_ref.model_dump(mode="json", by_alias=True)
    return _parsed(provider, {**given, **lent, _SECRET_REF: reference}, names | set(parent.secret_fields))


def _parsed(
    provider: Provider[Any, Any], given: Mapping[str, Any], inherited: frozenset[str]
) -> Declaration | InvalidMember:
    root = f"spec.{provider.member}"
    config = _validated(provider.config, {k: v for k, v in given.items() if k != _SECRET_REF}, root)
    reference = _validated(SecretRef, given.get(_SECRET_REF), f"{root}.{_SECRET_REF}")
    problems = [*_problems(config), *_problems(reference)]
    if isinstance(reference, SecretRef):
        names = {*provider.secret_keys}
        problems += [
            f"{root}.{_SECRET_REF}.keys.{name}: no field of this credential; its fields are {_listed(names)}"
            for name in sorted(reference.keys.keys() - names)
        ]
    if problems or not isinstance(config, Frozen) or not isinstance(reference, SecretRef):
        return InvalidMember(provider.member, provider.type, tuple(problems))
    return Declaration(provider, config, reference, inherited)


def _validated(model: type[Frozen], value: object, root: str) -> Frozen | tuple[str, ...]:
    if not isinstance(value, Mapping):
        return (f"{root}: must be given as an object",)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        return problems_of(error, root)


def _problems(parsed: Frozen | tuple[str, ...]) -> tuple[str, ...]:
    return parsed if isinstance(parsed, tuple) else ()


def _listed(names: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(names))


def read_credential(
    declaration: Declaration, data: Mapping[str, SecretBytes]
) -> Credential | Rejected | Unknown:
    """Return what the Secret holds for this declaration, or which of its keys to add or to mend."""
    given = _texts(declaration, data)
    if isinstance(given, Rejected):
        return given
    fields = _unbundled(declaration, given)
    if isinstance(fields, Rejected):
        return fields
    wanted = declaration.provider.wanted(declaration.config)
    for name in (*declaration.provider.secret_fields, *sorted(wanted)):
        if name not in fields:
            return _missing(declaration, name)
    try:
        return Credential(declaration, declaration.provider.secrets.model_validate(fields))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        return _flawed(declaration, str(first["loc"][0]), first["msg"].removeprefix("Value error, "))


def _texts(declaration: Declaration, data: Mapping[str, SecretBytes]) -> dict[str, SecretStr] | Rejected:
    texts: dict[str, SecretStr] = {}
    provider = declaration.provider
    for name in provider.secret_keys:
        raw = data.get(_key(declaration, name))
        if raw is None or not _is_declared(declaration, name):
            continue
        text = provider.readers.get(name, line)(raw)
        if isinstance(text, Flaw):
            return _flawed(declaration, name, text.sentence)
        texts[name] = text
    return texts


def _is_declared(declaration: Declaration, name: str) -> bool:
    """Tell whether the part of the config that a field belongs to is declared."""
    part = declaration.provider.parts.get(name)
    return part is None or getattr(declaration.config, part) is not None


def _unbundled(
    declaration: Declaration, given: Mapping[str, SecretStr]
) -> Mapping[str, SecretStr] | Rejected:
    bundle = declaration.provider.bundle
    if bundle is None or bundle.name not in given:
        return given
    unpacked = bundle.unpack(given[bundle.name])
    if isinstance(unpacked, Flaw):
        return _flawed(declaration, bundle.name, unpacked.sentence)
    beside = {name: value for name, value in given.items() if name != bundle.name}
    if any(unpacked.get(name) != value for name, value in beside.items()):
        return _flawed(
            declaration, bundle.name, f"says otherwise than {_listed(set(beside))}: keep only one of them"
        )
    return unpacked


def _key(declaration: Declaration, name: str) -> str:
    return declaration.secret_ref.keys.get(name, name)


def _missing(declaration: Declaration, name: str) -> Unknown:
    bundle = declaration.provider.bundle
    other = f" (or {_key(declaration, bundle.name)} with all of it)" if bundle else ""
    secret = declaration.secret_ref.name
    return Unknown(
        Doubt.SECRET_KEY_MISSING, f"Secret {secret} lacks the key {_key(declaration, name)}{other}: add it."
    )


def _flawed(declaration: Declaration, name: str, sentence: str) -> Rejected:
    where = f"Key {_key(declaration, name)} of Secret {declaration.secret_ref.name}"
    return Rejected(Rejection.MISCONFIGURED, f"{where} {sentence}.")


def _opened(secrets: Secrets) -> dict[str, str | None]:
    closed: dict[str, SecretStr | None] = {
        name: getattr(secrets, name) for name in type(secrets).model_fields
    }
    return {name: None if value is None else value.get_secret_value() for name, value in closed.items()}


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
