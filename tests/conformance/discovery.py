"""A Google discovery document as a description."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.conformance.closed_schema import ClosedSchema
from tests.conformance.description import Operation, Parameter

Json = Any


class Discovery:
    """One document; its errors are the ones that all of Google's APIs share, which no document describes."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._methods = [(_pattern(each), each) for each in _methods(document)]

    @classmethod
    def at(cls, path: Path) -> "Discovery":
        """Read the document of a file."""
        return cls(json.loads(path.read_bytes()))

    def find(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """Give the operation and what stands in its path."""
        found = self._method(method, path)
        return None if found is None else (self._operation(found[0]), found[1])

    def scopes(self, method: str, path: str) -> frozenset[str]:
        """Give the scopes of which the method wants one."""
        found = self._method(method, path)
        return frozenset() if found is None else frozenset(found[0].get("scopes", ()))

    def _method(self, method: str, path: str) -> tuple[Json, Mapping[str, str]] | None:
        for pattern, said in self._methods:
            matched = pattern.fullmatch(path.lstrip("/"))
            if matched and said["httpMethod"] == method:
                names = [
                    name for name in said["parameterOrder"] if said["parameters"][name]["location"] == "path"
                ]
                return said, dict(zip(names, matched.groups(), strict=True))
        return None

    def _operation(self, said: Json) -> Operation:
        parameters = {**self._document["parameters"], **said.get("parameters", {})}
        places: dict[str, dict[str, Parameter]] = {"query": {}, "path": {}}
        for name, each in parameters.items():
            places[each["location"]][name] = Parameter(
                ClosedSchema(_schema(each), self._named), str(each["type"]), bool(each.get("required"))
            )
        body = said.get("request")
        answer = ClosedSchema({"$ref": said["response"]["$ref"]}, self._named)
        return Operation(
            places["query"],
            None if body is None else ClosedSchema({"$ref": body["$ref"]}, self._named),
            {"200": {"application/json": answer}, "4XX": {}, "5XX": {}},
            places["path"],
        )

    def _named(self, name: str) -> Json:
        return _schema(self._document["schemas"][name])


def _methods(resource: Json) -> Iterator[Json]:
    yield from resource.get("methods", {}).values()
    for each in resource.get("resources", {}).values():
        yield from _methods(each)


def _pattern(said: Json) -> re.Pattern[str]:
    """Read a template such as `v1/{+name}/releases`, whose values each have a pattern of their own."""
    parts = re.split(r"\{\+?(\w+)\}", said.get("flatPath") if "{+" not in said["path"] else said["path"])
    out = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            out += re.escape(part)
        else:
            own = said["parameters"][part].get("pattern", "^[^/]+$")
            out += f"({own.removeprefix('^').removesuffix('$')})"
    return re.compile(out)


def _schema(said: Json) -> Json:
    """Give a discovery schema as JSON Schema: `any` is no type, and formats are Google's."""
    out = {name: value for name, value in said.items() if name not in {"type", "format", "required", "$ref"}}
    if "$ref" in said:
        return {"$ref": said["$ref"]}
    if said.get("type", "any") != "any":
        out["type"] = said["type"]
    if said.get("type") == "string" and said.get("format") == "int64":
        out["pattern"] = "^-?[0-9]+$"
    if "properties" in said:
        out["properties"] = {name: _schema(each) for name, each in said["properties"].items()}
    for word in ("items", "additionalProperties"):
        if word in said:
            out[word] = _schema(said[word])
    return out
