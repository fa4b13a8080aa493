"""What must not be found: values in every spelling in which a program might repeat them."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""Anything shorter is also a word or a number that stands somewhere by chance."""
LINE = 24
"""Lines of a value that are at least so long are looked for by themselves."""
HEAD = 16
"""So much of a value's beginning is looked for, too: what repeats often cuts."""


@dataclass(frozen=True)
class Finding:
    """A value that stands where it must not."""

    name: str
    spelling: str
    place: str


@dataclass(frozen=True)
class Needles:
    """Named values to look for."""

    values: Mapping[str, bytes]

    def found_in(self, places: Mapping[str, bytes]) -> list[Finding]:
        """Return every value that stands in one of the places, once for each spelling."""
        return [finding for place, data in places.items() for finding in self._found(place, data)]

    def _found(self, place: str, data: bytes) -> Iterator[Finding]:
        beginnings = self._by_beginning
        at = {data[i : i + SHORTEST] for i in range(len(data) - SHORTEST + 1)} & beginnings.keys()
        for beginning in sorted(at):
            for spelled, (name, spelling) in beginnings[beginning].items():
                if spelled in data:
                    yield Finding(name, spelling, place)

    @cached_property
    def _by_beginning(self) -> dict[bytes, dict[bytes, tuple[str, str]]]:
        """Index the spellings, so that many of them cost no more than one pass over the data."""
        index: dict[bytes, dict[bytes, tuple[str, str]]] = {}
        for name, value in self.values.items():
            for spelling, spelled in spellings(value):
                index.setdefault(spelled[:SHORTEST], {})[spelled] = (name, spelling)
        return index


def spellings(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the value, its lines, its parts between dots and its beginning, in every spelling."""
    assert len(value) >= SHORTEST, "too short to be told from chance"
    lines = [line.strip() for line in value.splitlines()]
    pieces = {value, *lines, b"".join(lines), *value.split(b"."), *(line[:HEAD] for line in [value.strip()])}
    whole = {piece for piece in pieces if len(piece) >= LINE or piece == value}
    if not value.startswith((b"-----", b"{")):
        whole.add(value[:HEAD])
    for piece in sorted(whole):
        if not piece.startswith(b"-----"):  # a PEM's first and last line say nothing
            yield from _spelled(piece)
    if value.startswith(b"-----"):
        yield from _spelled(value)


def _spelled(piece: bytes) -> Iterator[tuple[str, bytes]]:
    yield "raw", piece
    yield "hex", piece.hex().encode()
    yield "HEX", piece.hex().upper().encode()
    yield "URL", quote(piece, safe="").encode()
    yield "form", quote_plus(piece, safe="").encode()
    text = piece.decode("utf-8", "backslashreplace")
    once = json.dumps(text)[1:-1]
    yield "JSON", once.encode()
    yield "JSON in JSON", json.dumps(once)[1:-1].encode()
    yield "repr", repr(text)[1:-1].encode()
    for shift in range(3):
        for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            yield f"{name} at {shift}", _core(encode(b"\0" * shift + piece), shift)


def _core(encoded: bytes, shift: int) -> bytes:
    """Cut off the digits that hold bits of what stands before and behind."""
    core = encoded.rstrip(b"=")[(0, 2, 3)[shift] :]
    return core[:-1] if encoded.endswith(b"=") else core


def worth_looking_for(named: Iterable[tuple[str, str]]) -> Needles:
    """Return the needles of these values; short ones are words such as a user's name."""
    return Needles({name: value.encode() for name, value in named if len(value) >= SHORTEST})
