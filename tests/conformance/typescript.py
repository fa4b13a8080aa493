"""TypeScript's declarations of data, read as JSON Schema: what vendors' own SDKs say of their answers.

Only what such files use: objects, lists, unions, intersections, literals, references. All else is an error.
A declaration is parsed when it is first referred to: the files hold megabytes.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.conformance.closed_schema import ClosedSchema

Json = Any
_DECLARED = re.compile(
    r"^(?:export )?(?:declare )?(type|interface|enum) (\w+)(?:<[^=]*?>)?(?= |=|\{)", re.MULTILINE
)
_TOKEN = re.compile(
    r"\s+|//[^\n]*|/\*.*?\*/|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>-?\d+)"
    r"|(?P<word>[\w$]+(?:\.[\w$]+)*)|(?P<sign>=>|.)",
    re.DOTALL,
)
_PRIMITIVES: dict[str, Json] = {
    **{name: {"type": name} for name in ("string", "number", "boolean", "null")},
    **{name: {} for name in ("unknown", "any", "object")},
    **{name: {"enum": []} for name in ("never", "undefined")},
    "Date": {"type": "string"},
}
_OPTIONAL = frozenset({"Maybe", "InputMaybe", "NullableOption"})


class TypeScript:
    """The declarations of one or more files."""

    def __init__(self, *texts: str) -> None:
        self.text = "\n".join(texts)
        self._places = {found[2]: found for found in _DECLARED.finditer(self.text)}
        self._read: dict[str, Json] = {}

    @classmethod
    def at(cls, *paths: Path) -> "TypeScript":
        """Read the declarations of some files."""
        return cls(*(path.read_text() for path in paths))

    def closed(self, name: str, *, partial: bool = False) -> ClosedSchema:
        """Give the declaration as a schema without other fields; in a `partial` one none is required."""
        return self.closed_schema({"$ref": name}, partial=partial)

    def closed_schema(self, schema: Json, *, partial: bool = False) -> ClosedSchema:
        """Give a schema over these declarations."""
        resolve = (lambda name: _partial(self.schema(name))) if partial else self.schema
        return ClosedSchema(schema, resolve)

    def declares(self, name: str) -> bool:
        """Tell whether there is a declaration of that name."""
        return name in self._places

    def schema(self, name: str) -> Json:
        """Give what a name is declared as; what stands in a namespace of its own may be anything."""
        if "." in name:
            return {}
        if name not in self._read:
            found = self._places[name]
            self._read[name] = _Parser(self.text, found.end()).declaration(found[1])
        return self._read[name]


class _Parser:
    def __init__(self, text: str, start: int) -> None:
        self._tokens = self._scan(text, start)
        self._next = next(self._tokens)

    @staticmethod
    def _scan(text: str, start: int) -> Iterator[tuple[str, str]]:
        for found in _TOKEN.finditer(text, start):
            if found.lastgroup:
                yield found.lastgroup, found[0]
        yield "end", ""

    def _take(self) -> tuple[str, str]:
        taken, self._next = self._next, next(self._tokens, ("end", ""))
        return taken

    def _skip(self, sign: str) -> bool:
        if self._next == ("sign", sign):
            self._take()
            return True
        return False

    def _want(self, sign: str) -> None:
        if not self._skip(sign):
            raise ValueError(f"{sign} expected, found {self._next}")

    def declaration(self, kind: str) -> Json:
        if kind == "enum":
            self._want("{")
            return {"enum": list(self._members_of_enum())}
        if kind == "type":
            self._want("=")
            return self.type()
        bases = []
        if self._next == ("word", "extends"):
            self._take()
            bases.append(self._intersection())
            while self._skip(","):
                bases.append(self._intersection())
        own = self._primary()
        # `extends Record<string, unknown>` says that there may be more: here there may not.
        return {"allOf": [*(base for base in bases if base != {"type": "object"}), own]} if bases else own

    def _members_of_enum(self) -> Iterator[Json]:
        while not self._skip("}"):
            self._take()
            self._want("=")
            kind, value = self._take()
            yield int(value) if kind == "number" else value[1:-1]
            self._skip(",")

    def type(self) -> Json:
        self._skip("|")
        options = [self._intersection()]
        while self._skip("|"):
            options.append(self._intersection())
        options = [each for each in options if each != {"enum": []}] or options
        return options[0] if len(options) == 1 else {"anyOf": options}

    def _intersection(self) -> Json:
        parts = [self._postfix()]
        while self._skip("&"):
            parts.append(self._postfix())
        return parts[0] if len(parts) == 1 else {"allOf": parts}

    def _postfix(self) -> Json:
        value = self._primary()
        while self._skip("["):
            if self._skip("]"):
                value = {"type": "array", "items": value}
            else:
                part = self.type()
                self._want("]")
                value = {"of": value, "part": part.get("const")}
        return value

    def _primary(self) -> Json:
        kind, value = self._take()
        if kind == "text":
            return {"const": value[1:-1]}
        if kind == "number":
            return {"const": int(value)}
        if (kind, value) == ("sign", "("):
            inner = self.type()
            self._want(")")
            return inner
        if (kind, value) == ("sign", "{"):
            return self._object()
        if kind != "word":
            raise ValueError(f"no type: {value}")
        if value in {"true", "false"}:
            return {"const": value == "true"}
        return self._generic(value) if self._skip("<") else _PRIMITIVES.get(value, {"$ref": value})

    def _generic(self, name: str) -> Json:
        arguments = [self.type()]
        while self._skip(","):
            arguments.append(self.type())
        self._want(">")
        if name == "Array":
            return {"type": "array", "items": arguments[0]}
        if name in _OPTIONAL:
            return {"anyOf": [arguments[0], {"type": "null"}]}
        if name == "Record":
            return {"type": "object", **({"additionalProperties": arguments[1]} if arguments[1] else {})}
        if name in {"Pick", "Exclude"}:
            return arguments[0]  # a part of a type is taken for the whole of it
        raise ValueError(f"{name}<...> is not understood")

    def _object(self) -> Json:
        out: Json = {"type": "object", "properties": {}, "required": []}
        while not self._skip("}"):
            kind, name = self._take()
            if (kind, name) == ("sign", "["):  # an index: [name: string]: type
                while not self._skip("]"):
                    self._take()
                self._want(":")
                out["additionalProperties"] = self.type()
            else:
                optional = self._skip("?")
                self._want(":")
                field = name[1:-1] if kind == "text" else name
                out["properties"][field] = self.type()
                out["required"] += [] if optional else [field]
            self._skip(";")
            self._skip(",")
        return out


def _partial(schema: Json) -> Json:
    """Give the schema with no field required, and null allowed for each: such types rarely say so."""
    if isinstance(schema, list):
        return [_partial(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out = {name: _partial(each) for name, each in schema.items() if name != "required"}
    if "properties" in out:
        fields = out["properties"].items()
        out["properties"] = {name: {"anyOf": [each, {"type": "null"}]} for name, each in fields}
    return out
