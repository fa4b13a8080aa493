"""One measured line: the operator's number, the floor's, and how they stand to each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """What was measured; both numbers are in `unit`."""

    name: str
    operator: float
    floor: float
    unit: str

    @property
    def ratio(self) -> float:
        """How many times the floor the operator took; 1 where neither took anything."""
        if self.operator == self.floor:
            return 1.0
        return self.operator / self.floor if self.floor else float("inf")


def table(rows: Sequence[Row]) -> str:
    """Return the rows for people."""
    width = max(len(row.name) for row in rows)
    head = f"{'':<{width}}  {'operator':>10}  {'floor':>10}  {'ratio':>6}"
    lines = [
        f"{r.name:<{width}}  {r.operator:>10.3g}  {r.floor:>10.3g}  {r.ratio:>6.2f}  {r.unit}" for r in rows
    ]
    return "\n".join([head, *lines])


def write(rows: Sequence[Row], path: Path) -> None:
    """The file holds the rows for machines."""
    found = [
        {"name": r.name, "operator": r.operator, "floor": r.floor, "ratio": r.ratio, "unit": r.unit}
        for r in rows
    ]
    path.write_text(json.dumps(found, indent=1) + "\n")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
