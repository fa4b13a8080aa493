"""What may stand in a variable of the environment, and what is said of anything else."""

import re
import ssl
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from delivr_operator.resource import parse_duration

PASSPHRASE_LENGTH = 32
PLAN, CATEGORIES = "plan", "delivr"
IPNetwork = IPv4Network | IPv6Network
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


def _known_projections(names: tuple[str, ...]) -> tuple[str, ...]:
    if PLAN not in names or set(names) - {PLAN, CATEGORIES}:
        raise ValueError(f"must be {PLAN}, or {PLAN},{CATEGORIES}")
    return names


def _off_or_a_second(value: timedelta) -> timedelta:
    if timedelta() < value < timedelta(seconds=1):
        raise ValueError("must be 0s or at least 1s")
    return value


def _words(value: object) -> object:
    return tuple(word for word in re.split(r"[,\s]+", value) if word) if isinstance(value, str) else value


def _hosts(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what would silently match nothing, such as a range with a slip in it."""
    name = re.compile(r"([0-9A-Za-z_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
    if not all(network(entry) or name.fullmatch(entry) for entry in entries):
        raise ValueError("must list host names, addresses and ranges such as 10.0.0.0/8")
    return entries


def network(entry: str) -> IPNetwork | None:
    """Return the address or range that is written, or None."""
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None


HttpsUrl = Annotated[str, AfterValidator(_https)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Milliseconds = Annotated[
    timedelta, BeforeValidator(_milliseconds), Field(ge=timedelta(milliseconds=100), le=timedelta(minutes=10))
]
Switch = Annotated[bool, BeforeValidator(_switch)]
MysqlAddress = Annotated[SecretStr, AfterValidator(_mysql_address)]
SealingKey = Annotated[SecretStr, AfterValidator(_sealing_key)]
Passphrase = Annotated[SecretStr, Field(min_length=PASSPHRASE_LENGTH)]
CertificateFile = Annotated[str, AfterValidator(_certificates)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(_words), AfterValidator(_hosts)]
Projections = Annotated[tuple[str, ...], BeforeValidator(_words), AfterValidator(_known_projections)]
DriftInterval = Annotated[Duration, AfterValidator(_off_or_a_second)]
