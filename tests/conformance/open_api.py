"""A vendor's OpenAPI 3 document as a description; read as far as it is asked for."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.conformance.closed_schema import ClosedSchema
from tests.conformance.description import Operation, Parameter, matched

Json = Any


class OpenApi:
    """One document."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._paths = [(template.strip("/").split("/"), item) for template, item in document["paths"].items()]
        self._operation = cache(self._read)

    @classmethod
    def at(cls, path: Path) -> "OpenApi":
        """Read the document of a file."""
        return cls(json.loads(path.read_bytes()))

    def find(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """Give the operation and what stands in its path; the most literal template wins."""
        parts = path.strip("/").split("/")
        best: tuple[int, int, dict[str, str]] | None = None
        for index, (template, item) in enumerate(self._paths):
            values = matched(template, parts)
            if values is not None and method.lower() in item and (best is None or len(values) < best[0]):
                best = (len(values), index, values)
        return None if best is None else (self._operation(best[1], method.lower()), best[2])

    def resolve(self, reference: str) -> Json:
        """Give what a reference names, through references."""
        found = self._document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found

    def _read(self, index: int, method: str) -> Operation:
        item = self._paths[index][1]
        said = item[method]
        query: dict[str, Parameter] = {}
        path: dict[str, Parameter] = {}
        for each in (*item.get("parameters", ()), *said.get("parameters", ())):
            parameter = self._whole(each)
            place = {"query": query, "path": path}.get(parameter["in"])
            if place is not None:
                place[parameter["name"]] = self._parameter(parameter)
        body = self._whole(said.get("requestBody", {})).get("content", {}).get("application/json")
        return Operation(
            query,
            None if body is None else self._schema(body["schema"]),
            {status: self._answer(self._whole(each)) for status, each in said["responses"].items()},
            path,
        )

    def _whole(self, value: Json) -> Json:
        return self._whole(self.resolve(value["$ref"])) if "$ref" in value else value

    def _parameter(self, said: Json) -> Parameter:
        schema = self._whole(said.get("schema", {}))
        listed = schema.get("type") == "array"
        in_commas = listed and (said.get("explode") is False or said["in"] == "path")
        return Parameter(
            self._schema(schema), str(schema.get("type", "string")), bool(said.get("required")), in_commas
        )

    def _answer(self, said: Json) -> Mapping[str, ClosedSchema | None]:
        return {
            media_type.partition(";")[0].lower(): self._schema(each["schema"]) if "schema" in each else None
            for media_type, each in said.get("content", {}).items()
        }

    def _schema(self, schema: Json) -> ClosedSchema:
        return ClosedSchema(schema, self.resolve)
