"""Small line plots as SVG: the same bytes for the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WIDTH, HEIGHT = 760, 440
_LEFT, _TOP, _RIGHT, _BOTTOM = 70, 36, 580, 390
_STEP = 20


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        label: What it shows.
        first: Where it begins.
        last: Where it ends.
        ticks: Values that are named.
        scale: Grows along the axis: equal steps of it are equally wide.
    """

    label: str
    first: float
    last: float
    ticks: Sequence[float]
    scale: Callable[[float], float] = float

    def share(self, value: float) -> float:
        """Return how far along the axis a value is, 0 to 1."""
        first, last = self.scale(self.first), self.scale(self.last)
        return (self.scale(value) - first) / (last - first)


@dataclass(frozen=True)
class Curve:
    """Points that are joined, with a name; points outside the axes are left out."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    dashed: bool = False


def draw(title: str, across: Axis, up: Axis, curves: Sequence[Curve]) -> str:
    """Return a plot as SVG."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(_LEFT, _TOP - 14, title, size=14),
        *_grid(across, up),
        *(line for curve in curves for line in _drawn(curve, across, up)),
        *_legend(curves),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _grid(across: Axis, up: Axis) -> Iterator[str]:
    for value in across.ticks:
        x = _x(across, value)
        yield _line(x, _TOP, x, _BOTTOM, "#ddd")
        yield _text(x, _BOTTOM + 17, f"{value:,g}", "middle")
    for value in up.ticks:
        y = _y(up, value)
        yield _line(_LEFT, y, _RIGHT, y, "#ddd")
        yield _text(_LEFT - 6, y + 4, _named(value), "end")
    yield _text((_LEFT + _RIGHT) / 2, HEIGHT - 12, across.label, "middle")
    middle = (_TOP + _BOTTOM) / 2
    yield (
        f'<text x="14" y="{middle:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 14 {middle:.1f})">{escape(up.label)}</text>'
    )


def _drawn(curve: Curve, across: Axis, up: Axis) -> Iterator[str]:
    places = [
        (_x(across, x), _y(up, y))
        for x, y in curve.points
        if across.first <= x <= across.last and up.first <= y <= up.last
    ]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield (
        f'<polyline points="{joined}" fill="none" stroke="{curve.colour}" stroke-width="1.8"'
        f"{_dashes(curve)}/>"
    )
    for x, y in places:
        yield _dot(x, y, curve)


def _legend(curves: Sequence[Curve]) -> Iterator[str]:
    for number, curve in enumerate(curves):
        y, x = _TOP + 8 + number * _STEP, _RIGHT + 14
        yield _line(x, y, x + 24, y, curve.colour, f' stroke-width="1.8"{_dashes(curve)}')
        yield _dot(x + 12, y, curve)
        yield _text(x + 30, y + 4, curve.name)


def _dot(x: float, y: float, curve: Curve) -> str:
    fill = "#fff" if curve.dashed else curve.colour
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{fill}" stroke="{curve.colour}"/>'


def _dashes(curve: Curve) -> str:
    return ' stroke-dasharray="5 4"' if curve.dashed else ""


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, more: str = "") -> str:
    ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
    return f'<line {ends} stroke="{colour}"{more}/>'


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 12) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f"<text {place}>{escape(text)}</text>"


def _named(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _x(axis: Axis, value: float) -> float:
    return _LEFT + axis.share(value) * (_RIGHT - _LEFT)


def _y(axis: Axis, value: float) -> float:
    return _BOTTOM - axis.share(value) * (_BOTTOM - _TOP)
