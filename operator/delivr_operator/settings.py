"""Every setting of the operator: read from the environment once, checked, shown without secrets."""

import re
import ssl
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from delivr_operator.outcome import IntegrationType
from delivr_operator.providers.exchange import Endpoints
from delivr_operator.resource import parse_duration
from delivr_operator.sealing import Envelope, Sealer

PASSPHRASE_LENGTH = 32
IPNetwork = IPv4Network | IPv6Network


class SettingsError(ValueError):
    """One sentence a line, each naming the variable to mend; never a value."""


_DATABASE_OPTIONS = frozenset(
    {"charset", "ssl_ca", "ssl_capath", "ssl_cert", "ssl_check_hostname", "ssl_cipher", "ssl_key"}
)
_WRITTEN = r"(?:[^\s:@/?#\[\]%]|%[0-9A-Fa-f]{2})"
_MYSQL_ADDRESS = re.compile(
    rf"mysql\+pymysql://{_WRITTEN}+(?::{_WRITTEN}*)?@(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?"
    rf"/{_WRITTEN}+(?:\?[^\s#]*)?"
)


def _split(value: str) -> SplitResult | None:
    """Split an address, or return None; the standard library's own complaint would repeat the value."""
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable and value.isprintable() and " " not in value else None


def _https(value: str) -> str:
    parts = _split(value)
    if not parts or parts.scheme != "https" or "@" in parts.netloc or set(value) & set("?#"):
        raise ValueError("must be an https:// address without user, query or fragment")
    return value.rstrip("/")


def is_sealing_key(value: SecretStr) -> bool:
    """Tell whether `value` can be the key of the envelope aes-256-gcm-hex."""
    return re.fullmatch(r"[0-9a-fA-F]{64}", value.get_secret_value()) is not None


def is_passphrase(value: SecretStr) -> bool:
    """Tell whether `value` can be the key of the envelope pbkdf2-base64."""
    return len(value.get_secret_value()) >= PASSPHRASE_LENGTH


def _sealing_key(value: SecretStr) -> SecretStr:
    if not is_sealing_key(value):
        raise ValueError("must be exactly 64 hexadecimal digits (32 bytes): openssl rand -hex 32")
    return value


def _mysql_address(value: SecretStr) -> SecretStr:
    """Refuse what two readers could divide differently, so that no piece of a password passes for a port."""
    text = value.get_secret_value()
    parts = _split(text) if _MYSQL_ADDRESS.fullmatch(text) else None
    if not parts:
        raise ValueError(
            "must look like mysql+pymysql://user:password@host:3306/database, "
            "with @ : / ? # and % in user and password written as %40 %3A %2F %3F %23 %25"
        )
    options = parse_qsl(parts.query, keep_blank_values=True)
    names = [name for name, _ in options]
    if {*names} - _DATABASE_OPTIONS or len({*names}) < len(names):
        raise ValueError(f"may have no other options than {', '.join(sorted(_DATABASE_OPTIONS))}, each once")
    if dict(options).get("ssl_check_hostname", "true") not in {"true", "false"}:
        raise ValueError("must say ssl_check_hostname=true or ssl_check_hostname=false")
    return value


def _certificates(value: str) -> str:
    try:
        ssl.create_default_context(cafile=value)
    except (OSError, ssl.SSLError):
        raise ValueError("must name a readable PEM file of certificates") from None
    return value


def _milliseconds(value: object) -> object:
    if not re.fullmatch(r"[0-9]{1,9}", str(value)):
        raise ValueError("must be a whole number of milliseconds")
    return timedelta(milliseconds=int(str(value)))


def _switch(value: object) -> object:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if (known := words.get(str(value).lower())) is None:
        raise ValueError("must be true or false")
    return known


def _off_or_a_second(value: timedelta) -> timedelta:
    if timedelta() < value < timedelta(seconds=1):
        raise ValueError("must be 0s or at least 1s")
    return value


def _words(value: object) -> object:
    return tuple(word for word in re.split(r"[,\s]+", value) if word) if isinstance(value, str) else value


