"""Straight lines through measured points, and a drawing of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression
from typing import Self
from xml.sax.saxutils import escape

WIDTH, HEIGHT, MARGIN, COLUMNS = 230, 150, 34, 3
_STYLE = (
    "text{font:11px sans-serif;fill:#333}.box{fill:#fff;stroke:#bbb}"
    ".line{stroke:#888;stroke-dasharray:4 3}.dot{fill:#0b62a4}"
)


@dataclass(frozen=True)
class Growth:
    """How one thing grew with the number of resources, and the straight line through it."""

    name: str
    unit: str
    points: Sequence[tuple[float, float]]
    slope: float
    rest: float
    """What the line says of no resources."""

    @classmethod
    def of(cls, name: str, unit: str, points: Sequence[tuple[float, float]]) -> Self:
        """Lay the line of least squares."""
        slope, rest = linear_regression([x for x, _ in points], [y for _, y in points])
        return cls(name, unit, points, slope, rest)

    def line(self, size: float) -> float:
        """Return where the line is at `size`."""
        return self.rest + self.slope * size

    @property
    def deviation(self) -> float:
        """How far the point that is farthest from the line is, in per cent of the largest value."""
        largest = max(y for _, y in self.points)
        return max(abs(y - self.line(x)) for x, y in self.points) / largest * 100 if largest else 0.0


def drawing(growths: Sequence[Growth]) -> str:
    """Return an SVG with a field for each, from zero on both axes."""
    fields = [
        f'<g transform="translate({number % COLUMNS * (WIDTH + MARGIN) + MARGIN},'
        f'{number // COLUMNS * (HEIGHT + 2 * MARGIN) + MARGIN})">{_field(one)}</g>'
        for number, one in enumerate(growths)
    ]
    width = COLUMNS * (WIDTH + MARGIN) + MARGIN
    height = -(-len(growths) // COLUMNS) * (HEIGHT + 2 * MARGIN)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><style>{_STYLE}</style>'
    paper = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, paper, *fields, "</svg>", ""])


def _field(one: Growth) -> str:
    right, top = max(x for x, _ in one.points), max(*(y for _, y in one.points), 1e-9) * 1.1

    def at(x: float, y: float) -> tuple[float, float]:
        return round(x / right * (WIDTH - 8), 1), round(HEIGHT - min(max(y / top, 0), 1) * HEIGHT, 1)

    (x1, y1), (x2, y2) = at(0, one.line(0)), at(right, one.line(right))
    marks = [(at(x, y), f"{y:.3g}") for x, y in one.points]
    return "".join(
        [
            f'<rect class="box" width="{WIDTH}" height="{HEIGHT}"/>',
            f'<text y="-8">{escape(f"{one.name}, {one.unit}" if one.unit else one.name)}</text>',
            f'<line class="line" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>',
            *(f'<circle class="dot" cx="{x}" cy="{y}" r="3"/>' for (x, y), _ in marks),
            *(f'<text x="{x - 6}" y="{y - 7}" text-anchor="end">{said}</text>' for (x, y), said in marks[1:]),
            *(
                f'<text x="{at(x, 0)[0]}" y="{HEIGHT + 14}" text-anchor="end">{x:,}</text>'
                for x, _ in one.points
            ),
        ]
    )
