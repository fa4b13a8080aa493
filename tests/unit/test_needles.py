"""The search finds what is planted, in every spelling and at every place in a text."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.leaks.needles import Needles
from tests.unit.providers.samples import rsa_key

VALUE = b"ghp_Zq7/x+9-_Kd=3mT%2Lw8"
JWT = b".".join(
    base64.urlsafe_b64encode(part * 9).rstrip(b"=") for part in (b'{"alg":1}', b"claims", b"sig\xff")
)
PLANTED = {
    "raw": lambda v: v,
    "hex": lambda v: v.hex().encode(),
    "HEX": lambda v: v.hex().upper().encode(),
    "URL": lambda v: quote(v, safe="").encode(),
    "JSON": lambda v: json.dumps({"x": v.decode()}).encode(),
    "JSON in JSON": lambda v: json.dumps(json.dumps(v.decode())).encode(),
    "repr": lambda v: repr(v.decode()).encode(),
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "base64 inside, 1": lambda v: base64.b64encode(b"a" + v + b"z"),
    "base64 inside, 2": lambda v: base64.b64encode(b"ab" + v + b"yz"),
    "base64 inside, 3": lambda v: base64.urlsafe_b64encode(b"abc" + v + b"xyz"),
    "basic": lambda v: base64.b64encode(b"builder:" + v),
}


@pytest.mark.parametrize(
    "value", [VALUE, b"8 bytes!", JWT, rsa_key().encode()], ids=["token", "short", "jwt", "pem"]
)
@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_planted_value_is_found(plant: object, value: bytes) -> None:
    assert callable(plant)
    needles = Needles({"value": value, "other": b"nothing of this"})
    found = needles.found_in({"here": b"before " + plant(value) + b" after", "there": b"innocent" * 9})
    assert {(one.name, one.place) for one in found} == {("value", "here")}


@pytest.mark.parametrize(
    "part",
    [JWT.split(b".")[1], rsa_key().encode().splitlines()[3], VALUE[:16]],
    ids=["claims", "line", "beginning"],
)
def test_a_part_is_found(part: bytes) -> None:
    needles = Needles({"jwt": JWT, "pem": rsa_key().encode(), "token": VALUE})
    assert needles.found_in({"here": b"..." + part + b"..."})


def test_what_any_text_may_hold_is_not_found() -> None:
    needles = Needles({"pem": rsa_key().encode(), "token": VALUE})
    assert needles.found_in({"here": b"-----BEGIN PRIVATE KEY----- ghp_ -----END PRIVATE KEY-----"}) == []
