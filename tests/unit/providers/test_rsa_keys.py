"""A key whose numbers do not belong together signs nothing, and one that signs wrongly is shown to nobody."""

import base64
import random
from functools import cache
from math import gcd

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from delivr_operator.outcome import Rejected, Rejection
from delivr_operator.providers.secret_shapes import rsa_key
from delivr_operator.providers.service_account import ServiceAccount, buy
from tests.unit.providers.samples import pem
from tests.unit.providers.scripted import Scripted


@cache
def sound(bits: int = 2048) -> rsa.RSAPrivateNumbers:
    return rsa.generate_private_key(65537, bits).private_numbers()


def written(**changes: int) -> SecretStr:
    """A key some of whose numbers are changed, as a Secret would hold it (RFC 8017, appendix A.1.2)."""
    key, public = sound(), sound().public_numbers
    named = {"n": public.n, "e": public.e, "d": key.d, "p": key.p, "q": key.q}
    named |= {"dmp1": key.dmp1, "dmq1": key.dmq1, "iqmp": key.iqmp}
    whole = _der(0x30, b"".join(_integer(number) for number in (0, *(named | changes).values())))
    lines = base64.encodebytes(whole).decode()
    return SecretStr(f"-----BEGIN RSA PRIVATE KEY-----\n{lines}-----END RSA PRIVATE KEY-----\n")


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    length = octets if size < 128 else bytes([0x80 + len(octets)]) + octets
    return bytes([tag]) + length + content


def without_primes() -> SecretStr:
    """A key all of whose numbers belong together, but whose factors are products."""
    chance = random.Random(7)  # noqa: S311 - it is to be no key
    while True:
        p, q = (_composite(chance) for _ in range(2))
        rest = (p - 1) * (q - 1)
        if gcd(65537, rest) == 1 and gcd(p, q) == 1:
            d = pow(65537, -1, rest)
            inverse = pow(q, -1, p)
            return written(n=p * q, p=p, q=q, d=d, dmp1=d % (p - 1), dmq1=d % (q - 1), iqmp=inverse)


def _composite(chance: random.Random) -> int:
    while True:
        found = chance.getrandbits(1024) | 1 | 3 << 1022
        if pow(2, found - 1, found) != 1:
            return found


@pytest.mark.parametrize("bits", [1024, 2048, 3072, 4096])
def test_a_key_as_it_is_made_is_taken(bits: int) -> None:
    whole = SecretStr(pem(sound(bits).private_key(unsafe_skip_rsa_key_validation=True)))
    found = rsa_key(whole)
    assert found is not None
    assert found.key_size == bits


@pytest.mark.parametrize("name", ["n", "e", "p", "q", "d", "dmp1", "dmq1", "iqmp"])
@pytest.mark.parametrize("by", [2, -2, 4])
def test_a_key_one_of_whose_numbers_is_another_is_none(name: str, by: int) -> None:
    of = sound().public_numbers if name in ("n", "e") else sound()
    assert rsa_key(written()) is not None
    assert rsa_key(written(**{name: getattr(of, name) + by})) is None


def test_a_key_of_one_factor_twice_is_none() -> None:
    p = sound().p
    assert rsa_key(written(q=p, n=p * p, dmq1=sound().dmp1)) is None


@pytest.mark.parametrize("p", [0, 1, 2])
def test_a_key_that_is_hardly_divided_is_none(p: int) -> None:
    n = sound().public_numbers.n
    assert rsa_key(written(p=p, q=n, n=n * p)) is None


async def test_what_a_key_without_primes_signs_is_shown_to_nobody() -> None:
    key = without_primes()
    assert rsa_key(key) is not None, "its numbers belong together, so that only its signature can tell"
    account = ServiceAccount.model_construct(
        service_account_email=SecretStr("a@b.example"), private_key=key, private_key_id=None
    )
    exchange = Scripted([])
    outcome = await buy(exchange, account, "scope")
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Rejection.MISCONFIGURED
    assert exchange.asked == []
