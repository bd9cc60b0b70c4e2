"""`trainer="auto"` chooses by the size of the corpus, keeps what is given, and learns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from embedsearch._progress import SilentProgress
from embedsearch.text.corpora import PlantedCorpus
from embedsearch.training.base import Hooks, TrainedModel, TrainingReport
from embedsearch.training.settings import LITTLE_TEXT, TrainingSettings, fit_auto

Train = Callable[..., tuple[TrainedModel, TrainingReport]]


def chosen(counts: np.ndarray) -> TrainingSettings:
    return fit_auto(TrainingSettings(), counts)[0]


def zipfian(tokens: int, words: int = 20_000) -> np.ndarray:
    shares = 1 / np.arange(1, words + 1)
    return np.maximum(1, tokens * shares / shares.sum()).astype(np.int64)


def test_planted_relations_are_learned(train: Train) -> None:
    model, report = train("auto", vector_size=None, epochs=None)
    index, unit = model.vectors.key_to_index, model.vectors.unit
    questions = np.array([[index[w] for w in q] for q in PlantedCorpus().analogies()])
    a, b, c, d = questions.T
    scores = (unit[b] - unit[a] + unit[c]) @ unit.T
    for known in (a, b, c):
        scores[np.arange(len(a)), known] = -2
    assert (scores.argmax(axis=1) == d).mean() > 0.95
    assert report.trainer == "auto"


def test_little_text_begins_from_counts_and_the_line_says_so(train: Train) -> None:
    progress = SilentProgress()
    model, _ = train("auto", progress=progress, epochs=1)
    assert "from PPMI vectors, as text is scarce" in progress.notes[0]
    assert "window=5" in progress.notes[0]
    again = SilentProgress()
    train("auto", Hooks(start=model), again, epochs=1)
    assert again.notes[0].startswith("training word2vec (skip-gram) on ")
    assert again.notes[1].startswith("continuing from ")


def test_what_is_given_is_kept(train: Train) -> None:
    _, report = train("auto", vector_size=24, epochs=2, window=3, sample=0.01, min_count=7)
    chosen = {n: report.parameters[n] for n in ("vector_size", "epochs", "window", "min_count")}
    assert chosen == {"vector_size": 24, "epochs": 2, "window": 3, "min_count": 7}
    assert report.parameters["sample"] == 0.01


def test_larger_corpora_get_fewer_passes_and_higher_counts() -> None:
    choices = [chosen(zipfian(n)) for n in (50_000, 500_000, 2_000_000, 19_000_000)]
    for name, rising in (("epochs", False), ("min_count", True), ("alpha", True)):
        values = [getattr(choice, name) for choice in choices]
        assert values == sorted(values, reverse=not rising), name
    assert chosen(zipfian(LITTLE_TEXT * 2)).epochs == 5


def test_no_word_of_a_small_vocabulary_is_thinned_out_that_is_rarer_than_the_mean() -> None:
    assert chosen(np.full(100, 1000)).sample == 1 / 100
    assert chosen(zipfian(2_000_000)).sample == 1e-4


def test_inputs_and_context_are_kept_to_go_on_from(train: Train) -> None:
    model, _ = train("auto", epochs=1)
    assert model.inputs is not None
    assert model.context is not None
    assert model.start is model.inputs
    unit = [
        side / np.linalg.norm(side, axis=1, keepdims=True) for side in (model.inputs, model.context)
    ]
    np.testing.assert_allclose(model.vectors.vectors, unit[0] + unit[1], atol=1e-5)


def test_the_same_bytes_come_out_again(train: Train) -> None:
    first, second = (train("auto", epochs=2)[0].vectors.vectors.tobytes() for _ in range(2))
    assert first == second
