"""Answers kept whole, so that a provider may say "unchanged" instead of sending and charging them again."""

import hashlib
import re
import zlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from http import HTTPStatus

from delivr_operator.probing.limits import MEBIBYTE
from delivr_operator.providers.exchange import Response

_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,200}"')
_ENTRY_WEIGHT = 600
"""Bytes that an entry takes beside its packed body, about."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One whole answer and the name that the provider gave to this state of it."""

    etag: str
    content_type: str
    packed: bytes

    def confirmed(self, unchanged: Response) -> Response:
        """Return the whole answer that a 304 stands for; what its own headers say is newer."""
        headers = {"content-type": self.content_type, **unchanged.headers}
        return replace(unchanged, status=HTTPStatus.OK, headers=headers, body=zlib.decompress(self.packed))


class KeptAnswers:
    """The answers last used, of all credentials together; forgetting any of them costs one whole answer.

    Args:
        capacity: bytes that all of them may take; GitHub's answer about a repository packs to about 1,500.
    """

    def __init__(self, capacity: int = 16 * MEBIBYTE) -> None:
        self._capacity = capacity
        self._weight = 0
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()

    def __len__(self) -> int:
        """Return how many answers are kept."""
        return len(self._kept)

    def get(self, key: bytes) -> Kept | None:
        """Return what is kept under `key`, which is then the last to be forgotten."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: bytes, kept: Kept | None) -> None:
        """Keep an answer in place of what was kept under `key`; None forgets that."""
        if (before := self._kept.pop(key, None)) is not None:
            self._weight -= _weight(before)
        if kept is None:
            return
        self._kept[key] = kept
        self._weight += _weight(kept)
        while self._weight > self._capacity:
            _, oldest = self._kept.popitem(last=False)
            self._weight -= _weight(oldest)


@dataclass(frozen=True, slots=True)
class Recall:
    """What is kept of one credential's answers; another credential may be told something else."""

    answers: KeptAnswers
    credential: str

    def about(self, url: str) -> Kept | None:
        """Return the last whole answer from `url`, if there is one to compare with."""
        return self.answers.get(self._key(url))

    def note(self, url: str, response: Response) -> None:
        """Keep a whole answer that has a name; any other answer ends what was kept."""
        etag = response.headers.get("etag", "")
        named = response.status == HTTPStatus.OK and _ETAG.fullmatch(etag)
        content_type = response.headers.get("content-type", "")
        self.answers.put(
            self._key(url), Kept(etag, content_type, zlib.compress(response.body)) if named else None
        )

    def _key(self, url: str) -> bytes:
        return hashlib.sha256(f"{self.credential} {url}".encode()).digest()


def _weight(kept: Kept) -> int:
    return _ENTRY_WEIGHT + len(kept.packed)
