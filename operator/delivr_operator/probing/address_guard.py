"""Which addresses a host that a tenant chose may stand for; exactly those are dialled afterwards."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from delivr_operator.outcome import Doubt, Rejected, Rejection, Unknown

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network
Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Return the addresses of a name; raises OSError or UnicodeError where it has none."""

_HTTPS = 443
_TRIES = 3
"""How many addresses of one host are dialled at most."""
_SPECIAL = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *(
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
        ),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # public by its number, answered by the machine's own platform (Azure)
        *("2001::/23", "2001:db8::/32", "3fff::/20"),
    )
)
"""What is not the public internet; spelled out, since Python's own list differs from release to release."""
_GLOBAL_UNICAST = ip_network("2000::/3")
_TRANSLATED = ip_network("64:ff9b::/96")
"""NAT64: the last 32 bits are an IPv4 address that a gateway dials."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host and port that a tenant chose."""

    name: str
    port: int

    @classmethod
    def parse(cls, authority: str) -> "Host":
        """Read `host:port`, an IPv6 address in brackets."""
        name, _, port = authority.rpartition(":")
        return cls(name.strip("[]"), int(port))

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port == _HTTPS else f"{name}:{self.port}"

    @property
    def written(self) -> frozenset[str]:
        """The ways to name it in an annotation; a bare name means the usual port."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return frozenset({str(self), f"{name}:{self.port}"})


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """The operator's rules for hosts that tenants choose.

    Attributes:
        names: trusted host names, as `name` or `name:port`.
        networks: trusted addresses and ranges.
    """

    names: frozenset[str]
    networks: tuple[IPNetwork, ...]
    resolve: Resolve
    patience: timedelta

    def trusts(self, host: Host) -> bool:
        """Tell whether the operator trusts this very host, by its name or its literal address."""
        literal = _literal(host.name)
        return bool({host.name, *host.written} & self.names) or (literal is not None and self._opens(literal))

    async def addresses(self, host: Host) -> tuple[str, ...] | Rejected | Unknown:
        """Return the addresses of `host` that may be dialled, or why none may."""
        try:
            async with asyncio.timeout(self.patience.total_seconds()):
                found = await self.resolve(host.name)
        except TimeoutError:
            return Unknown(Doubt.TIMED_OUT, "Its host name was not resolved in time.")
        except (OSError, UnicodeError):
            return Unknown(Doubt.NETWORK_ERROR, "Its host name cannot be resolved.")
        trusted = self.trusts(host)
        open_ones = tuple(one for one in found if trusted or self._may_dial(one))
        if open_ones:
            return open_ones[:_TRIES]
        detail = (
            f"{host.name} stands for no public address; only the platform team can allow it (TRUSTED_HOSTS)."
        )
        return Rejected(Rejection.HOST_NOT_ALLOWED, detail)

    def _may_dial(self, text: str) -> bool:
        address = _literal(text)
        return address is not None and (self._opens(address) or is_public(address))

    def _opens(self, address: IPAddress) -> bool:
        return any(form in network for form in _forms(address) for network in self.networks)


def is_public(address: IPAddress) -> bool:
    """Tell whether an address belongs to the public internet, whatever it is wrapped in."""
    if isinstance(address, IPv6Address):
        if (inner := _embedded(address)) is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    return not any(address in network for network in _SPECIAL)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that is really dialled, for mapped, NAT64 and 6to4 addresses."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _forms(address: IPAddress) -> Iterable[IPAddress]:
    inner = _embedded(address) if isinstance(address, IPv6Address) else None
    return (address,) if inner is None else (address, inner)


def _literal(text: str) -> IPAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def system_resolver(threads: Executor) -> Resolve:
    """Return the machine's own resolver on threads of its own, so that slow names block nothing else."""

    async def resolve(name: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(threads, _getaddrinfo, name)
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))

    return resolve


def _getaddrinfo(name: str) -> Sequence[tuple[object, object, object, object, tuple[object, ...]]]:
    return socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
