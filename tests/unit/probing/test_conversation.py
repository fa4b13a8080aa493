"""One request on the wire: what is sent, where it may be led, and what every outage becomes."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, current_thread

import httpx
import pytest
from pydantic import SecretStr

from delivr_operator.outcome import Doubt, Unknown
from delivr_operator.probing.budgets import Budget
from delivr_operator.probing.conversation import Conversation, Route
from delivr_operator.probing.kept_answers import KeptAnswers, Recall
from delivr_operator.probing.limits import Limits
from delivr_operator.providers.exchange import Endpoints, Request, Unreachable

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CANARY = "canary7Zq"
URL = "https://api.example/user"
GET = Request("GET", URL, {"Authorization": SecretStr(f"Bearer {CANARY}")}, follows_redirects=True)
READER = ThreadPoolExecutor(1)
Reply = Callable[[httpx.Request], httpx.Response]


class Arriving(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class Endless(httpx.AsyncByteStream):
    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Wire(httpx.AsyncBaseTransport):
    reply: Reply
    sent: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        made = self.reply(request)
        if isinstance(made.stream, Endless):
            return made
        # As from a real connection: nothing is read yet.
        return httpx.Response(made.status_code, headers=made.headers, stream=Arriving(made.content))


def conversation(
    wire: Wire,
    *,
    addresses: tuple[str, ...] = (),
    limits: Limits | None = None,
    hourly: int | None = None,
    recall: Recall | None = None,
) -> Conversation:
    return Conversation(
        endpoints=Endpoints(),
        now=NOW,
        route=Route(wire, frozenset({"api.example:443"}), addresses),
        budget=Budget(hourly, lambda: 0.0),
        recall=recall or Recall(KeptAnswers(), "one"),
        limits=limits or Limits(),
        user_agent="delivr-operator/test",
        elapsed=lambda: timedelta(seconds=3),
        told=lambda _: None,
        reader=READER,
    )


async def test_what_takes_a_processor_long_holds_nobody_up() -> None:
    goes_on = Event()
    asyncio.get_running_loop().call_soon(goes_on.set)
    found = await conversation(Wire(ok)).aside(lambda: (goes_on.wait(20), current_thread().name))
    assert found[0]
    assert found[1] != "MainThread"


def ok(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"ok": True}, headers={"X-Odd": "1"})


async def test_a_request_goes_out_as_it_was_asked_and_its_answer_comes_whole() -> None:
    wire = Wire(ok)
    response = await conversation(wire).send(GET)
    assert (response.status, response.body, response.headers["x-odd"]) == (200, b'{"ok":true}', "1")
    assert response.received_at == NOW + timedelta(seconds=3)
    (sent,) = wire.sent
    assert sent.headers["authorization"] == f"Bearer {CANARY}"
    assert sent.headers["user-agent"] == "delivr-operator/test"
    assert sent.headers["host"] == "api.example"
    assert "cookie" not in sent.headers
    assert sent.extensions["timeout"] == {"connect": 5.0, "read": 15.0, "write": 15.0, "pool": 15.0}


async def test_a_form_goes_out_with_its_secrets_opened() -> None:
    wire = Wire(ok)
    form: dict[str, str | SecretStr] = {"assertion": SecretStr("a b&c"), "grant_type": "x:y"}
    await conversation(wire).send(Request("POST", URL, form=form))
    assert wire.sent[0].content == b"assertion=a+b%26c&grant_type=x%3Ay"
    assert wire.sent[0].headers["content-type"] == "application/x-www-form-urlencoded"


async def test_a_question_in_json_goes_out_as_it_is() -> None:
    wire = Wire(ok)
    await conversation(wire).send(Request("POST", URL, json={"permissions": ["a.b"], "count": 1}))
    assert wire.sent[0].content == b'{"permissions": ["a.b"], "count": 1}'
    assert wire.sent[0].headers["content-type"] == "application/json"


async def test_a_pinned_address_is_dialled_under_the_name_that_tls_and_server_see() -> None:
    wire = Wire(ok)
    await conversation(wire, addresses=("192.0.2.1",)).send(GET)
    (sent,) = wire.sent
    assert sent.url.host == "192.0.2.1"
    assert sent.headers["host"] == "api.example"
    assert sent.extensions["sni_hostname"] == "api.example"


async def test_the_next_address_is_dialled_only_where_none_answered() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.host == "192.0.2.1":
            raise httpx.ConnectError(CANARY)
        return ok(request)

    wire = Wire(reply)
    response = await conversation(wire, addresses=("192.0.2.1", "192.0.2.2")).send(GET)
    assert response.status == 200
    assert [request.url.host for request in wire.sent] == ["192.0.2.1", "192.0.2.2"]

    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(CANARY)

    wire = Wire(broken)
    with pytest.raises(Unreachable):
        await conversation(wire, addresses=("192.0.2.1", "192.0.2.2")).send(GET)
    assert len(wire.sent) == 1


async def test_asking_an_undeclared_host_is_a_bug_and_sends_nothing() -> None:
    wire = Wire(ok)
    for url in ("https://elsewhere.example/user", "https://api.example:8443/user"):
        with pytest.raises(ValueError, match="does not declare"):
            await conversation(wire).send(Request("GET", url))
    assert wire.sent == []


def led(status: int, location: str) -> Reply:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/user":
            return httpx.Response(status, headers={"Location": location})
        return ok(request)

    return reply


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    ["/repositories/1", "https://api.example/repositories/1", "https://API.example:443/repositories/1"],
)
async def test_a_get_is_led_on_within_its_host(status: int, location: str) -> None:
    wire = Wire(led(status, location))
    response = await conversation(wire).send(GET)
    assert response.status == 200
    assert wire.sent[1].url.path == "/repositories/1"
    assert wire.sent[1].headers["authorization"] == f"Bearer {CANARY}"


@pytest.mark.parametrize("location", ["/x\x01y", "/" + "x" * 70_000], ids=["control character", "too long"])
async def test_an_address_that_cannot_be_asked_leaves_the_answer_as_it_is(location: str) -> None:
    wire = Wire(lambda _: httpx.Response(302, headers={"location": location}))
    answer = await conversation(wire).send(GET)
    assert (answer.status, len(wire.sent)) == (302, 1)


@pytest.mark.parametrize(
    "location",
    [
        *("https://evil.example/x", "http://api.example/x", "https://api.example:8443/x", "//evil.example/x"),
        *(
            "https://u@api.example/x",
            "https://api.example.evil.example/x",
            "https://[",
            "ftp://api.example/x",
        ),
    ],
)
async def test_nothing_follows_a_redirect_off_the_host(location: str) -> None:
    wire = Wire(led(302, location))
    assert (await conversation(wire).send(GET)).status == 302
    assert len(wire.sent) == 1


async def test_only_a_get_that_wants_it_is_led_on() -> None:
    for request in (Request("GET", URL), Request("POST", URL, form={}, follows_redirects=True)):
        wire = Wire(led(307, "/x"))
        assert (await conversation(wire).send(request)).status == 307
        assert len(wire.sent) == 1


async def test_being_led_in_circles_ends() -> None:
    wire = Wire(lambda _: httpx.Response(302, headers={"Location": "/user"}))
    assert (await conversation(wire).send(GET)).status == 302
    assert len(wire.sent) == 4


async def test_every_request_is_counted_redirects_too() -> None:
    wire = Wire(led(301, "/x"))
    talk = conversation(wire, hourly=3)
    await talk.send(GET)
    with pytest.raises(Unreachable) as fault:
        await talk.send(GET)
    assert fault.value.outcome.reason is Doubt.RATE_LIMITED
    assert len(wire.sent) == 3


def _wrapped(cause: BaseException) -> Exception:
    fault = httpx.ConnectError(CANARY)
    fault.__cause__ = cause
    return fault


@pytest.mark.parametrize(
    ("fault", "reason", "said"),
    [
        (httpx.ConnectTimeout(CANARY), Doubt.TIMED_OUT, ""),
        (httpx.ReadTimeout(CANARY), Doubt.TIMED_OUT, ""),
        (httpx.PoolTimeout(CANARY), Doubt.TIMED_OUT, ""),
        (TimeoutError(CANARY), Doubt.TIMED_OUT, ""),
        (httpx.ConnectError(CANARY), Doubt.NETWORK_ERROR, ""),
        (httpx.ReadError(CANARY), Doubt.NETWORK_ERROR, ""),
        (httpx.RemoteProtocolError(CANARY), Doubt.NETWORK_ERROR, ""),
        (ConnectionResetError(CANARY), Doubt.NETWORK_ERROR, ""),
        (ssl.SSLError(CANARY), Doubt.NETWORK_ERROR, ""),
        (_wrapped(ssl.SSLCertVerificationError(CANARY)), Doubt.NETWORK_ERROR, "certificate is not trusted"),
        (_wrapped(socket.gaierror(CANARY)), Doubt.NETWORK_ERROR, "cannot be resolved"),
    ],
)
async def test_an_outage_is_no_verdict_and_repeats_nothing(
    fault: Exception, reason: Doubt, said: str
) -> None:
    def reply(_: httpx.Request) -> httpx.Response:
        raise fault

    with pytest.raises(Unreachable) as caught:
        await conversation(Wire(reply)).send(GET)
    outcome = caught.value.outcome
    assert outcome.reason is reason
    assert said in outcome.detail
    assert CANARY not in f"{outcome!r} {caught.value!s} {caught.value!r}"


async def test_a_bug_in_the_transport_is_no_outage() -> None:
    def reply(_: httpx.Request) -> httpx.Response:
        raise KeyError

    with pytest.raises(KeyError):
        await conversation(Wire(reply)).send(GET)


async def test_an_answer_without_end_is_cut_and_its_connection_closed() -> None:
    stream = Endless()
    wire = Wire(lambda _: httpx.Response(200, stream=stream))
    with pytest.raises(Unreachable) as fault:
        await conversation(wire, limits=Limits(body=10_000)).send(GET)
    expected = Unknown(Doubt.UNEXPECTED_RESPONSE, "Its answer is larger than 10000 bytes.", 200)
    assert fault.value.outcome == expected
    assert stream.closed


async def test_an_answer_in_an_unknown_packing_is_no_verdict() -> None:
    wire = Wire(lambda _: httpx.Response(200, stream=Endless(), headers={"Content-Encoding": "br"}))
    with pytest.raises(Unreachable) as fault:
        await conversation(wire).send(GET)
    assert fault.value.outcome.reason is Doubt.UNEXPECTED_RESPONSE
