"""One probe's requests on the wire: the only place where secrets are sent and outages become verdicts."""

import asyncio
import json
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
from pydantic import SecretStr

from delivr_operator.outcome import Doubt, Unknown
from delivr_operator.probing.budgets import Budget
from delivr_operator.probing.inflation import Inflation, TooLarge, Unreadable
from delivr_operator.probing.kept_answers import Recall
from delivr_operator.probing.limits import Limits
from delivr_operator.providers.exchange import Endpoints, Found, Request, Response, Unreachable, authority

_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
_NOT_TRUSTED = (
    "Its TLS certificate is not trusted: where a private authority signed it, the platform team can add that "
    "(EXTRA_CA_FILE)."
)


@dataclass(frozen=True, slots=True)
class Route:
    """How a probe reaches its hosts.

    Attributes:
        hosts: every `host:port` that may be asked.
        addresses: what to dial instead of the host's name; empty where the transport resolves it.
    """

    transport: httpx.AsyncBaseTransport
    hosts: frozenset[str]
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one probe sees of the world."""

    endpoints: Endpoints
    now: datetime
    route: Route
    budget: Budget
    recall: Recall
    limits: Limits
    user_agent: str
    elapsed: Callable[[], timedelta]
    told: Callable[[Mapping[str, str]], None]
    """Takes down what the headers of an answer say of the provider's quota."""
    reader: Executor

    async def aside(self, work: Callable[[], Found]) -> Found:
        """Return what `work` finds, done in a thread; at the deadline nobody waits for it any more."""
        return await asyncio.get_running_loop().run_in_executor(self.reader, work)

    async def send(self, request: Request) -> Response:
        """Return the whole answer to `request`, led on where it may be led."""
        url = request.url
        response = await self._ask(request, url)
        for _ in range(self.limits.redirects):
            target = _target(request, response, url)
            if target is None:
                break
            url = target
            response = await self._ask(request, url)
        return response

    async def _ask(self, request: Request, url: str) -> Response:
        """Return the whole answer from `url`, where it may be the last one confirmed."""
        if not request.revalidates:
            return await self._fetch(request, url)
        kept = self.recall.about(url)
        if kept is not None:
            request = replace(request, headers={**request.headers, "If-None-Match": kept.etag})
        response = await self._fetch(request, url)
        if kept is not None and response.status == HTTPStatus.NOT_MODIFIED:
            return kept.confirmed(response)
        self.recall.note(url, response)
        return response

    async def _fetch(self, request: Request, url: str) -> Response:
        if authority(url) not in self.route.hosts:
            raise ValueError("a provider asked a host that it does not declare")
        self.budget.spend()
        tries = self.route.addresses or (None,)
        for address in tries[:-1]:
            try:
                return await self._exchange(request, url, address)
            except Unreachable as fault:
                if not isinstance(fault.__cause__, httpx.ConnectError | httpx.ConnectTimeout):
                    raise
        return await self._exchange(request, url, tries[-1])

    async def _exchange(self, request: Request, url: str, address: str | None) -> Response:
        with _outages():
            built = self._built(request, url, address)
            answer = await self.route.transport.handle_async_request(built)
            try:
                body = await self._body(answer)
            finally:
                await answer.aclose()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        self.told(headers)
        return Response(answer.status_code, headers, body, self.now + self.elapsed())

    def _built(self, request: Request, url: str, address: str | None) -> httpx.Request:
        target = httpx.URL(url)
        connect, read = (one.total_seconds() for one in (self.limits.connect, self.limits.read))
        timeout = {"connect": min(connect, read), "read": read, "write": read, "pool": read}
        headers = {
            "User-Agent": self.user_agent,
            "Accept-Encoding": "gzip",
            **_opened(request.headers),
            "Host": target.netloc.decode("ascii"),
        }
        content = None
        if request.form is not None:
            content = urlencode(_opened(request.form)).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif request.json is not None:
            content = json.dumps(request.json).encode()
            headers["Content-Type"] = "application/json"
        # The name stays what TLS checks and the server sees; only the dialled address is pinned.
        extensions = {"timeout": timeout, "sni_hostname": target.host}
        dialled = target if address is None else target.copy_with(host=address)
        return httpx.Request(request.method, dialled, headers=headers, content=content, extensions=extensions)

    async def _body(self, answer: httpx.Response) -> bytes:
        try:
            taken = Inflation(answer.headers.get("content-encoding", "").strip().lower(), self.limits.body)
            async for piece in answer.aiter_raw():
                taken.feed(piece)
            return taken.finish()
        except TooLarge:
            detail = f"Its answer is larger than {self.limits.body} bytes."
        except Unreadable:
            detail = "Its answer is packed in a way that cannot be read."
        raise Unreachable(Unknown(Doubt.UNEXPECTED_RESPONSE, detail, answer.status_code))


def _opened(values: Mapping[str, str | SecretStr]) -> dict[str, str]:
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in values.items()
    }


def _target(request: Request, response: Response, url: str) -> str | None:
    """Return where a GET is led on the same host and port; None where the answer stands as it is."""
    if not request.follows_redirects or request.method != "GET" or response.status not in _REDIRECTS:
        return None
    try:
        target = urljoin(url, response.headers.get("location", ""))
        same = urlsplit(target).scheme == "https" and authority(target) == authority(url)
        httpx.URL(target)
    except (ValueError, httpx.InvalidURL):
        return None
    return target if same and "@" not in urlsplit(target).netloc else None


@contextmanager
def _outages() -> Iterator[None]:
    """Turn every way in which no answer comes into "cannot tell", without anybody else's words."""
    try:
        yield
    except (httpx.TimeoutException, TimeoutError) as fault:
        raise Unreachable(Unknown(Doubt.TIMED_OUT)) from fault
    except (httpx.TransportError, httpx.InvalidURL, ssl.SSLError, OSError) as fault:
        raise Unreachable(Unknown(Doubt.NETWORK_ERROR, _why(fault))) from fault


def _why(fault: BaseException) -> str:
    causes = list(_causes(fault))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return _NOT_TRUSTED
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "Its host name cannot be resolved."
    return ""


def _causes(fault: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = fault
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
