"""Stability: overlaps held against sets of neighbours that numpy finds."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest

from embedsearch._errors import InputError, ParameterError
from embedsearch.evaluation import stability
from embedsearch.evaluation.neighbor_stability import StabilityReport, draw
from embedsearch.vectors.word_vectors import WordVectors

V = 120


def model(seed: int, noise: float, words: list[str] | None = None) -> WordVectors:
    """The same vectors for the same words in any order, with noise of their own."""
    words = words or [f"w{number}" for number in range(V)]
    places = {f"w{n}": row for n, row in enumerate(np.random.default_rng(0).normal(size=(V, 6)))}
    X = np.array([places[word] for word in words])
    X += noise * np.random.default_rng(seed).standard_normal(X.shape)
    return WordVectors(X.astype(np.float32), words)


def neighbours(vectors: WordVectors, word: str, among: set[str], topn: int) -> set[str]:
    words = [other for other in vectors.index_to_key if other in among - {word}]
    X = vectors.unit[[vectors.key_to_index[other] for other in words]].astype(np.float64)
    cosines = X @ vectors.unit[vectors.key_to_index[word]]
    return {words[row] for row in np.argsort(-cosines)[:topn]}


def expected(models: list[WordVectors], topn: int) -> dict[str, float]:
    """The mean overlap of every common word, in the order of the first model."""
    common = set.intersection(*(set(one.index_to_key) for one in models))
    overlaps = {}
    for word in filter(common.__contains__, models[0].index_to_key):
        sets = [neighbours(one, word, common, topn) for one in models]
        overlaps[word] = np.mean([len(a & b) / topn for a, b in combinations(sets, 2)])
    return overlaps


def three() -> list[WordVectors]:
    """Three models, two of which lack words of the first and have another order."""
    words = [f"w{number}" for number in range(V)]
    return [model(1, 0.3), model(2, 0.3, words[:1:-1]), model(3, 0.3, words[:100])]


@pytest.mark.parametrize("topn", [1, 10])
def test_the_overlap_is_that_of_the_sets_of_neighbours(topn: int) -> None:
    wanted = expected(three(), topn)
    report = stability(three(), topn=topn, bands=(10, 40))
    first, second, rest = report.bands
    values = np.array(list(wanted.values()))
    assert report.common == len(wanted) == 98
    # w0 and w1, the first two ranks, are not in the second model.
    assert [band.words for band in report.bands] == [8, 30, 60]
    for band, part in ((first, values[:8]), (second, values[8:38]), (rest, values[38:])):
        assert band.overlap == pytest.approx(part.mean())
        assert band.error == pytest.approx(part.std(ddof=1) / len(part) ** 0.5)
    assert report.overlap == pytest.approx(values.mean())
    assert 0.1 < report.overlap < 0.9


def test_equal_models_are_stable_whatever_their_scale_and_order() -> None:
    one, words = model(1, 0), [f"w{number}" for number in reversed(range(V))]
    other = WordVectors(7 * model(1, 0, words).vectors, words)
    assert stability([one, other]).overlap == 1


def test_more_noise_is_less_stable() -> None:
    reports = [stability([model(1, noise), model(2, noise)]) for noise in (0.1, 0.5, 2)]
    overlaps = [report.overlap for report in reports]
    assert overlaps == sorted(overlaps, reverse=True)
    # Of V - 1 words, ten are shared by chance alone.
    assert stability([model(1, 1e6), model(2, 1e6)]).overlap == pytest.approx(10 / V, abs=0.03)


def test_bands_end_at_their_ranks() -> None:
    report = stability([model(1, 0.1), model(2, 0.1)], bands=(100, 1000))
    assert [(band.first, band.last) for band in report.bands] == [(1, 100), (101, 120)]
    whole = stability([model(1, 0.1), model(2, 0.1)], bands=())
    assert [(band.first, band.last, band.words) for band in whole.bands] == [(1, V, V)]


def test_a_sample_is_drawn_by_its_seed() -> None:
    def sampled(seed: int) -> StabilityReport:
        return stability([model(1, 0.5), model(2, 0.5)], bands=(30,), words=20, seed=seed)

    assert sampled(3) == sampled(3)
    assert sampled(3).overlap != sampled(4).overlap
    assert [band.sampled for band in sampled(3).bands] == [20, 20]
    first, rest = sampled(3).bands
    assert sampled(3).overlap == pytest.approx((first.overlap + 3 * rest.overlap) / 4)
    assert sampled(3).error == pytest.approx(np.hypot(first.error, 3 * rest.error) / 4)
    true = stability([model(1, 0.5), model(2, 0.5)]).overlap
    errors = [(sampled(seed).overlap - true) / (sampled(seed).error or 0) for seed in range(40)]
    assert 0.4 < np.std(errors) < 1.2


def test_words_are_drawn_once_from_every_band() -> None:
    ranks = np.array([1, 3, 4, 9, 12, 30])
    drawn = draw(ranks, [3, 5, 7, 20], most=9, seed=0)
    assert [(one.first, one.last, one.places.tolist()) for one in drawn] == [
        (1, 3, [0, 1]),
        (4, 5, [2]),
        (8, 20, [3, 4]),
        (21, 30, [5]),
    ]


def test_the_report_is_json_and_html() -> None:
    report = stability(three(), bands=(10,))
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert (plain["kind"], plain["models"], plain["common_words"]) == ("stability", 3, 98)
    assert plain["overlap"] == report.overlap
    assert plain["bands"][1]["ranks"] == [11, 100]
    assert [row["ranks"] for row in report.rows()] == ["1-10", "11-100", "all"]
    assert "98 words" in report.notes[0]
    assert "<td>11-100</td>" in report._repr_html_()


def test_a_band_of_one_word_has_no_error() -> None:
    report = stability([model(1, 0.1), model(2, 0.1)], bands=(1,))
    assert report.bands[0].error is report.error is report.to_json()["error"] is None


@pytest.mark.parametrize(
    ("count", "options", "reason"),
    [
        (1, {}, "models must be two or more, got 1"),
        (2, {"topn": V}, "topn must be less than the 120 words"),
        (2, {"topn": 0}, "topn must be a whole number"),
        (2, {"words": 0}, "words must be a whole number"),
        (2, {"bands": (10, 5)}, "bands must be rising ranks"),
        (2, {"bands": (0, 5)}, "bands must be a whole number"),
    ],
)
def test_a_setting_out_of_range_is_named(count: int, options: dict[str, int], reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        stability([model(seed, 0) for seed in range(count)], **options)


def test_models_without_common_words_are_refused() -> None:
    with pytest.raises(InputError, match="no word in common"):
        stability([model(1, 0, ["w1", "w2"]), model(2, 0, ["w3", "w4"])])
