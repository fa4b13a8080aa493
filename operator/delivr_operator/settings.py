"""Every setting of the operator: read from the environment once, checked, shown without secrets."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from delivr_operator.outcome import IntegrationType
from delivr_operator.providers.exchange import Endpoints
from delivr_operator.sealing import Envelope, Sealer
from delivr_operator.setting_values import (
    CATEGORIES,
    PLAN,
    CertificateFile,
    DriftInterval,
    Duration,
    Hosts,
    HttpsUrl,
    IPNetwork,
    Milliseconds,
    MysqlAddress,
    Passphrase,
    Projections,
    SealingKey,
    Switch,
    network,
)

_ADDRESSES = Endpoints()


class SettingsError(ValueError):
    """One sentence a line, each naming the variable to mend; never a value."""


class _Environment(BaseModel):
    """Fields are named after their environment variables; an error names the variable, never a value."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=str.upper,
        populate_by_name=True,
        hide_input_in_errors=True,
        extra="ignore",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from `environment`; an empty variable counts as not set.

        Raises:
            SettingsError: every wrong variable, each with what to do.
        """
        known = {name.upper() for name in cls.model_fields}
        given = {name: value for name, value in environment.items() if value != "" and name in known}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError("\n".join(_sentences(error))) from None


class ProbeSettings(_Environment):
    """What asking the providers needs; enough for `check`, which has no cluster and no database."""

    github_api_rate_limit: Annotated[int, Field(ge=1, le=1_000_000)] = 5000
    """Requests an hour that the operator spends with one GitHub credential at most."""
    appstore_connect_timeout: Milliseconds = timedelta(seconds=30)
    """How long one App Store Connect request may take."""
    playstore_api_timeout: Milliseconds = timedelta(seconds=30)
    """How long one Google request may take."""

    enable_jenkins_integration: Switch = True
    enable_github_actions_integration: Switch = True
    enable_slack_integration: Switch = True

    github_api_url: HttpsUrl = _ADDRESSES.github
    app_store_connect_api_url: HttpsUrl = _ADDRESSES.app_store_connect
    play_store_api_url: HttpsUrl = _ADDRESSES.play_store
    google_token_url: HttpsUrl = _ADDRESSES.google_token
    slack_api_url: HttpsUrl = _ADDRESSES.slack
    microsoft_login_url: HttpsUrl = _ADDRESSES.microsoft_login
    microsoft_graph_url: HttpsUrl = _ADDRESSES.microsoft_graph
    gitlab_api_url: HttpsUrl = _ADDRESSES.gitlab
    bitbucket_api_url: HttpsUrl = _ADDRESSES.bitbucket
    firebase_api_url: HttpsUrl = _ADDRESSES.firebase
    cloud_resource_manager_url: HttpsUrl = _ADDRESSES.cloud_resource_manager
    linear_api_url: HttpsUrl = _ADDRESSES.linear
    extra_ca_file: CertificateFile | None = None
    """PEM file of certificate authorities trusted beside the system's."""
    trusted_hosts: Hosts = ()
    """Host names and CIDRs that tenants' addresses may point at although the guard would refuse them."""

    @property
    def endpoints(self) -> Endpoints:
        """Where the providers are."""
        return Endpoints(
            github=self.github_api_url,
            app_store_connect=self.app_store_connect_api_url,
            play_store=self.play_store_api_url,
            google_token=self.google_token_url,
            slack=self.slack_api_url,
            microsoft_login=self.microsoft_login_url,
            microsoft_graph=self.microsoft_graph_url,
            gitlab=self.gitlab_api_url,
            bitbucket=self.bitbucket_api_url,
            firebase=self.firebase_api_url,
            cloud_resource_manager=self.cloud_resource_manager_url,
            linear=self.linear_api_url,
        )

    @property
    def trusted_names(self) -> frozenset[str]:
        """The host names among TRUSTED_HOSTS, in lower case."""
        return frozenset(entry.lower() for entry in self.trusted_hosts if network(entry) is None)

    @property
    def trusted_networks(self) -> tuple[IPNetwork, ...]:
        """The addresses and ranges among TRUSTED_HOSTS."""
        return tuple(found for entry in self.trusted_hosts if (found := network(entry)) is not None)

    @property
    def disabled_types(self) -> frozenset[IntegrationType]:
        """The integration types that are switched off."""
        switches = {
            IntegrationType.JENKINS: self.enable_jenkins_integration,
            IntegrationType.GITHUB_ACTIONS: self.enable_github_actions_integration,
            IntegrationType.SLACK: self.enable_slack_integration,
        }
        return frozenset(kind for kind, enabled in switches.items() if not enabled)


