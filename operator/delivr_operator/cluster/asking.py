"""EDGE: one question to the API server as plain JSON, below the client's generated methods.

Those build and check a model of everything that goes out and comes in, which costs a pass as much as the
exchange itself; and to load those of the core API alone takes a start longer than everything else that it
loads. What they stand on is used here: the client's session, its address and its credentials.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio import client
from kubernetes.aio.client.rest import RESTResponse

from delivr_operator.cluster.outages import ClusterUnavailable, outages
from delivr_operator.cluster.setups import REQUEST_TIMEOUT
from delivr_operator.resource import GROUP, PLURAL, VERSION, Key

_JSON_PATCH = "application/json-patch+json"
_JSON = "application/json"
_OURS = f"/apis/{GROUP}/{VERSION}"
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the body may hold anything, a Secret too, and is never shown."""

    status: int
    body: bytes

    @property
    def succeeded(self) -> bool:
        """Whether the question was granted."""
        return self.status in _SUCCESS

    def content(self) -> Any:
        """Return what the body says.

        Raises:
            ClusterUnavailable: it is no JSON, so that something else than an API server answered.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise ClusterUnavailable(None) from None


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks in the operator's own name."""

    api: client.ApiClient

    async def get(self, path: str) -> Answer:
        """Return what stands at `path`."""
        return await self._ask("GET", path)

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Return what became of creating `body` at `path`."""
        return await self._ask("POST", path, body)

    async def json_patch(self, path: str, operations: list[dict[str, Any]]) -> Answer:
        """Return what stands at `path` after the operations, all or none of them."""
        return await self._ask("PATCH", path, operations, _JSON_PATCH)

    async def unread(
        self, path: str, query: Mapping[str, str], form: str, patience: float
    ) -> aiohttp.ClientResponse:
        """Return the answer to a list or a watch, for whoever asks to read it and to close it."""
        found = await self._send("GET", f"{path}?{urlencode(query)}", {"Accept": form}, None, patience)
        answer: aiohttp.ClientResponse = found.response
        return answer

    async def _ask(self, method: str, path: str, body: Any = None, content_type: str = _JSON) -> Answer:
        headers = {"Accept": _JSON, "Content-Type": content_type}
        with outages():
            answer = await self._send(method, path, headers, body, REQUEST_TIMEOUT)
            body = await answer.read()  # type: ignore[no-untyped-call]
            return Answer(answer.status, body)

    async def _send(
        self, method: str, path: str, headers: dict[str, str], body: Any, patience: float
    ) -> RESTResponse:
        headers["User-Agent"] = self.api.user_agent
        await self.api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        return await self.api.call_api(
            method, self.api.configuration.host + path, headers, body, _request_timeout=patience
        )


def in_core(namespace: str | None, kind: str, name: str | None = None) -> str:
    """Return the path of a kind of the core API in a namespace, or in all, or of one of that kind."""
    if namespace is None:
        return _joined("/api/v1", kind, name)
    return _joined("/api/v1/namespaces", namespace, kind, name)


def of_setups(namespace: str | None) -> str:
    """Return the path of the ReleaseSetups of a namespace, or of all."""
    if namespace is None:
        return _joined(_OURS, PLURAL)
    return _joined(_OURS, "namespaces", namespace, PLURAL)


def of_setup(key: Key) -> str:
    """Return the path of a ReleaseSetup."""
    return _joined(of_setups(key.namespace), key.name)


def _joined(root: str, *parts: str | None) -> str:
    return "/".join([root, *(quote(part, safe="") for part in parts if part is not None)])
