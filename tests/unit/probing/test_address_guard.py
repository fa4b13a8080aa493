"""Which hosts of a tenant's choice may be dialled, and which are trusted by name."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivr_operator.outcome import Doubt, Rejected, Rejection, Unknown
from delivr_operator.probing.address_guard import AddressGuard, Host, is_public

JENKINS = Host("jenkins.acme.example", 443)


def resolving(*addresses: str) -> Callable[[str], Awaitable[Sequence[str]]]:
    async def resolve(_: str) -> Sequence[str]:
        return addresses

    return resolve


def guard(*addresses: str, names: Sequence[str] = (), networks: Sequence[str] = ()) -> AddressGuard:
    return AddressGuard(
        frozenset(names),
        tuple(ip_network(one) for one in networks),
        resolving(*addresses),
        timedelta(seconds=5),
    )


FORBIDDEN = [
    *("127.0.0.1", "127.8.9.1", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *(
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "192.0.2.1",
        "224.0.0.1",
    ),
    *("239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *(
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "fec0::1",
        "2001:db8::1",
    ),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
    *("2002:7f00:1::", "2002:a00:1::1", "2001::1", "100::1", "64:ff9b:1::1", "4000::1"),
]
PUBLIC = [
    "93.184.215.14",
    "8.8.8.8",
    "2606:4700::1111",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
    "2002:808:808::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    found = await guard(address).addresses(JENKINS)
    assert isinstance(found, Rejected)
    assert found.reason is Rejection.HOST_NOT_ALLOWED
    assert address not in found.detail


@pytest.mark.parametrize("address", PUBLIC)
async def test_a_public_address_is_dialled(address: str) -> None:
    assert await guard(address).addresses(JENKINS) == (address,)


async def test_only_the_public_ones_of_a_hosts_addresses_are_dialled() -> None:
    assert await guard("10.0.0.1", "8.8.8.8", "::1").addresses(JENKINS) == ("8.8.8.8",)


async def test_what_is_no_address_at_all_is_refused() -> None:
    assert isinstance(await guard("nonsense").addresses(JENKINS), Rejected)
    assert isinstance(await guard().addresses(JENKINS), Rejected)


async def test_a_trusted_range_opens_its_addresses_and_no_others() -> None:
    opened = guard("10.0.0.1", "192.168.1.1", networks=["10.0.0.0/8"])
    assert await opened.addresses(JENKINS) == ("10.0.0.1",)
    mapped = guard("::ffff:10.0.0.1", networks=["10.0.0.0/8"])
    assert await mapped.addresses(JENKINS) == ("::ffff:10.0.0.1",)


async def test_a_trusted_name_opens_whatever_it_stands_for() -> None:
    trusting = guard("10.0.0.1", names=["jenkins.acme.example"])
    assert trusting.trusts(JENKINS)
    assert await trusting.addresses(JENKINS) == ("10.0.0.1",)
    assert not trusting.trusts(Host("other.acme.example", 443))


def test_a_range_trusts_literal_addresses_only_never_names_that_lead_into_it() -> None:
    opened = guard("127.0.0.1", networks=["127.0.0.1/32"])
    assert opened.trusts(Host("127.0.0.1", 8443))
    assert not opened.trusts(JENKINS)
    assert not opened.trusts(Host("127.0.0.2", 8443))


def test_a_host_is_written_with_its_port_unless_that_is_the_usual_one() -> None:
    assert Host.parse("a.example:443").written == {"a.example", "a.example:443"}
    assert Host.parse("a.example:8443").written == {"a.example:8443"}
    assert Host.parse("[2001:db8::1]:8443") == Host("2001:db8::1", 8443)
    assert str(Host("2001:db8::1", 8443)) == "[2001:db8::1]:8443"
    assert str(Host("a.example", 443)) == "a.example"


@pytest.mark.parametrize("fault", [OSError("canary"), UnicodeError("canary")])
async def test_a_name_that_cannot_be_resolved_is_no_verdict(fault: Exception) -> None:
    async def resolve(_: str) -> Sequence[str]:
        raise fault

    found = await AddressGuard(frozenset(), (), resolve, timedelta(seconds=5)).addresses(JENKINS)
    assert found == Unknown(Doubt.NETWORK_ERROR, "Its host name cannot be resolved.")


async def test_a_name_that_takes_too_long_is_no_verdict() -> None:
    async def resolve(_: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    found = await AddressGuard(frozenset(), (), resolve, timedelta(milliseconds=10)).addresses(JENKINS)
    assert isinstance(found, Unknown)
    assert found.reason is Doubt.TIMED_OUT


@given(st.ip_addresses(v=4, network="10.0.0.0/8"), st.sampled_from(["::ffff:0:0", "64:ff9b::", "::"]))
def test_no_wrapping_makes_a_private_address_public(inner: object, prefix: str) -> None:
    wrapped = ip_address(int(ip_address(prefix)) | int(ip_address(str(inner))))
    assert not is_public(ip_address(str(inner)))
    assert not is_public(wrapped)
