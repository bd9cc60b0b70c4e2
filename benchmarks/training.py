"""Training speed and quality against gensim: `python -m benchmarks.training --corpus FILE`.

Every rival trains on the same file and cores, in a process of its own, one after the other.
`embedsearch` chooses its settings itself, but for the size of vectors; all others have the same.
Words a second are raw words of the file times epochs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from gensim.test.utils import datapath

from benchmarks.search import table
from embedsearch._processes import count_cores
from embedsearch.evaluation import analogies, pairs
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

OURS = "benchmarks.rivals.embedsearch_trainers"
GENSIM = "benchmarks.rivals.gensim_trainers"
RIVALS: dict[str, tuple[str, dict[str, Any]]] = {
    "embedsearch": (OURS, {"trainer": "auto"}),
    "embedsearch-same": (OURS, {"trainer": "word2vec"}),
    "embedsearch-deterministic": (OURS, {"trainer": "word2vec", "deterministic": 1}),
    "embedsearch-cbow": (OURS, {"trainer": "word2vec", "sg": 0}),
    "embedsearch-fasttext": (OURS, {"trainer": "fasttext"}),
    "embedsearch-fasttext-cbow": (OURS, {"trainer": "fasttext", "sg": 0}),
    "embedsearch-ppmi": (OURS, {"trainer": "ppmi"}),
    "gensim": (GENSIM, {}),
    "gensim-cbow": (GENSIM, {"sg": 0}),
    "gensim-fasttext": (GENSIM, {"trainer": "fasttext"}),
    "gensim-fasttext-cbow": (GENSIM, {"trainer": "fasttext", "sg": 0}),
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="text, a document a line")
    parser.add_argument("--tokens", type=int, help="only about so many words of it")
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--negative", type=int, default=5)
    parser.add_argument("--workers", type=int, default=count_cores())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--rivals", default="embedsearch,embedsearch-same,gensim", help=f"of {', '.join(RIVALS)}"
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def settings_of(options: argparse.Namespace, own: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a rival; `auto` chooses for itself all but the size of vectors."""
    if own.get("trainer") == "auto":
        asked = {"vector_size": options.dim}
    else:
        asked = {"vector_size": options.dim, "epochs": options.epochs, "negative": options.negative}
        asked |= {"sg": 1, "window": 5, "min_count": 5, "sample": 1e-3, "alpha": 0.025}
    return {**asked, "workers": options.workers, "seed": options.seed, **own}


def measure(rival: str, corpus: Path, words: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train one rival in a process of its own and judge its vectors."""
    module, own = RIVALS[rival]
    settings = settings_of(options, own)
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", module, str(corpus), folder, json.dumps(settings)]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        if status:
            raise SystemExit(f"{rival} failed")
        times = json.loads(output)
        vectors = np.load(Path(folder) / "vectors.npy")
        known = (Path(folder) / "words.txt").read_text(encoding="utf-8").split("\n")
    trained = words * times["epochs"]
    return {
        "rival": rival,
        "words_per_cpu_second": trained / times["train_cpu"],
        "words_per_second": trained / times["train_wall"],
        "read_seconds": times["read_wall"],
        "train_seconds": times["train_wall"],
        "train_cpu_seconds": times["train_cpu"],
        "total_seconds": wall,
        "total_cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": times["peak_mb"],
        "matrices_mb": 2 * vectors.nbytes / 2**20,
        "vocabulary": len(known),
        **quality(known, vectors),
    }


def quality(
    words: Sequence[str], vectors: NDArray[np.float32], restrict_vocab: int = 30_000
) -> dict[str, float]:
    """Return the accuracy of analogies and the rank correlations of word pairs, which gensim ships.

    Source: Mikolov et al. 2013 (questions-words), Finkelstein et al. 2002 (WordSim-353), Hill et
    al. 2015 (SimLex-999). The accuracy equals that of gensim's `evaluate_word_analogies`.
    """
    known = WordVectors(vectors, words)
    accuracy = analogies(
        known, datapath("questions-words.txt"), restrict_vocab=restrict_vocab
    ).accuracy
    return {
        "accuracy": _or_nan(accuracy),
        "wordsim353": _rank_correlation(known, "wordsim353.tsv"),
        "simlex999": _rank_correlation(known, "simlex999.txt"),
    }


def _rank_correlation(vectors: WordVectors, name: str) -> float:
    return _or_nan(pairs(vectors, datapath(name), restrict_vocab=None).spearman.value)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def shortened(corpus: Path, tokens: int | None, folder: Path) -> tuple[Path, int]:
    """Return a file of the first so many words, and its words."""
    path, words = folder / "corpus.txt", 0
    with corpus.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as out:
        for line in lines:
            if tokens is not None and words >= tokens:
                break
            words += len(line.split())
            out.write(line)
    return path, words


def main() -> None:
    """Measure all rivals in turn."""
    options = arguments()
    with TemporaryDirectory() as folder:
        corpus, words = shortened(options.corpus, options.tokens, Path(folder))
        results = [measure(rival, corpus, words, options) for rival in options.rivals.split(",")]
    report = {"words": words, "settings": settings_of(options, {}), "results": results}
    print(json.dumps(report) if options.json else table(results))


if __name__ == "__main__":
    main()
