"""EDGE: which questions the API server is asked, told in words of a closed list as each is answered."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TypeAlias

import aiohttp

from delivr_operator.resource import PLURAL

Asked: TypeAlias = Callable[[str, str, str], None]
"""Told of a verb, a resource and an HTTP status, or `none` where no answer came."""

_KNOWN = frozenset({PLURAL, f"{PLURAL}/status", "secrets", "namespaces", "events", "leases"})
_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_CORE, _GROUP = 2, 3
"""How many parts of a path stand before what it names: /api/v1 and /apis/GROUP/VERSION."""


def traced(asked: Asked) -> aiohttp.TraceConfig:
    """Return what makes an HTTP session tell `asked` of everything that it asks."""

    async def ended(
        _: aiohttp.ClientSession, __: SimpleNamespace, told: aiohttp.TraceRequestEndParams
    ) -> None:
        asked(*described(told.method, told.url.path, told.url.query), str(told.response.status))

    async def failed(
        _: aiohttp.ClientSession, __: SimpleNamespace, told: aiohttp.TraceRequestExceptionParams
    ) -> None:
        asked(*described(told.method, told.url.path, told.url.query), "none")

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(ended)
    trace.on_request_exception.append(failed)
    return trace


def described(method: str, path: str, query: Mapping[str, str]) -> tuple[str, str]:
    """Return the verb and the resource of a question, `other` for what is on no list of ours."""
    parts = [part for part in path.split("/") if part]
    rest = parts[_GROUP:] if parts[:1] == ["apis"] else parts[_CORE:]
    if rest[:1] == ["namespaces"] and len(rest) > 2:  # noqa: PLR2004 - /namespaces/NAMESPACE/RESOURCE
        rest = rest[2:]
    resource = "/".join(rest[::2])
    if resource not in _KNOWN:
        return "other", "other"
    if method != "GET":
        return _WRITES.get(method, "other"), resource
    if query.get("watch", "").lower() in {"true", "1"}:
        return "watch", resource
    return ("get" if len(rest) > 1 else "list"), resource
