"""The ReleaseSetup resource as typed, frozen values: what a tenant declared, parsed once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

GROUP = "release.delivr.live"
VERSION = "v1"
PLURAL = "releasesetups"
KIND = "ReleaseSetup"
FINALIZER = f"{GROUP}/rows"
TENANT_ANNOTATION = f"{GROUP}/tenant-id"
REQUESTED_AT_ANNOTATION = f"{GROUP}/requestedAt"
ALLOWED_HOSTS_ANNOTATION = f"{GROUP}/allowed-hosts"

TENANT_ID = r"^[0-9A-Za-z_-]{1,36}$"
DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
"""A namespace's name as the API server takes it (RFC 1123)."""
MIN_INTERVAL = timedelta(minutes=1)
MAX_INTERVAL = timedelta(hours=24)


class Target(StrEnum):
    """A store that releases go to."""

    APP_STORE = "APP_STORE"
    PLAY_STORE = "PLAY_STORE"


class Platform(StrEnum):
    """A platform that the tenant builds for."""

    IOS = "IOS"
    ANDROID = "ANDROID"
    WEB = "WEB"


PLATFORM_OF = MappingProxyType({Target.APP_STORE: Platform.IOS, Target.PLAY_STORE: Platform.ANDROID})
"""The platform that each store is for."""


class DeletionPolicy(StrEnum):
    """What happens to the rows when the resource goes."""

    DELETE = "Delete"
    RETAIN = "Retain"


class Frozen(BaseModel):
    """A camelCase value that cannot change and whose errors do not repeat its input."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
        extra="forbid",
    )


class Steps(Frozen):
    """The plan's five setup steps, in its JSON under its own names."""

    model_config = ConfigDict(extra="ignore")

    github_connected: bool = False
    target_platforms_configured: bool = False
    platform_credentials_configured: bool = False
    cicd_configured: bool = False
    slack_configured: bool = False


def parse_duration(text: object) -> object:
    """Turn `1h30m` into a timedelta; leave anything else for pydantic to refuse."""
    if not isinstance(text, str):
        return text
    if not re.fullmatch(r"([0-9]{1,6}[smh]){1,10}", text):  # more could pass the year 9999
        raise ValueError("must look like 30m, 1h or 1h30m")
    unit = {"s": 1, "m": 60, "h": 3600}
    return timedelta(seconds=sum(int(n) * unit[u] for n, u in re.findall(r"([0-9]+)([smh])", text)))


class SecretRef(Frozen):
    """A Secret in the resource's own namespace; `keys` renames config fields to Secret keys."""

    name: str
    keys: Mapping[str, str] = Field(default_factory=dict)


class Spec(Frozen):
    """What the tenant declared; integration members stay raw until their provider parses them."""

    model_config = ConfigDict(extra="allow")

    tenant_id: Annotated[str, Field(pattern=TENANT_ID)]
    owner: Annotated[str, Field(min_length=1, max_length=255)]
    targets: tuple[Target, ...] = ()
    platforms: tuple[Platform, ...] = ()
    interval: Annotated[
        timedelta, BeforeValidator(parse_duration), Field(ge=MIN_INTERVAL, le=MAX_INTERVAL)
    ] = timedelta(hours=1)
    suspend: bool = False
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE

    @model_validator(mode="after")
    def _targets_have_their_platforms(self) -> Self:
        """Hold what the CRD's rules hold, for `check` and for resources older than a rule."""
        for target, platform in PLATFORM_OF.items():
            if target in self.targets and platform not in self.platforms:
                raise ValueError(f"target {target} needs platform {platform}: add it to platforms")
        return self

    @property
    def members(self) -> Mapping[str, Any]:
        """The integration members as written, by their name in the spec."""
        return self.model_extra or {}


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Where one object stands; another may stand there later, which only the uid tells."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class InvalidSpec(Frozen):
    """A spec that the API server let through but that cannot be read; problems name fields only.

    What deleting it does to its rows is read for itself; where not even that can be, the rows stay.
    """

    problems: tuple[str, ...]
    suspend: bool = False
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN


class ReleaseSetup(Frozen):
    """One observed ReleaseSetup; `status` is the previous status as written, parsed by its owner."""

    key: Key
    uid: str
    generation: int
    created_at: datetime
    resource_version: str = ""
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    requested_at: str | None = None
    spec: Spec | InvalidSpec
    raw_spec: Any = Field(default=None, repr=False)
    """What `spec` was read from, where that was an object of the API server's."""
    raw_status: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def tenant(self) -> str:
        """The tenant that it declares; empty where the spec cannot be read."""
        return self.spec.tenant_id if isinstance(self.spec, Spec) else ""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read a ReleaseSetup as the API server sends it."""
        metadata = body["metadata"]
        key, resource_version = key_and_version(body)
        return cls(
            key=key,
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            created_at=metadata["creationTimestamp"],
            resource_version=resource_version,
            deleting="deletionTimestamp" in metadata,
            finalizers=tuple(metadata.get("finalizers") or ()),
            requested_at=(metadata.get("annotations") or {}).get(REQUESTED_AT_ANNOTATION),
            spec=parse_spec(body.get("spec")),
            raw_spec=body.get("spec"),
            raw_status=body.get("status") or {},
        )

    def as_body(self) -> Mapping[str, Any]:
        """Return what `parse` read, and nothing that it left out."""
        metadata = {
            "namespace": self.key.namespace,
            "name": self.key.name,
            "uid": self.uid,
            "generation": self.generation,
            "creationTimestamp": self.created_at,
            "resourceVersion": self.resource_version,
            "finalizers": self.finalizers,
            "annotations": {REQUESTED_AT_ANNOTATION: self.requested_at},
            **({"deletionTimestamp": True} if self.deleting else {}),
        }
        return {"metadata": metadata, "spec": self.raw_spec, "status": self.raw_status}


def key_and_version(body: Mapping[str, Any]) -> tuple[Key, str]:
    """Read where an object stands and which version of it this is, and nothing else."""
    metadata = body["metadata"]
    return Key(metadata["namespace"], metadata["name"]), metadata.get("resourceVersion", "")


def allowed_hosts(annotations: Mapping[str, str] | None) -> frozenset[str]:
    """Return the hosts that a Secret's annotation allows its values to be sent to."""
    listed = (annotations or {}).get(ALLOWED_HOSTS_ANNOTATION, "")
    return frozenset(host.strip().lower() for host in listed.split(",") if host.strip())


def parse_spec(raw: object) -> Spec | InvalidSpec:
    """Read a spec, or say which fields are wrong without repeating their values."""
    try:
        return Spec.model_validate(raw)
    except ValidationError as error:
        fields: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {"deletionPolicy": None}
        policy = fields.get("deletionPolicy", DeletionPolicy.DELETE)
        return InvalidSpec(
            problems=problems_of(error, "spec"),
            suspend=fields.get("suspend", False) is not False,
            deletion_policy=next((one for one in DeletionPolicy if one == policy), DeletionPolicy.RETAIN),
        )


def problems_of(error: ValidationError, root: str) -> tuple[str, ...]:
    """Name each wrong field and pydantic's own sentence about it, without the input."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return tuple(
        f"{'.'.join([root, *map(str, e['loc'])])}: {e['msg'].removeprefix('Value error, ')}" for e in found
    )
