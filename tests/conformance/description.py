"""What a vendor says of its API, operation by operation, and what breaks it in an exchange."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

from tests.conformance.closed_schema import ClosedSchema

Json = Any


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as they went over the wire; the path has no prefix of ours."""

    method: str
    path: str
    query: str
    body: str
    status: int
    content_type: str
    answer: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}?{self.query} -> {self.status}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One named value of the query."""

    schema: ClosedSchema
    type: str
    required: bool = False
    in_commas: bool = False
    """A list in one value, separated by commas."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    query: Mapping[str, Parameter]
    body: ClosedSchema | None
    answers: Mapping[str, Mapping[str, ClosedSchema | None]]
    """By status (or `4XX`, `default`), then by media type; none of these where no body is described."""
    path: Mapping[str, Parameter] = field(default_factory=dict)


class Description(Protocol):
    """A vendor's description, in whichever language it is written."""

    def find(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """Give the operation and what stands in its path."""


def complaints(
    description: Description, exchange: Exchange, *, of_request: bool = True, of_answer: bool = True
) -> list[str]:
    """What the vendor's description does not allow in this exchange."""
    found = description.find(exchange.method, exchange.path)
    if found is None:
        return [f"{exchange}: the vendor has no such operation"]
    operation, values = found
    asked = _of_request(operation, values, exchange) if of_request else ()
    answered = _of_answer(operation, exchange) if of_answer else ()
    return [f"{exchange}: {each}" for each in (*asked, *answered)]


def _of_request(operation: Operation, values: Mapping[str, str], exchange: Exchange) -> Iterable[str]:
    for name, value in values.items():
        if name in operation.path:
            yield from _of_value(f"path {name}", operation.path[name], unquote(value))
    given = parse_qsl(exchange.query, keep_blank_values=True, strict_parsing=bool(exchange.query))
    for name, value in given:
        if name not in operation.query:
            yield f"the query's {name} is unknown"
        else:
            yield from _of_value(f"query {name}", operation.query[name], value)
    for name, parameter in operation.query.items():
        if parameter.required and name not in dict(given):
            yield f"the query lacks {name}"
    if exchange.body and operation.body is None:
        yield "a body where none is described"
    elif operation.body is not None:
        yield from (f"body {each}" for each in operation.body.complaints(json.loads(exchange.body or "null")))


def _of_value(where: str, parameter: Parameter, text: str) -> Iterable[str]:
    value: Json = text
    try:
        if parameter.in_commas:
            value = text.split(",")
        elif parameter.type in {"integer", "number"}:
            value = int(text)
        elif parameter.type == "boolean":
            value = {"true": True, "false": False}[text]
        elif parameter.type == "array":
            value = [text]
    except (ValueError, KeyError):
        yield f"{where}: {text} is no {parameter.type}"
        return
    yield from (f"{where} {each}" for each in parameter.schema.complaints(value))


def _of_answer(operation: Operation, exchange: Exchange) -> Iterable[str]:
    status = str(exchange.status)
    described = next(
        (
            operation.answers[name]
            for name in (status, f"{status[0]}XX", "default")
            if name in operation.answers
        ),
        None,
    )
    if described is None:
        yield "the status is not described"
        return
    if not described:
        return
    media_type = exchange.content_type.partition(";")[0].strip().lower()
    if media_type not in described:
        yield f"answered as {media_type}, described as {', '.join(described)}"
        return
    schema = described[media_type]
    if schema is not None:
        yield from schema.complaints(json.loads(exchange.answer))


def matched(template: list[str], parts: list[str]) -> dict[str, str] | None:
    """Give what stands in a path for each `{name}` of a template; nothing where it is another path."""
    if len(template) != len(parts):
        return None
    values: dict[str, str] = {}
    for wanted, part in zip(template, parts, strict=True):
        if wanted.startswith("{") and wanted.endswith("}"):
            values[wanted[1:-1]] = part
        elif wanted != part:
            return None
    return values
