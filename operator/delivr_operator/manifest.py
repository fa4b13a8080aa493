"""ReleaseSetups and Secrets as people write them in YAML files, read without a cluster."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretBytes

from delivr_operator.resource import GROUP, KIND, InvalidSpec, Spec, allowed_hosts, parse_spec

DEFAULT_NAMESPACE = "default"


class ManifestError(ValueError):
    """A file that cannot be read as manifests; the sentence names the file and the place."""


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
        ManifestError: a file is missing, is no YAML, or holds a Secret whose data is no base64.
    """
    setups, secrets = [], {}
    for path in paths:
        for document in _documents(path):
            metadata = document.get("metadata") or {}
            place = (str(metadata.get("namespace") or DEFAULT_NAMESPACE), str(metadata.get("name") or ""))
            if document.get("kind") == KIND and str(document.get("apiVersion", "")).startswith(f"{GROUP}/"):
                setups.append(WrittenSetup(*place, parse_spec(document.get("spec"))))
            elif document.get("kind") == "Secret":
                secrets[place] = _secret(path, place, document)
    return Manifests(tuple(setups), secrets)


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
    for document in documents:
        if isinstance(document, Mapping):
            items = document.get("items") if document.get("kind") == "List" else [document]
            yield from (item for item in items or () if isinstance(item, Mapping))
        elif document is not None:
            raise ManifestError(f"{path}: holds something that is no Kubernetes object")


def _secret(path: Path, place: tuple[str, str], document: Mapping[str, Any]) -> WrittenSecret:
    data = {}
    for key, value in (document.get("data") or {}).items():
        try:
            data[str(key)] = SecretBytes(base64.b64decode(str(value), validate=True))
        except (binascii.Error, ValueError):
            raise ManifestError(f"{path}: Secret {'/'.join(place)}, key {key}: is no base64") from None
    for key, value in (document.get("stringData") or {}).items():
        data[str(key)] = SecretBytes(str(value).encode())
    annotations = (document.get("metadata") or {}).get("annotations")
    return WrittenSecret(data, allowed_hosts(annotations))
