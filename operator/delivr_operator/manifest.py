"""ReleaseSetups and Secrets as people write them in YAML files, read without a cluster."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretBytes

from delivr_operator.resource import (
    DNS_LABEL,
    GROUP,
    KIND,
    VERSION,
    InvalidSpec,
    Spec,
    allowed_hosts,
    parse_spec,
)

DEFAULT_NAMESPACE = "default"
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
"""As the API server has it (RFC 1123)."""


class ManifestError(ValueError):
    """A file that cannot be read as manifests; the sentence names the file and the place."""

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


def printable(text: str) -> str:
    """Return `text` as a terminal may be given it: names in a file may hold anything."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


@dataclass(frozen=True, slots=True)
class WrittenSecret:
    """One Secret of a file, opened by nobody yet."""

    data: Mapping[str, SecretBytes] = field(repr=False)
    allowed_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WrittenSetup:
    """One ReleaseSetup of a file."""

    namespace: str
    name: str
    spec: Spec | InvalidSpec


@dataclass(frozen=True, slots=True)
class Manifests:
    """Everything that the given files hold; other kinds are passed over."""

    setups: tuple[WrittenSetup, ...]
    secrets: Mapping[tuple[str, str], WrittenSecret] = field(repr=False)


def read_manifests(paths: Iterable[Path]) -> Manifests:
    """Read files of YAML documents.

    Raises:
        ManifestError: a file is missing, is no YAML, or holds an object that the API server would refuse.
    """
    setups, secrets = [], {}
    for path in paths:
        for document in _documents(path):
            if document.get("kind") == KIND and document.get("apiVersion") == f"{GROUP}/{VERSION}":
                setups.append(WrittenSetup(*_place(path, document), parse_spec(document.get("spec"))))
            elif document.get("kind") == "Secret":
                place = _place(path, document)
                secrets[place] = _secret(f"{path}: Secret {'/'.join(place)}", document)
    return Manifests(tuple(setups), secrets)


def _place(path: Path, document: Mapping[str, Any]) -> tuple[str, str]:
    metadata = _member(f"{path}: {document['kind']}", document, "metadata")
    namespace, name = metadata.get("namespace") or DEFAULT_NAMESPACE, metadata.get("name")
    if not isinstance(name, str) or not isinstance(namespace, str):
        raise ManifestError(f"{path}: {document['kind']} without a name: give it metadata.name")
    if not _NAME.fullmatch(name) or not re.fullmatch(DNS_LABEL, namespace):
        raise ManifestError(
            f"{path}: {document['kind']} {namespace}/{name}: no name that Kubernetes takes: "
            "use lower-case letters, digits and dashes"
        )
    return namespace, name


def _member(where: str, document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name) or {}
    if not isinstance(found, Mapping):
        raise ManifestError(f"{where}: {name} must be an object")
    return found


def _documents(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        documents = list(yaml.safe_load_all(path.read_text("utf-8")))
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise ManifestError(f"{path}: is no UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ManifestError(f"{path}{place}: is no valid YAML") from None
    except (ValueError, RecursionError):  # the former from values that only look like a date
        raise ManifestError(
            f"{path}: holds a value that YAML cannot read, such as an impossible date"
        ) from None
    for document in documents:
        if isinstance(document, Mapping):
            items = document.get("items") if document.get("kind") == "List" else [document]
            yield from (
                item for item in (items if isinstance(items, list) else ()) if isinstance(item, Mapping)
            )
        elif document is not None:
            raise ManifestError(f"{path}: holds something that is no Kubernetes object")


def _secret(where: str, document: Mapping[str, Any]) -> WrittenSecret:
    encoded = _texts(where, document, "data")
    plain = _texts(where, document, "stringData")
    data = {key: _decoded(f"{where}, key {key}", text) for key, text in encoded.items()}
    data |= {key: _encoded(f"{where}, key {key}", text) for key, text in plain.items()}
    return WrittenSecret(
        data, allowed_hosts(_texts(where, _member(where, document, "metadata"), "annotations"))
    )


def _texts(where: str, document: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """Return a member whose values must all be text; an empty value is an empty text."""
    found = {
        str(key): "" if value is None else value for key, value in _member(where, document, name).items()
    }
    for key, value in found.items():
        if not isinstance(value, str):
            raise ManifestError(f"{where}, key {key}: must be text: put it in quotes")
    return found


def _encoded(where: str, text: str) -> SecretBytes:
    try:
        return SecretBytes(text.encode())
    except UnicodeEncodeError:
        raise ManifestError(f"{where}: holds half a character: write it as UTF-8 has it") from None


def _decoded(where: str, text: str) -> SecretBytes:
    """Read base64 as the API server does, which passes over line breaks."""
    try:
        return SecretBytes(base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True))
    except (binascii.Error, ValueError):
        raise ManifestError(f"{where}: is no base64") from None
