"""The tenant's rows as typed, frozen values: what the tables hold and what they should hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from pydantic import SecretStr

from delivr_operator.outcome import IntegrationType, VerificationStatus
from delivr_operator.resource import Platform, Steps, Target

Clear: TypeAlias = "str | int | bool | list[Clear] | dict[str, Clear] | None"
Config: TypeAlias = Mapping[str, "Clear | SecretStr | Config"]
"""One row's config object: secret leaves are SecretStr and are sealed on the line that writes them."""


class Permission(StrEnum):
    """A person's highest tenant-level permission in `collaborators`."""

    OWNER = "Owner"
    EDITOR = "Editor"
    VIEWER = "Viewer"
    NONE = "None"


@dataclass(frozen=True, slots=True)
class SettingsRow:
    """A row of `tenant_release_settings`, less its id and timestamps."""

    steps: Steps
    setup_complete: bool
    completed_at: datetime | None
    completed_by: str | None
    targets: tuple[Target, ...]
    platforms: tuple[Platform, ...]


@dataclass(frozen=True, slots=True)
class DesiredIntegration:
    """How one row of `tenant_integrations` should read.

    `config` is None when the declared credential cannot be read now: the stored config then stays as
    it is, and no row is created.
    """

    type: IntegrationType
    enabled: bool
    required: bool
    config: Config | None
    configured_by: str
    last_verified_at: datetime | None
    status: VerificationStatus


@dataclass(frozen=True, slots=True)
class StoredIntegration:
    """How one row of `tenant_integrations` reads; `config` still holds sealed fields as text."""

    type: IntegrationType
    enabled: bool
    required: bool
    config: Mapping[str, Clear] = field(repr=False)
    configured_by: str
    last_verified_at: datetime | None
    status: VerificationStatus


@dataclass(frozen=True, slots=True)
class Claim:
    """Which ReleaseSetup, at which generation, the tenant's rows come from, and which types it wrote."""

    uid: str
    namespace: str
    name: str
    created_at: datetime
    generation: int
    types: frozenset[IntegrationType]


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """Everything the database says of one tenant, read in one transaction."""

    exists: bool
    account_id: str | None
    permission: Permission
    settings: SettingsRow | None
    integrations: Mapping[IntegrationType, StoredIntegration]
    claim: Claim | None


@dataclass(frozen=True, slots=True)
class DesiredRows:
    """How a tenant's rows should read after this pass.

    `settings` None: create no settings row, leave one that stands. `removed` rows are deleted,
    `disabled` rows only lose isEnabled. Types in none of the three are never touched.
    """

    tenant_id: str
    claim: Claim
    settings: SettingsRow | None
    integrations: tuple[DesiredIntegration, ...]
    removed: frozenset[IntegrationType] = frozenset()
    disabled: frozenset[IntegrationType] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to say yet."""
        return self.settings is None and not self.integrations
