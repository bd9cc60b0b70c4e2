"""Documents without end: those of a file again and again, or made-up ones."""

from __future__ import annotations

import gzip
import json
from itertools import count, islice, product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    Row = tuple[str, str, str, str]

_ONSETS = ["b", "br", "d", "f", "g", "gr", "h", "k", "kl", "l", "m", "n", "p", "pr", "r", "s"]
_ONSETS += ["st", "t", "tr", "v"]
_NUCLEI = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
_VOCABULARY, _LENGTH, _BLOCK = 20_000, 100, 1000


def rows(corpus: str | None, first: int = 0) -> Iterator[Row]:
    """Yield (id, title, text, metadata as JSON) for ever, from a place on.

    Args:
        corpus: A file of JSON lines with "text" and perhaps "title"; None makes texts up.
        first: The place, counted from 0; the id is that place, too.
    """
    texts = _made_up(first) if corpus is None else _read(Path(corpus), first)
    for number, (title, text) in enumerate(texts, first):
        yield f"d{number}", title, text, f'{{"number":{number}}}'


def _read(path: Path, first: int) -> Iterator[tuple[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    passed = 0
    while True:
        with opened(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                passed += 1
                if passed > first:
                    values = json.loads(line)
                    yield values.get("title", ""), values["text"]


def _made_up(first: int) -> Iterator[tuple[str, str]]:
    """Yield texts of about a hundred words; how often a word occurs falls with its rank."""
    words = np.array(_words())
    weights = (np.arange(_VOCABULARY) + 2.7) ** -1.07
    weights /= weights.sum()
    for block in count(first // _BLOCK):
        rng = np.random.default_rng((7, block))
        lengths = np.maximum(rng.lognormal(np.log(_LENGTH), 0.5, _BLOCK).astype(int), 3)
        drawn = words[rng.choice(_VOCABULARY, lengths.sum(), p=weights)]
        ends = lengths.cumsum()
        for place in range(max(first - block * _BLOCK, 0), _BLOCK):
            own = drawn[ends[place] - lengths[place] : ends[place]].tolist()
            yield " ".join(own[:3]), " ".join(own)


def _words() -> list[str]:
    syllables = [onset + nucleus for onset in _ONSETS for nucleus in _NUCLEI]
    return ["".join(pair) for pair in islice(product(syllables, repeat=2), _VOCABULARY)]
