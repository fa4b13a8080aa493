"""A world of its own for each test, and a way to ask a provider without a socket."""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from multidict import CIMultiDict

from dev.simulator.exchange import Ask
from dev.simulator.state import World

ORIGIN = "https://127.0.0.1:4430"


def ask(
    path: str,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    form: Mapping[str, str] | None = None,
    now: float | None = None,
) -> Ask:
    """Give a request as the listener would hand it over."""
    where, _, query = path.partition("?")
    sent = CIMultiDict({"User-Agent": "test", **(headers or {})})
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    body = urlencode(form or {}).encode()
    return Ask(method, where, query, sent, body, ORIGIN, time.time() if now is None else now)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(name="ask")
def ask_fixture() -> Callable[..., Ask]:
    return ask


def signed(private_key: str, algorithm: str, kid: str | None, claims: Mapping[str, Any]) -> str:
    """Give a JWT over these claims and the usual times."""
    now = int(time.time())
    headers = None if kid is None else {"kid": kid}
    return jwt.encode({"iat": now, "exp": now + 600, **claims}, private_key, algorithm, headers=headers)


@pytest.fixture(name="signed")
def signed_fixture() -> Callable[..., str]:
    return signed
