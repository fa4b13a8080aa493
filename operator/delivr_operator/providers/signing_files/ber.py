"""Reads ASN.1 in BER, which signing files are written in, into a tree of bounded depth.

`cryptography` reads DER only and calls its own ASN.1 reader unstable; files also come with indefinite lengths
and with octet strings in pieces, as streaming writers leave them.
"""

from dataclasses import dataclass, field

from delivr_operator.providers.signing_files.unusable import Malformed

INTEGER, OCTETS, IDENTIFIER, BMP_STRING = 0x02, 0x04, 0x06, 0x1E
SEQUENCE, SET = 0x30, 0x31
EXPLICIT_0, IMPLICIT_0 = 0xA0, 0x80

_DEEPEST = 32
"""Real files need 12; a deeper one would only spend the stack."""
_CONSTRUCTED = 0x20
_LONG = 0x1F
_MORE = 0x80
_END = b"\0\0"
_LONGEST_NUMBER = 8


@dataclass(frozen=True, slots=True)
class Element:
    """One value: its content where it is primitive, its parts where it is constructed."""

    tag: int
    content: bytes = field(default=b"", repr=False)
    parts: tuple["Element", ...] = field(default=(), repr=False)

    def at(self, place: int, tag: int) -> "Element":
        """Return the part at `place`, which must have this tag.

        Raises:
            Malformed: there is none.
        """
        if place >= len(self.parts) or self.parts[place].tag != tag:
            raise Malformed
        return self.parts[place]

    def octets_at(self, place: int) -> bytes:
        """Return the content of the octet string at `place`, also of one in pieces.

        Raises:
            Malformed: there is none.
        """
        found = self.parts[place] if place < len(self.parts) else None
        if found is None or found.tag & ~_CONSTRUCTED not in (OCTETS, IMPLICIT_0):
            raise Malformed
        return found.joined

    @property
    def joined(self) -> bytes:
        """All content in here, one piece after the other."""
        return b"".join((self.content, *(part.joined for part in self.parts)))

    @property
    def encoded(self) -> bytes:
        """This value in DER."""
        body = b"".join((self.content, *(part.encoded for part in self.parts)))
        size = len(body)
        if size < _MORE:
            return bytes((self.tag, size)) + body
        length = size.to_bytes((size.bit_length() + 7) // 8)
        return bytes((self.tag, _MORE | len(length))) + length + body

    @property
    def number(self) -> int:
        """The value of an integer; larger ones than any count are none."""
        if len(self.content) > _LONGEST_NUMBER:
            raise Malformed
        return int.from_bytes(self.content, signed=True)

    @property
    def identifier(self) -> str:
        """The object identifier in dotted form."""
        numbers, value = [], 0
        for byte in self.content:
            value = value << 7 | byte & 0x7F
            if not byte & _MORE:
                numbers.append(value)
                value = 0
        if not numbers:
            raise Malformed
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def parse(data: bytes) -> Element:
    """Return the first value in `data`; what follows it is padding.

    Raises:
        Malformed: there is no whole one, or it is nested without end.
    """
    return _element(data, 0, 0)[0]


def _element(data: bytes, at: int, depth: int) -> tuple[Element, int]:
    if depth > _DEEPEST:
        raise Malformed
    tag, at = _tag(data, at)
    length, at = _length(data, at)
    if length is None:
        return _until_end_mark(data, at, tag, depth)
    end = at + length
    if end > len(data):
        raise Malformed
    if not tag & _CONSTRUCTED:
        return Element(tag, data[at:end]), end
    parts = []
    while at < end:
        part, at = _element(data, at, depth + 1)
        parts.append(part)
    if at != end:
        raise Malformed
    return Element(tag, parts=tuple(parts)), end


def _until_end_mark(data: bytes, at: int, tag: int, depth: int) -> tuple[Element, int]:
    if not tag & _CONSTRUCTED:
        raise Malformed
    parts = []
    while data[at : at + 2] != _END:
        part, at = _element(data, at, depth + 1)
        parts.append(part)
    return Element(tag, parts=tuple(parts)), at + 2


def _tag(data: bytes, at: int) -> tuple[int, int]:
    tag, at = _byte(data, at)
    if tag & _LONG == _LONG:  # goes on over more bytes, as no tag in these files does
        raise Malformed
    return tag, at


def _length(data: bytes, at: int) -> tuple[int | None, int]:
    first, at = _byte(data, at)
    if not first & _MORE:
        return first, at
    size = first & ~_MORE
    if size == 0:
        return None, at
    if size > _LONGEST_NUMBER:
        raise Malformed
    return int.from_bytes(data[at : at + size]), at + size


def _byte(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise Malformed
    return data[at], at + 1
