"""`most_similar` by word, ours and gensim's, in turn in one process, on a workspace's words."""

from __future__ import annotations

import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from gensim.models import KeyedVectors
from threadpoolctl import threadpool_limits

import embedsearch as es
from benchmarks.rivals.neighbors import TOPN, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    Find = Callable[[str], list[str]]


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Ask for so many words at random, with one thread; gensim's answers are the truth."""
    with es.open(request["workspace"]) as workspace, threadpool_limits(1):
        words = workspace.words
        theirs = KeyedVectors(words.vector_size)
        theirs.add_vectors(words.index_to_key, np.array(words.vectors))
        theirs.fill_norms()
        finds: dict[str, Find] = {
            "gensim": partial(_found, theirs.most_similar),
            "embedsearch": partial(_found, words.most_similar),
            "embedsearch, exact": partial(_found, partial(words.most_similar, exact=True)),
        }
        drawn = np.random.default_rng(0).permutation(len(words))[: request["words"]]
        asked = [words.index_to_key[row] for row in drawn]
        return {"index": repr(words.index), "words": len(words), "ways": _measured(finds, asked)}


def _found(ask: Callable[..., Any], word: str) -> list[str]:
    return [near[0] for near in ask(word, topn=TOPN)]


def _measured(finds: dict[str, Find], asked: list[str]) -> list[dict[str, Any]]:
    times: dict[str, list[float]] = {name: [] for name in finds}
    right = dict.fromkeys(finds, 0)
    for word in asked:
        truth: set[str] = set()
        for name, find in finds.items():
            start = time.process_time()
            found = find(word)
            times[name].append(time.process_time() - start)
            truth = truth or set(found)
            right[name] += len(truth & set(found))
    return [
        {
            "way": name,
            "recall": right[name] / (TOPN * len(asked)),
            "median_us": 1e6 * median(times[name]),
            "times_gensim": median(
                g / t for g, t in zip(times["gensim"], times[name], strict=True)
            ),
        }
        for name in finds
    ]


if __name__ == "__main__":
    serve(answer)
