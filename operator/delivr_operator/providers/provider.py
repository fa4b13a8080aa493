"""What every provider is: one frozen value that says how its integration is declared, asked and judged."""

import builtins
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from pydantic import SecretBytes, SecretStr

from delivr_operator.outcome import IntegrationType, Outcome
from delivr_operator.providers.exchange import Endpoints, Exchange, Response
from delivr_operator.resource import Frozen
from delivr_operator.verification import EXPIRY_NOTICES


class Secrets(Frozen):
    """A credential's fields, each closed; names are those of the Secret's keys and of the row's config."""


C = TypeVar("C", bound=Frozen)
S = TypeVar("S", bound=Secrets)


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a value from a Secret and what to do, in the operator's own words."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """A Secret key that holds all of a credential's fields at once, such as a downloaded key file."""

    name: str
    unpack: Callable[[SecretStr], Mapping[str, SecretStr] | Flaw]


def _chosen_by_the_operator(_: Frozen) -> None:
    return None


def _none_of_them(_: Frozen) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class Provider(Generic[C, S]):
    """One integration type.

    Attributes:
        type: the plan's name of it.
        member: its member in the spec.
        sealed: config fields, by their JSON names, that are sealed in the row.
        permissions: what a person has to grant, for people.
        hosts: every `host:port` that `probe` talks to.
        probe: asks read-only; no retries, no logging, no clock but `exchange.now`.
        judge: the verdict on one answer about the declared target; total.
        tenant_chosen_host: the `host:port` that a tenant chose, if this type has one.
        inherits: the type whose fields stand in for those that are not named.
        bundle: another way to write the credential.
        optional: credential fields that a Secret may hold beside the required ones.
        wanted: those of the optional fields that this config cannot do without.
        readers: how a Secret's value is read where it is not a line of text, by credential field.
        parts: the member of the config that a credential field belongs to, and stands in in the row; without
            that member the field is not looked at.
        local: whether nobody is asked: the verdict follows from what is declared, so that a "no" needs no
            second one.
        notices: how long before its end a credential is said to expire soon, once for each.
    """

    type: IntegrationType
    member: str
    config: builtins.type[C]
    secrets: builtins.type[S]
    sealed: frozenset[str]
    permissions: tuple[str, ...]
    hosts: Callable[[C, Endpoints], frozenset[str]]
    probe: Callable[[Exchange, C, S], Awaitable[Outcome]]
    judge: Callable[[Response], Outcome]
    tenant_chosen_host: Callable[[C], str | None] = _chosen_by_the_operator
    inherits: IntegrationType | None = None
    bundle: Bundle | None = None
    optional: tuple[str, ...] = ()
    wanted: Callable[[C], frozenset[str]] = _none_of_them
    readers: Mapping[str, Callable[[SecretBytes], SecretStr | Flaw]] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    local: bool = False
    notices: tuple[timedelta, ...] = EXPIRY_NOTICES

    @property
    def config_fields(self) -> tuple[str, ...]:
        """The JSON names of the fields that the spec holds."""
        return tuple(str(field.alias) for field in self.config.model_fields.values())

    @property
    def required_fields(self) -> tuple[str, ...]:
        """The JSON names of the fields that the spec must hold."""
        fields = self.config.model_fields.values()
        return tuple(str(field.alias) for field in fields if field.is_required())

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """The JSON names of the credential's fields that a Secret must hold."""
        fields = self.secrets.model_fields.values()
        return tuple(str(field.alias) for field in fields if field.is_required())

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """Every name under which a Secret may hold something of this credential."""
        return (*self.secret_fields, *self.optional, *([self.bundle.name] if self.bundle else []))
