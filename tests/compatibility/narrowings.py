"""Compares two CRDs: everything that the newer one takes away, refuses, or means otherwise."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_LOWEST = ("minimum", "minLength", "minItems", "minProperties")
_HIGHEST = ("maximum", "maxLength", "maxItems", "maxProperties")
_FIXED = (
    *(
        "type",
        "format",
        "pattern",
        "default",
        "nullable",
        "additionalProperties",
        "multipleOf",
        "uniqueItems",
    ),
    *("exclusiveMinimum", "exclusiveMaximum", "allOf", "anyOf", "oneOf", "not"),
    *("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"),
)
_KNOWN = {
    *(*_FIXED, *_LOWEST, *_HIGHEST),
    *("description", "properties", "required", "items", "enum", "x-kubernetes-validations"),
}


def of_definitions(old: Schema, new: Schema) -> Iterator[str]:
    """Yield what a newer CRD takes away."""
    for name in ("group", "scope", "names"):
        if not _kept(old["spec"][name], new["spec"][name]):
            yield f"spec.{name} differs"
    versions = {version["name"]: version for version in new["spec"]["versions"]}
    for before in old["spec"]["versions"]:
        after = versions.get(before["name"])
        if after is None or (before["served"] and not after["served"]):
            yield f"{before['name']} is not served any more"
        else:
            yield from _of_versions(before, after)


def _of_versions(old: Schema, new: Schema) -> Iterator[str]:
    where = old["name"]
    if not _kept(old.get("subresources", {}), new.get("subresources", {})):
        yield f"{where}: a subresource is gone"
    for kind, key in (("selectableFields", "jsonPath"), ("additionalPrinterColumns", "name")):
        there = {one[key] for one in new.get(kind, ())}
        yield from (
            f"{where}: {one[key]} of {kind} is gone" for one in old.get(kind, ()) if one[key] not in there
        )
    before, after = (one["schema"]["openAPIV3Schema"] for one in (old, new))
    yield from of_schemas(before, after, where)


def _kept(old: Any, new: Any) -> bool:
    """Tell whether everything of `old` is in `new`."""
    if isinstance(old, Mapping):
        return isinstance(new, Mapping) and all(key in new and _kept(old[key], new[key]) for key in old)
    return set(old) <= set(new) if isinstance(old, list) else bool(old == new)


def of_schemas(old: Schema, new: Schema, where: str) -> Iterator[str]:
    """Yield where `new` refuses, drops or means otherwise what `old` allowed."""
    for word in sorted((old.keys() | new.keys()) - _KNOWN):
        yield f"{where}: {word} is a word that this comparison does not know"
    for word in _FIXED:
        if old.get(word) != new.get(word):
            yield f"{where}: {word} was {old.get(word)!r} and is {new.get(word)!r}"
    yield from _of_bounds(old, new, where)
    yield from _of_values(old, new, where)
    yield from _of_rules(old, new, where)
    for name, schema in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{where}.{name} is gone"
        else:
            yield from of_schemas(schema, new["properties"][name], f"{where}.{name}")
    if "items" in old:
        yield from of_schemas(old["items"], new.get("items", {}), f"{where}[]")


def _of_bounds(old: Schema, new: Schema, where: str) -> Iterator[str]:
    tighter: tuple[tuple[tuple[str, ...], Callable[[Any, Any], bool]], ...] = (
        (_LOWEST, lambda before, after: before is None or after > before),
        (_HIGHEST, lambda before, after: before is None or after < before),
    )
    for words, is_tighter in tighter:
        for word in words:
            before, after = old.get(word), new.get(word)
            if after is not None and is_tighter(before, after):
                yield f"{where}: {word} was {before} and is {after}"


def _of_values(old: Schema, new: Schema, where: str) -> Iterator[str]:
    if "enum" in new:
        if "enum" not in old:
            yield f"{where}: only some values are allowed now"
        yield from (
            f"{where}: {value} is not allowed any more"
            for value in old.get("enum", ())
            if value not in new["enum"]
        )
    for name in new.get("required", ()):
        if name not in old.get("required", ()):
            yield f"{where}.{name} is required now"


def _of_rules(old: Schema, new: Schema, where: str) -> Iterator[str]:
    """Yield rules that are new, unless they begin by looking for a field that is new as well."""
    known = {rule["rule"] for rule in old.get("x-kubernetes-validations", ())}
    fresh = new.get("properties", {}).keys() - old.get("properties", {}).keys()
    for rule in new.get("x-kubernetes-validations", ()):
        about_new = any(rule["rule"].startswith(f"!has(self.{name})") for name in fresh)
        if rule["rule"] not in known and not about_new:
            yield f"{where}: a rule is new: {rule['rule']}"
