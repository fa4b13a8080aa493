"""PURE: how tenants are split over several operators: in fixed parts, of which each operator wants some."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

PARTS = 24
"""Into how many parts all tenants fall, for ever: as many as 2, 3, 4, 6, 8 and 12 operators share evenly."""


def part_of(whose: str) -> int:
    """Return the part that a tenant falls into, the same in every process and every release."""
    return int.from_bytes(hashlib.sha256(whose.encode()).digest()[:8]) % PARTS


@dataclass(frozen=True, slots=True)
class Shard:
    """Which of how many operators one is, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2/4`.

        Raises:
            ValueError: it is none.
        """
        found = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})", text)
        number, of = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= of <= PARTS:
            raise ValueError(f"must be I/N with I from 1 to N and N at most {PARTS}, for example 2/4")
        return cls(number, of)

    @property
    def parts(self) -> frozenset[int]:
        """The parts that this operator wants; every part is wanted by one of the `of`, evenly."""
        return frozenset(range(PARTS * (self.number - 1) // self.of, PARTS * self.number // self.of))
