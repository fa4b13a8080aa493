"""EDGE: carries httpx's requests over aiohttp, whose parser is no Python: bare connections, nobody's words.

No cookies, no proxies, no redirects, nothing unpacked, nothing from the environment.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx
from yarl import URL

KEPT_SECONDS = 5.0
"""How long a connection may rest between two questions: less than any provider lets it."""
LONGEST_HEADER = 64 * 1024
_OURS_ALONE = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""What aiohttp would add by itself."""


class Carrier(httpx.AsyncBaseTransport):
    """One pool of connections that trust the same authorities."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._trust = trust
        self._opened: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, its body still to be read.

        Raises:
            httpx.TransportError: there was none.
        """
        timeout = request.extensions["timeout"]
        patience = aiohttp.ClientTimeout(total=None, connect=timeout["connect"], sock_read=timeout["read"])
        with _faults():
            answer = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=_headers(request),
                data=await request.aread() or None,
                server_hostname=request.extensions["sni_hostname"],
                timeout=patience,
                allow_redirects=False,
                skip_auto_headers=_OURS_ALONE,
            )
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            await self._opened.close()

    @property
    def _session(self) -> aiohttp.ClientSession:
        """The session, which can be opened only where a loop runs."""
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, ssl=self._trust, use_dns_cache=False, keepalive_timeout=KEPT_SECONDS
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                max_line_size=LONGEST_HEADER,
                max_field_size=LONGEST_HEADER,
            )
        return self._opened


class _Body(httpx.AsyncByteStream):
    """An answer's body as it comes in."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _faults():
            async for piece in self._answer.content.iter_any():
                yield piece

    async def aclose(self) -> None:
        """Give the connection back, which aiohttp closes where more may come on it."""
        self._answer.release()


def _headers(request: httpx.Request) -> list[tuple[str, str]]:
    """Return them as text.

    Raises:
        httpx.LocalProtocolError: one would be read as two; aiohttp sees that too, but not before it dials.
    """
    if any(set(value) & set(b"\r\n\0") for _, value in request.headers.raw):
        raise httpx.LocalProtocolError("")
    return [(name.decode("ascii"), value.decode()) for name, value in request.headers.raw]


@contextmanager
def _faults() -> Iterator[None]:
    """Say in httpx's terms how no answer came; whoever asks looks at the causes, and repeats no words."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as fault:
        raise httpx.ConnectTimeout("") from fault
    except TimeoutError as fault:  # aiohttp's own are such
        raise httpx.ReadTimeout("") from fault
    except aiohttp.ClientConnectorError as fault:
        raise httpx.ConnectError("") from fault
    except (aiohttp.ClientError, OSError) as fault:
        raise httpx.RemoteProtocolError("") from fault
