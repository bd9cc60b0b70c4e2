"""A finished map: its points, groups and regions, and the files it is written to."""

from __future__ import annotations

import html
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import PATH, STRING, check
from embedsearch._errors import ParameterError
from embedsearch._io import replacing
from embedsearch.space.map_page import page

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.space.points import Points

# Tableau's twenty, the strong ones first; the last group is grey if it is "other".
_COLORS = (
    *("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#ff9da7"),
    *("#9c755f", "#1f77b4", "#a0cbe8", "#ffbe7d", "#8cd17d", "#b6992d", "#499894", "#86bcb6"),
    *("#d37295", "#fabfd2", "#d4a6c8", "#d7b5a6"),
)
_GREY, OTHER = "#bab0ac", "other"
_SUFFIXES = (".html", ".svg", ".png", ".tsv")
_SIZE, _MARGIN, _RADIUS = 1_200, 60, 3.0


class Region(NamedTuple):
    """A part of a map: where its middle is, how many points it has, and what they are about."""

    x: float
    y: float
    size: int
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A map of points.

    Attributes:
        points: What is on it.
        embedding: (n, n_components) float32, the places.
        method: How it was made: "tsne" and so on.
        groups: (n,) the number of the group of each, by which it is coloured.
        group_names: What each group is called.
        regions: Parts of the map, largest first, with what they are about.
        trustworthiness, neighbors_kept, faithfulness: How true the map is, and each of its
            points; see `embedsearch.space.maps.Faithfulness`.
        notes: What the user should know.
    """

    points: Points
    embedding: FloatMatrix
    method: str
    groups: NDArray[np.intp]
    group_names: tuple[str, ...]
    regions: tuple[Region, ...]
    trustworthiness: float
    neighbors_kept: float
    faithfulness: FloatVector
    notes: tuple[str, ...] = ()

    @property
    def colors(self) -> tuple[str, ...]:
        """A colour for each group."""
        names = self.group_names
        return tuple(
            _GREY if name == OTHER else _COLORS[place % len(_COLORS)]
            for place, name in enumerate(names)
        )

    @property
    def caption(self) -> str:
        """How it was made, and how far it can be trusted."""
        return (
            f"{len(self.points):,} points of {self.points.encoder} by {self.method}: "
            f"trustworthiness {self.trustworthiness:.3f}, "
            f"{self.neighbors_kept:.0%} of the nearest neighbours kept"
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "method": self.method,
            "encoder": self.points.encoder,
            "points": len(self.points),
            "trustworthiness": round(self.trustworthiness, 6),
            "neighbors_kept": round(self.neighbors_kept, 6),
            "regions": [region._asdict() for region in self.regions],
        }

    def save(self, path: str | os.PathLike[str], title: str = "Map") -> Path:
        """Write it to a file, by its suffix.

        `.html` is a page to move about in, which needs nothing but a browser; `.svg` and `.png`
        are pictures, of which the latter has no labels; `.tsv` is a table of the points, the only
        one for three dimensions.

        Raises:
            ParameterError: The suffix is another, or the map has not two dimensions.
        """
        check("path", path, PATH)
        check("title", title, STRING)
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in _SUFFIXES:
            raise ParameterError("path", f"a file ending in {', '.join(_SUFFIXES)}", str(path))
        if self.embedding.shape[1] != 2 and suffix != ".tsv":
            got = f"{self.embedding.shape[1]} dimensions"
            raise ParameterError("n_components", f"2 for {suffix} (a .tsv takes more)", got)
        with replacing(path) as new:
            if suffix == ".png":
                new.write_bytes(_png(self._pixels()))
            else:
                text = self._text(suffix, title)
                new.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        return path

    def _data(self) -> dict[str, Any]:
        """Return what the page shows."""
        return {
            "xy": self.embedding.astype("<f4"),
            "truth": np.rint(255 * self.faithfulness).astype(np.uint8),
            "group": self.groups.astype(np.uint8),
            "word": np.array([kind == "word" for kind in self.points.kinds], np.uint8),
            "names": self.points.names,
            "titles": self.points.titles,
            "groups": self.group_names,
            "colors": self.colors,
            "regions": [(region.x, region.y, region.label) for region in self.regions],
        }

    def _text(self, suffix: str, title: str) -> str:
        if suffix == ".html":
            return page(title, self.caption, self._data())
        return "".join(self._table() if suffix == ".tsv" else self._svg())

    def _table(self) -> Iterator[str]:
        axes = ("x", "y", "z")
        c = self.embedding.shape[1]
        places = axes[:c] if c <= len(axes) else [f"x{i + 1}" for i in range(c)]
        yield "\t".join(("name", "kind", *places, "group", "faithfulness", "title")) + "\n"
        for row, name in enumerate(self.points.names):
            numbers = [f"{value:.6g}" for value in self.embedding[row].tolist()]
            group = self.group_names[self.groups[row]]
            kind, title = self.points.kinds[row], self.points.titles[row]
            fields = (name, kind, *numbers, group, f"{self.faithfulness[row]:.3f}", title)
            yield "\t".join(" ".join(field.split()) for field in fields) + "\n"

    def _svg(self) -> Iterator[str]:
        places, colors = self._on_picture(), self.colors
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}" '
            'font-family="sans-serif" text-anchor="middle">\n'
            f'<rect width="{_SIZE}" height="{_SIZE}" fill="#fff"/>\n'
        )
        for row, (x, y) in enumerate(places.tolist()):
            color, opacity = colors[self.groups[row]], 0.25 + 0.75 * self.faithfulness[row]
            yield (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS}" fill="{color}" '
                f'fill-opacity="{opacity:.2f}"><title>{_xml(self.points.titles[row])}'
                "</title></circle>\n"
            )
        spots = self._on_picture(np.array([[r.x, r.y] for r in self.regions]).reshape(-1, 2))
        for (x, y), region in zip(spots.tolist(), self.regions, strict=True):
            yield (
                f'<text x="{x:.1f}" y="{y:.1f}" font-size="15" font-weight="600" stroke="#fff" '
                f'stroke-width="4" paint-order="stroke">{_xml(region.label)}</text>\n'
            )
        yield (
            f'<text x="{_SIZE // 2}" y="{_SIZE - 20}" font-size="16">{_xml(self.caption)}</text>\n'
            "</svg>\n"
        )

    def _on_picture(self, places: NDArray[Any] | None = None) -> NDArray[np.float64]:
        low, high = self.embedding.min(axis=0), self.embedding.max(axis=0)
        span = max(float((high - low).max()), 1e-9)
        places = self.embedding if places is None else places
        scaled = (places - (low + high) / 2) / span * (_SIZE - 2 * _MARGIN)
        return np.asarray(scaled * (1, -1) + _SIZE / 2, np.float64)

    def _pixels(self) -> NDArray[np.uint8]:
        """Return the picture: (height, width, 3)."""
        pixels = np.full((_SIZE, _SIZE, 3), 255.0)
        colors = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in self.colors])
        near = np.arange(-3, 4)
        dy, dx = (each.ravel() for each in np.meshgrid(near, near))
        inside = dx**2 + dy**2 <= _RADIUS**2
        dy, dx = dy[inside], dx[inside]
        opacities = 0.25 + 0.75 * self.faithfulness
        for (x, y), group, opacity in zip(
            np.rint(self._on_picture()).astype(int), self.groups, opacities, strict=True
        ):
            spot = pixels[y + dy, x + dx]
            pixels[y + dy, x + dx] = spot + (colors[group] - spot) * opacity
        rounded: NDArray[np.uint8] = np.rint(pixels).astype(np.uint8)
        return rounded


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Return an image (height, width, 3) as PNG (W3C, Portable Network Graphics, 3rd edition)."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def _xml(text: str) -> str:
    """Escape a text, without the characters that XML cannot hold."""
    return html.escape("".join(letter if letter.isprintable() else " " for letter in text))
