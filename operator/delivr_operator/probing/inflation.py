"""The body of an answer as it comes in: unpacked where packed, and never more than its cap."""

import zlib

_EITHER = zlib.MAX_WBITS | 32
"""Lets zlib tell gzip from deflate by itself."""


class TooLarge(Exception):  # noqa: N818 - what an answer is, not an error of the operator
    """The body exceeds its cap."""


class Unreadable(Exception):  # noqa: N818 - what an answer is, not an error of the operator
    """The body is packed in a way that nobody asked for, or broken."""


class Inflation:
    """Takes the pieces of one body."""

    def __init__(self, encoding: str, cap: int) -> None:
        if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise Unreadable
        self._unpack = None if encoding in {"", "identity"} else zlib.decompressobj(_EITHER)
        self._cap = cap
        self._body = bytearray()

    def feed(self, piece: bytes) -> None:
        """Take one piece; no more than the cap and one byte is ever unpacked.

        Raises:
            TooLarge: the body exceeds its cap.
            Unreadable: it is not packed as its header says.
        """
        if self._unpack is None:
            self._body += piece
        else:
            try:
                self._body += self._unpack.decompress(piece, self._cap - len(self._body) + 1)
            except zlib.error:
                raise Unreadable from None
        if len(self._body) > self._cap:
            raise TooLarge

    def finish(self) -> bytes:
        """Return the whole body.

        Raises:
            Unreadable: its end is missing.
        """
        if self._unpack is not None and self._body and not self._unpack.eof:
            raise Unreadable
        return bytes(self._body)