def _hosts(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what would silently match nothing, such as a range with a slip in it."""
    name = re.compile(r"([0-9A-Za-z_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
    if not all(_network(entry) or name.fullmatch(entry) for entry in entries):
        raise ValueError("must list host names, addresses and ranges such as 10.0.0.0/8")
    return entries


HttpsUrl = Annotated[str, AfterValidator(_https)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Milliseconds = Annotated[
    timedelta, BeforeValidator(_milliseconds), Field(ge=timedelta(milliseconds=100), le=timedelta(minutes=10))
]
Switch = Annotated[bool, BeforeValidator(_switch)]
_ADDRESSES = Endpoints()


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
    extra_ca_file: Annotated[str, AfterValidator(_certificates)] | None = None
    """PEM file of certificate authorities trusted beside the system's."""
    trusted_hosts: Annotated[tuple[str, ...], BeforeValidator(_words), AfterValidator(_hosts)] = ()
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
        return frozenset(entry.lower() for entry in self.trusted_hosts if _network(entry) is None)

    @property
    def trusted_networks(self) -> tuple[IPNetwork, ...]:
        """The addresses and ranges among TRUSTED_HOSTS."""
        return tuple(network for entry in self.trusted_hosts if (network := _network(entry)) is not None)

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

    database_url: Annotated[SecretStr, AfterValidator(_mysql_address)]
    """SQLAlchemy address of Delivr's database, `mysql+pymysql://user:password@host:port/name`."""


class Settings(ProbeSettings, DatabaseSettings):
    """Everything that the running operator needs."""

    integration_encryption_key: Annotated[SecretStr, AfterValidator(_sealing_key)]
    """The plan's key: seals every credential in `tenant_integrations.config`."""
    integration_encryption_key_previous: Annotated[SecretStr, AfterValidator(_sealing_key)] | None = None
    """Opens what is still sealed with it while rotate-key is under way; nothing new is sealed with it."""
    integration_encryption_envelope: Envelope = Envelope.HEX
    """Which envelope new credentials are sealed in; either is opened."""
    backend_storage_encryption_key: Annotated[SecretStr, Field(min_length=PASSPHRASE_LENGTH)] | None = None
    """Needed only with the envelope `pbkdf2-base64`."""
    backend_storage_encryption_key_previous: (
        Annotated[SecretStr, Field(min_length=PASSPHRASE_LENGTH)] | None
    ) = None
    """As INTEGRATION_ENCRYPTION_KEY_PREVIOUS, for that envelope."""

    max_staleness: Duration = timedelta(hours=24)
    """How long a proof holds without a definite answer before Ready becomes Unknown."""
    status_heartbeat: Duration = timedelta(hours=1)
    """How often an unchanged status is written again for lastVerifiedAt; 0s: never."""
    recheck_interval: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(minutes=1)
    """How soon a cause that no watch can tell of (an owner's role, the database) is looked at again."""
    drift_interval: Annotated[Duration, AfterValidator(_off_or_a_second)] = timedelta()
    """How soon rows that somebody changed are put right; 0s: when the resource is next looked at anyway."""
    metrics_per_resource: Switch = True
    """Whether /metrics has series for each ReleaseSetup: ready, its oldest proof, its credentials' ends."""
    pass_deadline: Annotated[Duration, Field(ge=timedelta(seconds=15), le=timedelta(hours=1))] = timedelta(
        minutes=2
    )
    """How long one look at a resource may take; /healthz fails where work does not move for twice as long."""
    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """How many resources are reconciled at once."""

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
        return self

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


def _network(entry: str) -> IPNetwork | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None


def _sentences(error: ValidationError) -> list[str]:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return [_sentence(tuple(map(str, e["loc"])), e["type"], e["msg"]) for e in found]


def _sentence(place: tuple[str, ...], kind: str, message: str) -> str:
    plain = message.removeprefix("Value error, ")
    if not place:
        return plain
    return f"{place[0]} must be set" if kind == "missing" else f"{place[0]}: {plain}"
