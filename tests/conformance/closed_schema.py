"""Vendors' schemas as JSON Schema 2020-12 that refuses what the vendor does not name."""

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs

Json = Any
Resolve = Callable[[str], Json]
"""Gives the schema that a reference names."""

_PLAIN = (
    *("type", "enum", "const", "pattern", "format", "required", "minimum", "maximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
)


class ClosedSchema:
    """One schema with all that it refers to, ready to validate.

    Vendors leave objects open, so that a misspelt field would pass. Here an object that names its fields has
    no others; `unevaluatedProperties` sees through compositions, whose branches therefore stay open.
    """

    def __init__(self, schema: Json, resolve: Resolve) -> None:
        self._resolve = resolve
        self._definitions: dict[str, Json] = {}
        root = self._converted(schema, closed=True)
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [root]}
        self._validator = jsonschema_rs.Draft202012Validator(
            {**whole, "$defs": self._definitions}, validate_formats=True, ignore_unknown_formats=True
        )

    def complaints(self, value: Json) -> list[str]:
        """What of the value the schema does not allow."""
        return [
            f"/{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
            for error in self._validator.iter_errors(value)
        ]

    def _converted(self, schema: Json, *, closed: bool) -> Json:
        if "$ref" in schema:
            return {"$ref": f"#/$defs/{self._defined(schema['$ref'], closed=closed)}"}
        out: dict[str, Json] = {name: schema[name] for name in _PLAIN if name in schema}
        if "properties" in schema:
            fields = schema["properties"].items()
            out["properties"] = {name: self._converted(each, closed=True) for name, each in fields}
        if "items" in schema:
            out["items"] = self._converted(schema["items"], closed=True)
        if isinstance(schema.get("additionalProperties"), Mapping):
            out["additionalProperties"] = self._converted(schema["additionalProperties"], closed=True)
        elif schema.get("additionalProperties") is False:
            out["additionalProperties"] = False
        return self._composed(schema, out, closed=closed)

    def _composed(self, schema: Json, out: dict[str, Json], *, closed: bool) -> Json:
        whole = "properties" in schema or "allOf" in schema
        for word in ("oneOf", "anyOf"):
            if word in schema:
                # A choice between whole objects is closed branch by branch, or several would match at once.
                inside = closed and not whole
                out[word] = [self._converted(each, closed=inside) for each in schema[word]]
        if "allOf" in schema:
            out["allOf"] = [self._converted(each, closed=False) for each in schema["allOf"]]
        if closed and whole and schema.get("additionalProperties", True) is True:
            out["unevaluatedProperties"] = False
        return _nullable(out) if schema.get("nullable") else out

    def _defined(self, reference: str, *, closed: bool) -> str:
        name = reference.rpartition("/")[2].replace("~", "_") + (".closed" if closed else ".open")
        if name not in self._definitions:
            self._definitions[name] = {}  # before its fields are read: schemas refer to themselves
            self._definitions[name] = self._converted(self._resolve(reference), closed=closed)
        return name


def _nullable(schema: dict[str, Json]) -> Json:
    return {"anyOf": [{"type": "null"}, schema]}
