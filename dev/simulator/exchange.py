"""One request and one answer, as a provider sees them: no sockets, no framework."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote

Json: TypeAlias = Any
JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: the path is as sent (still encoded, no query), the clock is the provider's own."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    origin: str
    now: float

    def header(self, name: str) -> str:
        """Give one header's value, empty if it was not sent."""
        return self.headers.get(name, "")

    def parameters(self) -> dict[str, str]:
        """Give the query as names and values; the last of a repeated name wins."""
        return dict(parse_qsl(self.query, keep_blank_values=True)) if self.query else {}

    def form(self) -> dict[str, str]:
        """Give the fields of a form body; a body of another type has none."""
        if not self.header("content-type").startswith("application/x-www-form-urlencoded"):
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def segments(self) -> list[str]:
        """Give the decoded parts of the path; a trailing slash leaves an empty last part."""
        return [unquote(part) for part in self.path.split("/")[1:]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answers before any fault is laid over it."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, extra: Mapping[str, str]) -> "Answer":
        """Give the same answer with more headers; its own win."""
        return Answer(self.status, self.body, self.content_type, {**extra, **self.headers})


def json_answer(status: int, value: Json, headers: Mapping[str, str] | None = None) -> Answer:
    """Give an answer whose body is this value as JSON."""
    return Answer(status, json.dumps(value, separators=(",", ":")).encode(), JSON_TYPE, headers or {})


def html_answer(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Give an answer whose body is a page for people."""
    return Answer(status, text.encode(), "text/html;charset=utf-8", headers or {})
