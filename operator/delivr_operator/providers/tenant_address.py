"""An https address that a tenant chooses, and the shapes of it that are refused."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\.?$){_LABEL}(\.{_LABEL})*\.?")
_NUMBER = re.compile(r"([0-9]+|0x[0-9a-f]*)\.?")


def tenant_address(url: str) -> str:
    """Return `url` if it is a plain https address.

    Raises:
        ValueError: it is not; says what to write instead.
    """
    sentence = "must be an https:// address with a host name, without user, query or fragment"
    if not url.isascii() or not url.isprintable() or set(url) & set(" \\?#"):
        raise ValueError(sentence)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(sentence) from None
    segments = parts.path.split("/")
    if parts.scheme != "https" or "@" in parts.netloc or port == 0 or {".", ".."} & set(segments):
        raise ValueError(sentence)
    if not _is_host(parts.hostname or ""):
        raise ValueError("must name its host as a DNS name, or as an IP address in its usual form")
    return url


def _is_host(host: str) -> bool:
    """Tell a name or a usual address from numbers that resolvers read as an address (0x7f.1, 2130706433)."""
    try:
        ip_address(host)
    except ValueError:
        odd = _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2])
        return _NAME.fullmatch(host) is not None and odd is None
    return "%" not in host
