"""Kept answers: what a 304 stands for, whose they are, and how much they may weigh."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from delivr_operator.probing.kept_answers import Kept, KeptAnswers, Recall
from delivr_operator.providers.exchange import Request, Response
from tests.unit.probing.test_conversation import URL, Wire, conversation, led

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ASK = Request("GET", URL, follows_redirects=True, revalidates=True)


@dataclass
class Server:
    """A provider that names each state of its answer and confirms the one that it is asked about."""

    body: str = "{}"
    etag: str = 'W/"1"'
    wishes: list[str | None] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        wish = request.headers.get("if-none-match")
        self.wishes.append(wish)
        if wish == self.etag:
            return httpx.Response(304, headers={"ETag": self.etag, "X-Scopes": "new"})
        headers = {"ETag": self.etag, "Content-Type": "application/json", "X-Scopes": "old"}
        return httpx.Response(200, content=self.body, headers=headers)


async def test_an_unchanged_answer_is_whole_again_and_its_new_headers_count() -> None:
    server, recall = Server(body='{"a":1}'), Recall(KeptAnswers(), "one")
    first = await conversation(Wire(server), recall=recall).send(ASK)
    second = await conversation(Wire(server), recall=recall).send(ASK)
    assert server.wishes == [None, 'W/"1"']
    assert (first.status, first.headers["x-scopes"]) == (200, "old")
    assert (second.status, second.body, second.is_json) == (200, b'{"a":1}', True)
    assert second.headers["x-scopes"] == "new"


async def test_a_changed_answer_replaces_what_was_kept() -> None:
    server, recall = Server(), Recall(KeptAnswers(), "one")
    await conversation(Wire(server), recall=recall).send(ASK)
    server.body, server.etag = '{"a":2}', '"2"'
    for _ in range(2):
        assert (await conversation(Wire(server), recall=recall).send(ASK)).body == b'{"a":2}'
    assert server.wishes == [None, 'W/"1"', '"2"']


async def test_nobody_is_told_what_another_credential_was_told() -> None:
    server, answers = Server(), KeptAnswers()
    for credential in ("one", "two"):
        await conversation(Wire(server), recall=Recall(answers, credential)).send(ASK)
    assert server.wishes == [None, None]


async def test_only_a_question_that_says_so_is_revalidated() -> None:
    server, recall = Server(), Recall(KeptAnswers(), "one")
    plain = Request("GET", URL)
    for request in (ASK, plain, plain):
        assert (await conversation(Wire(server), recall=recall).send(request)).status == 200
    assert server.wishes == [None, None, None]


async def test_a_304_that_nobody_asked_for_stands_for_nothing() -> None:
    wire = Wire(lambda _: httpx.Response(304))
    assert (await conversation(wire).send(ASK)).status == 304


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_any_other_answer_ends_what_was_kept(status: int) -> None:
    server, recall = Server(), Recall(KeptAnswers(), "one")
    await conversation(Wire(server), recall=recall).send(ASK)
    await conversation(Wire(lambda _: httpx.Response(status)), recall=recall).send(ASK)
    await conversation(Wire(server), recall=recall).send(ASK)
    assert server.wishes == [None, None]


async def test_where_a_redirect_leads_is_kept_and_the_redirect_is_not() -> None:
    answers = KeptAnswers()
    wire = Wire(led(301, "/repositories/1"))
    await conversation(wire, recall=Recall(answers, "one")).send(ASK)
    assert len(answers) == 0

    server = Server()

    def reply(request: httpx.Request) -> httpx.Response:
        return led(301, "/repositories/1")(request) if request.url.path == "/user" else server(request)

    for _ in range(2):
        response = await conversation(Wire(reply), recall=Recall(answers, "one")).send(ASK)
        assert (response.status, response.body) == (200, b"{}")
    assert server.wishes == [None, 'W/"1"']


@pytest.mark.parametrize("etag", ["", "1", '"1', '1"', '"a b"', '"' + "x" * 300 + '"', '"ü"'])
def test_a_name_that_could_not_be_sent_back_is_not_kept(etag: str) -> None:
    answers = KeptAnswers()
    Recall(answers, "one").note(URL, Response(200, {"etag": etag}, b"{}", NOW))
    assert len(answers) == 0


def test_the_least_used_is_forgotten_where_all_weigh_too_much() -> None:
    answers = KeptAnswers(capacity=3 * (600 + 100))
    for key in (b"a", b"b", b"c"):
        answers.put(key, Kept('"1"', "", b"x" * 100))
    assert answers.get(b"a") is not None
    answers.put(b"d", Kept('"1"', "", b"x" * 100))
    assert answers.get(b"b") is None
    assert answers.get(b"a") is not None
    answers.put(b"a", Kept('"2"', "", b"x" * 800))
    assert (len(answers), answers.get(b"c")) == (2, None)
    answers.put(b"e", Kept('"1"', "", b"x" * 9000))
    assert len(answers) == 0
    for number in range(1000):
        answers.put(b"%d" % number, Kept('"1"', "", b"x" * 100))
        answers.put(b"%d" % number, None)
    answers.put(b"f", Kept('"1"', "", b"x" * 100))
    assert len(answers) == 1
