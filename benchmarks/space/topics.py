"""How good topics are: `python -m benchmarks.space.topics --corpus FILE ...`.

Files are JSON Lines with `text`, `title` and perhaps `metadata.group`, the label of a document.
Terms are those of search, vectors those of latent semantic analysis with 100 dimensions; both are
given to all methods. Of 20 topics and their 25 strongest terms each: coherence by NPMI of documents
and by C_V, diversity, agreement with the labels (NMI), and CPU-seconds of clustering and labelling.
`c-tf-idf` (BERTopic) and `nearest words` (Top2Vec) label the same clusters. Then, of our topics:
how well seeds agree (adjusted Rand index, mean and least of all pairs of four), and the share of
documents that fit nowhere.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from embedsearch.index.lexical.analysis import LexicalAnalyzer
from embedsearch.search.fitting import sampled
from embedsearch.search.latent_space import TermDocuments, Terms
from embedsearch.space.coherence import c_v, diversity, npmi
from embedsearch.space.options import TOPIC_METHODS
from embedsearch.space.topics import TopicModel
from embedsearch.vectors.arrays import unit_rows
from embedsearch.vectors.lsa import fit_lsa
from embedsearch.vectors.sparse import TermStatistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_TOPICS, _TOP, _SEEDS, _RANK = 20, 25, 4, 100
_MOST_TERMS = 100_000
# For the nearest words: rarer ones are near to anything.
_LEAST_DF = 10
OTHERS = ("c-tf-idf", "nearest words")


class Bed(NamedTuple):
    """Documents as terms and vectors."""

    documents: TermDocuments
    vectors: NDArray[np.float32]
    projection: NDArray[np.float32]
    labels: list[str] | None


def read_bed(path: Path, most: int | None) -> Bed:
    """Read documents, at random `most` of them."""
    data = path.read_bytes()
    data = gzip.decompress(data) if path.suffix == ".gz" else data
    read = list(map(json.loads, data.splitlines()))
    if most is not None and most < len(read):
        rows = np.sort(np.random.default_rng(0).permutation(len(read))[:most])
        read = [read[row] for row in rows.tolist()]
    analyzer = LexicalAnalyzer.for_language("english")
    texts = [analyzer.words(f"{each.get('title', '')}\n{each['text']}") for each in read]
    counted: dict[str, int] = {}
    for text in texts:
        for term in text:
            counted[term] = counted.get(term, 0) + 1
    terms = Terms(sorted(counted, key=counted.__getitem__, reverse=True)[:_MOST_TERMS])
    documents = terms.documents(texts)
    statistics = TermStatistics.of(documents.counts)
    encoder = fit_lsa(sampled(documents, 20_000).counts, statistics, (_RANK,))[0]
    vectors = encoder.documents(documents.counts, statistics)
    groups = [each.get("metadata", {}).get("group") for each in read]
    labels = groups if all(groups) else None
    return Bed(documents, vectors, np.asarray(encoder.projection), labels)


def c_tf_idf(bed: Bed, labels: NDArray[Any]) -> list[NDArray[Any]]:
    """Label clusters as BERTopic does."""
    counts = np.zeros((_TOPICS, bed.documents.size))
    for label in range(_TOPICS):
        counts[label] = bed.documents.counts[labels == label].sum(axis=0)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    idf = np.log1p(counts.sum() / _TOPICS / np.maximum(counts.sum(axis=0), 1))
    return list(np.argsort(-share * idf, axis=1, kind="stable")[:, :_TOP])


def nearest_words(bed: Bed, centers: NDArray[Any]) -> list[NDArray[Any]]:
    """Label clusters as Top2Vec does."""
    cosines = centers @ unit_rows(bed.projection).T
    counts = bed.documents.counts
    cosines[:, np.bincount(counts.indices, minlength=counts.shape[1]) < _LEAST_DF] = -2
    return list(np.argsort(-cosines, axis=1, kind="stable")[:, :_TOP])


def measured(bed: Bed, words: Sequence[NDArray[Any]], labels: NDArray[Any]) -> dict[str, Any]:
    """Measure topics by their words and labels."""
    found: dict[str, Any] = {
        "npmi": float(npmi(words, bed.documents.counts).mean()),
        "c_v": float(c_v(words, bed.documents.ids, bed.documents.bounds).mean()),
        "diversity": diversity(words),
        "nmi": None,
    }
    if bed.labels is not None:
        found["nmi"] = float(normalized_mutual_info_score(bed.labels, labels))
    return found


def measure(bed: Bed, methods: Sequence[str]) -> list[dict[str, Any]]:
    """Measure each method."""
    counts, results = bed.documents.counts, []
    for method in (each for each in TOPIC_METHODS if each in methods):
        start = time.process_time()
        model = TopicModel(_TOPICS, method=method, random_state=0)
        model.fit(counts, vectors=bed.vectors)
        words = [np.array([term for term, _ in each], int) for each in model.top_terms(_TOP)]
        spent = time.process_time() - start
        result = {"method": method, **measured(bed, words, model.labels_), "cpu_s": spent}
        results.append(result)
        if method == "clusters":
            labels = model.labels_
            others = (c_tf_idf(bed, labels), nearest_words(bed, model.centers_))
            for name, own in zip(OTHERS, others, strict=True):
                results.append({"method": name, **measured(bed, own, labels), "cpu_s": None})
            result["misfits"] = float(1 - model.fits_.mean())
            runs = [labels]
            for seed in range(1, _SEEDS):
                again = TopicModel(_TOPICS, random_state=seed).fit(counts, vectors=bed.vectors)
                runs.append(again.labels_)
            agreed = [adjusted_rand_score(a, b) for a, b in combinations(runs, 2)]
            result["seeds_ari"], result["least_ari"] = float(np.mean(agreed)), float(min(agreed))
    return results


def shown(result: dict[str, Any]) -> str:
    """Write a line of the table."""
    names = ("npmi", "c_v", "diversity", "nmi", "cpu_s", "seeds_ari", "least_ari", "misfits")
    values = ["" if result.get(n) is None else f"{result[n]:.3f}" for n in names]
    return f"{result['method']:14}" + "".join(f"{value:>11}" for value in values)


def main() -> None:
    """Measure every corpus."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.space.topics", description=__doc__)
    parser.add_argument("--corpus", action="append", required=True, metavar="FILE[:N]")
    parser.add_argument("--methods", default=",".join(TOPIC_METHODS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    for source in options.corpus:
        name, _, most = source.partition(":")
        bed = read_bed(Path(name), int(most) if most else None)
        results = measure(bed, options.methods.split(","))
        found.append({"corpus": source, "documents": len(bed.documents), "results": results})
        if not options.json:
            print(f"\n{source}, {len(bed.documents):,} documents")
            print(
                f"{'method':14}{'NPMI':>11}{'C_V':>11}{'diversity':>11}{'NMI':>11}{'CPU-s':>11}"
                f"{'seeds ARI':>11}{'least':>11}{'misfits':>11}"
            )
            print("\n".join(map(shown, results)), flush=True)
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