class DatabaseSettings(_Environment):
    """What reading and migrating the tables needs."""

    database_url: MysqlAddress
    """SQLAlchemy address of Delivr's database, `mysql+pymysql://user:password@host:port/name`."""


class Settings(ProbeSettings, DatabaseSettings):
    """Everything that the running operator needs."""

    integration_encryption_key: SealingKey
    """The plan's key: seals every credential in `tenant_integrations.config`."""
    integration_encryption_key_previous: SealingKey | None = None
    """Opens what is still sealed with it while rotate-key is under way; nothing new is sealed with it."""
    integration_encryption_envelope: Envelope = Envelope.HEX
    """Which envelope new credentials are sealed in; either is opened."""
    backend_storage_encryption_key: Passphrase | None = None
    """Needed only with the envelope `pbkdf2-base64`."""
    backend_storage_encryption_key_previous: Passphrase | None = None
    """As INTEGRATION_ENCRYPTION_KEY_PREVIOUS, for that envelope."""

    projections: Projections = (PLAN,)
    """Which tables the setup is shown in: the plan's always, with `delivr` today's per-category ones too."""

    max_staleness: Duration = timedelta(hours=24)
    """How long a proof holds without a definite answer before Ready becomes Unknown."""
    status_heartbeat: Duration = timedelta(hours=1)
    """How often an unchanged status is written again for lastVerifiedAt; 0s: never."""
    recheck_interval: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(minutes=1)
    """How soon a cause that no watch can tell of (an owner's role, the database) is looked at again."""
    drift_interval: DriftInterval = timedelta()
    """How soon rows that somebody changed are put right; 0s: when the resource is next looked at anyway."""
    metrics_per_resource: Switch = True
    """Whether /metrics has series for each ReleaseSetup: ready, its oldest proof, its credentials' ends."""
    pass_deadline: Annotated[Duration, Field(ge=timedelta(seconds=15), le=timedelta(hours=1))] = timedelta(
        minutes=2
    )
    """How long one look at a resource may take; /healthz fails where work does not move for twice as long."""
    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """How many resources are reconciled at once, beside those that a provider has kept for a second."""

    @model_validator(mode="after")
    def _envelope_has_its_key(self) -> Self:
        if (
            self.integration_encryption_envelope is Envelope.PBKDF2
            and not self.backend_storage_encryption_key
        ):
            raise ValueError(
                "BACKEND_STORAGE_ENCRYPTION_KEY must be set (32 characters or more) when "
                "INTEGRATION_ENCRYPTION_ENVELOPE is pbkdf2-base64"
            )
        if CATEGORIES in self.projections and not self.backend_storage_encryption_key:
            raise ValueError(
                f"BACKEND_STORAGE_ENCRYPTION_KEY must be set when PROJECTIONS has {CATEGORIES}: "
                "Delivr's own, with which it opens those tables"
            )
        return self

    @property
    def category_sealer(self) -> Sealer | None:
        """What seals credentials in the per-category tables; None where these are not written."""
        if CATEGORIES not in self.projections:
            return None
        # Without the previous passphrase: Delivr has only one, so what it cannot open is sealed anew.
        return Sealer(None, self.backend_storage_encryption_key, Envelope.PBKDF2)

    @property
    def changes_keys(self) -> bool:
        """Whether a key is being changed."""
        return bool(self.integration_encryption_key_previous or self.backend_storage_encryption_key_previous)

    @property
    def sealer(self) -> Sealer:
        """What seals and opens credentials."""
        formerly = (self.integration_encryption_key_previous, self.backend_storage_encryption_key_previous)
        hex_key, passphrase = formerly
        kind = Envelope.PBKDF2 if hex_key is None else Envelope.HEX
        previous = Sealer(hex_key, passphrase, kind) if any(formerly) else None
        return Sealer(
            self.integration_encryption_key,
            self.backend_storage_encryption_key,
            self.integration_encryption_envelope,
            previous,
        )


def _sentences(error: ValidationError) -> list[str]:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return [_sentence(tuple(map(str, e["loc"])), e["type"], e["msg"]) for e in found]


def _sentence(place: tuple[str, ...], kind: str, message: str) -> str:
    plain = message.removeprefix("Value error, ")
    if not place:
        return plain
    return f"{place[0]} must be set" if kind == "missing" else f"{place[0]}: {plain}"
