"""Whatever a provider answers is judged or doubted; garbage proves nothing, and none of it is repeated."""

from datetime import timedelta
from itertools import cycle
from typing import Any

from hypothesis import example
from hypothesis import strategies as st

from delivr_operator.outcome import Expired, Outcome, Rejected, Unknown, Verified
from delivr_operator.probing.conversation import _target
from delivr_operator.providers.answer import LONGEST_PAUSE, is_skewed, retry_after
from delivr_operator.providers.exchange import Request, Response, authority
from tests.fuzz.garbage import CANARY, as_json, documents, moments, texts, thrown
from tests.unit.providers.samples import credential
from tests.unit.providers.scripted import NOW, Scripted
from tests.unit.providers.test_contract import HEADER_NAMES, every_asked_provider, every_provider, responses

headers = st.dictionaries(st.sampled_from(HEADER_NAMES), texts | moments, max_size=4)


@st.composite
def odd(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> Response:
    status = draw(st.sampled_from([200, 201, 301, 400, 401, 403, 404, 429, 500, 503]) | st.integers(100, 599))
    kind = draw(st.sampled_from(["application/json", "text/html", "application/javascript", ""]))
    return Response(status, {"content-type": kind, **draw(headers)}, draw(bodies), NOW)


def sane(outcome: Outcome) -> None:
    assert isinstance(outcome, Verified | Rejected | Expired | Unknown)
    assert CANARY not in repr(outcome)
    if isinstance(outcome, Unknown) and outcome.retry_after is not None:
        assert timedelta() <= outcome.retry_after <= LONGEST_PAUSE
    ends = getattr(outcome, "expires_at", None) or getattr(outcome, "expired_at", None)
    assert ends is None or ends.tzinfo is not None


GITHUB = {
    "content-type": "application/json",
    "github-authentication-token-expiration": "9999-12-31 23:59:59 -1200",
}


@every_provider
@thrown(response=responses() | odd(documents().map(as_json) | st.binary(max_size=200)))
@example(response=Response(200, GITHUB, b'{"login": "x"}', NOW))
def test_every_answer_is_judged(provider: Any, response: Response) -> None:
    sane(provider.judge(response))


@every_asked_provider
@thrown(answers=st.lists(responses() | odd(documents().map(as_json)), min_size=1, max_size=6))
@example(answers=[Response(200, GITHUB, b'{"login": "x"}', NOW)])
async def test_every_course_of_answers_is_judged(provider: Any, answers: list[Response]) -> None:
    found = credential(provider.type)
    sane(await provider.probe(Scripted(cycle(answers)), found.declaration.config, found.secrets))


NAMES = st.text("qxz", min_size=3, max_size=6)
"""No provider's answer has such names."""


@every_asked_provider
@thrown(answer=odd(documents(NAMES).map(as_json) | st.binary(max_size=100)))
async def test_garbage_proves_nothing(provider: Any, answer: Response) -> None:
    found = credential(provider.type)
    outcome = await provider.probe(Scripted(cycle([answer])), found.declaration.config, found.secrets)
    assert not isinstance(outcome, Verified)


@thrown(value=texts | moments | st.text(st.characters(max_codepoint=255)), date=texts | moments)
def test_times_of_an_answer_are_read_or_passed_over(value: str, date: str) -> None:
    response = Response(429, {"retry-after": value, "date": date}, b"", NOW)
    pause = retry_after(response)
    assert pause is None or timedelta() <= pause <= LONGEST_PAUSE
    assert isinstance(is_skewed(response), bool)


@thrown(
    location=texts
    | st.text(st.characters(max_codepoint=255))
    | st.text(alphabet="/:@?#[]%.x\x01\\ ", max_size=20)
)
@example(location="/x\x01y")
def test_a_redirect_leads_to_the_same_host_or_nowhere(location: str) -> None:
    url = "https://api.example/user"
    request = Request("GET", url, follows_redirects=True)
    target = _target(request, Response(302, {"location": location}, b"", NOW), url)
    assert target is None or (authority(target) == authority(url) and target.startswith("https://"))
