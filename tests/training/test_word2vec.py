"""Our own word2vec: it learns what the text says, comes out the same, stops and continues."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gensim.models import Word2Vec as GensimWord2Vec

import embedsearch as es
from embedsearch._progress import SilentProgress
from embedsearch.text.corpora import PlantedCorpus
from embedsearch.training.base import EpochReport, Hooks, TrainedModel, TrainingReport
from embedsearch.training.settings import LITTLE_TEXT, TrainingSettings, fit_auto

Train = Callable[..., tuple[TrainedModel, TrainingReport]]


def right(model: TrainedModel) -> float:
    """The share of planted analogies that 3CosAdd answers rightly."""
    words, unit = model.vectors.key_to_index, model.vectors.unit
    questions = np.array([[words[w] for w in q] for q in PlantedCorpus().analogies()])
    a, b, c, d = questions.T
    scores = (unit[b] - unit[a] + unit[c]) @ unit.T
    for known in (a, b, c):
        scores[np.arange(len(a)), known] = -2
    return float((scores.argmax(axis=1) == d).mean())


@pytest.mark.parametrize(
    ("settings", "floor"),
    [
        ({"epochs": 10}, 0.9),
        ({"epochs": 10, "workers": 2}, 0.9),
        ({"epochs": 10, "workers": 2, "deterministic": 1}, 0.9),
        ({"epochs": 20, "sg": 0, "alpha": 0.05}, 0.8),
        ({"epochs": 10, "trainer": "fasttext"}, 0.6),
        ({"epochs": 20, "sg": 0, "alpha": 0.05, "trainer": "fasttext"}, 0.8),
    ],
)
def test_planted_relations_are_learned(
    train: Train, settings: dict[str, int], floor: float
) -> None:
    model, report = train(**{"vector_size": 50, **settings})
    assert right(model) >= floor
    assert len(report.losses) == settings["epochs"]
    assert report.losses[-1] < report.losses[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"workers": 1},
        {"workers": 3, "deterministic": 1},
        {"workers": 2, "deterministic": 1, "sg": 0},
        {"workers": 2, "deterministic": 1, "trainer": "fasttext"},
        {"workers": 2, "deterministic": 1, "trainer": "fasttext", "sg": 0},
        {"workers": 1, "sg": 0},
        {"workers": 1, "trainer": "fasttext"},
    ],
)
def test_one_seed_gives_the_same_bytes(train: Train, settings: dict[str, int]) -> None:
    first, second, other = (train(**settings, seed=seed)[0] for seed in (3, 3, 4))
    assert first.vectors.vectors.tobytes() == second.vectors.vectors.tobytes()
    assert first.vectors.vectors.tobytes() != other.vectors.vectors.tobytes()


def test_vectors_are_near_those_of_gensim_in_what_they_say(train: Train) -> None:
    ours, _ = train(vector_size=50, epochs=10)
    theirs, _ = train("gensim", vector_size=50, epochs=10)
    a, b = (model.vectors.unit @ model.vectors.unit.T for model in (ours, theirs))
    upper = np.triu_indices(len(a), 1)
    assert np.corrcoef(a[upper], b[upper])[0, 1] > 0.85


def test_callbacks_see_each_epoch_and_can_stop(train: Train) -> None:
    seen: list[EpochReport] = []

    def watch(report: EpochReport) -> bool:
        seen.append(report)
        return report.epoch == 2

    model, _ = train(epochs=5, hooks=Hooks(callbacks=[watch]))
    assert [(r.epoch, r.epochs) for r in seen] == [(1, 5), (2, 5)]
    assert all(r.loss is not None and r.words_per_second > 0 for r in seen)
    np.testing.assert_array_equal(seen[-1].vectors, model.vectors.vectors)


def test_training_stops_when_the_held_out_loss_no_longer_falls(train: Train) -> None:
    _, report = train(epochs=200, alpha=0.2, min_alpha=0.2, patience=1, sample=0.0)
    assert len(report.losses) < 200
    assert report.losses[-1] >= min(report.losses)


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(
    train: Train, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"

    def interrupt(report: EpochReport) -> None:
        if report.epoch == 2:
            raise KeyboardInterrupt

    whole, expected = train(epochs=5)
    with pytest.raises(KeyboardInterrupt):
        train(epochs=5, hooks=Hooks(checkpoint=checkpoint, callbacks=[interrupt]))
    progress = SilentProgress()
    model, report = train(epochs=5, hooks=Hooks(checkpoint=checkpoint), progress=progress)
    assert "continuing from a checkpoint: 40% of the training was done" in progress.notes
    assert model.vectors.vectors.tobytes() == whole.vectors.vectors.tobytes()
    assert report.losses == expected.losses
    assert not checkpoint.exists()


def test_a_killed_training_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    code = """
        import os, signal, sys, embedsearch as es
        from embedsearch.training.checkpoint import Checkpoint

        def kill(report):
            if report.epoch == 3:
                os.kill(os.getpid(), signal.SIGKILL)

        Checkpoint.due = True  # not only once a minute
        with es.open(sys.argv[1], "w") as ws:
            ws.train("word2vec", epochs=6, vector_size=16, callbacks=[kill])
    """
    path = tmp_path / "a.es"
    with es.create(path) as ws:
        ws.add(PlantedCorpus(documents=300))
    command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    assert subprocess.run(command, check=False).returncode == -9
    assert (path / "checkpoint.safetensors").exists()
    progress = SilentProgress()
    with es.open(path, "w") as ws:
        report = ws.train(progress=progress)
    assert any(note.startswith("continuing from a checkpoint: ") for note in progress.notes)
    assert (report.parameters["epochs"], report.parameters["vector_size"]) == (6, 16)
    assert not (path / "checkpoint.safetensors").exists()


def test_more_text_adds_words_and_leaves_those_it_does_not_have(tmp_path: Path) -> None:
    with es.create(tmp_path / "a.es") as ws:
        ws.add(PlantedCorpus(documents=300))
        ws.train("word2vec", epochs=3, vector_size=16, workers=1)
        before, old = list(ws.words.index_to_key), {w: np.array(ws.words[w]) for w in ("paris",)}
        new = "the zyzzyva sat by the wombat and the wombat sat by the zyzzyva"
        ws.add([es.Document(f"new-{i}", new) for i in range(20)])
        report = ws.train(update=True, epochs=3)
        assert report.tokens == 20 * 13
        assert set(ws.words.index_to_key) == {*before, "zyzzyva", "wombat", "sat", "by"} | set(
            new.split()
        )
        np.testing.assert_array_equal(ws.words["paris"], old["paris"])
        assert ws.words.get_count("zyzzyva") == 40
        assert ws.search("wombat", topn=1)[0].id.startswith("new-")


def test_models_go_to_gensim_and_come_back(train: Train) -> None:
    model, _ = train()
    theirs = es.to_gensim(model, window=3, workers=1)
    assert isinstance(theirs, GensimWord2Vec)
    np.testing.assert_array_equal(
        theirs.wv["paris"], model.vectors.vectors[model.vectors.key_to_index["paris"]]
    )
    theirs.train([["paris", "rome"] * 20], total_examples=1, epochs=1)
    back = es.from_gensim(theirs)
    assert back.context is not None
    assert back.vectors.counts is not None
    assert back.vectors.key_to_index.keys() == model.vectors.key_to_index.keys()
    again, _ = train(hooks=Hooks(start=back))
    assert set(again.vectors.index_to_key) == set(back.vectors.index_to_key)


@pytest.mark.parametrize(
    ("trainer", "settings", "name"),
    [
        ("word2vec", {"hs": 1}, "hs"),
        ("gensim", {"deterministic": 1, "workers": 2}, "deterministic"),
        ("fasttext", {"hs": 1}, "hs"),
        ("word2vec", {"negative": 999}, "negative"),
        ("gensim", {"patience": 2}, "patience"),
    ],
)
def test_what_a_trainer_cannot_do_is_named(
    train: Train, trainer: str, settings: dict[str, int], name: str
) -> None:
    with pytest.raises(es.ParameterError) as caught:
        train(trainer, **settings)
    assert caught.value.name == name


def test_a_training_that_diverges_says_what_to_change() -> None:
    text = "a b " * 60_000
    with pytest.raises(es.ParameterError, match="alpha must be lower"):
        es.train_texts([text], "word2vec", sg=0, window=50, alpha=10.0, sample=0.0, vector_size=8)


def test_texts_are_trained_without_a_workspace(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("".join(document.text + "\n" for document in PlantedCorpus(documents=300)))
    with path.open() as lines:
        model = es.train_texts(lines, "word2vec", epochs=3, vector_size=16, stem="english")
    assert "pari" in model.vectors.key_to_index


def test_a_sentence_longer_than_any_buffer_loses_no_word() -> None:
    text = " ".join(f"w{i % 7} x{i % 11}" for i in range(60_000))
    model = es.train_texts([text], "word2vec", epochs=1, vector_size=8)
    assert model.vectors.counts is not None
    assert int(model.vectors.counts.sum()) == 120_000


def test_all_words_thinned_out_still_gives_vectors() -> None:
    model = es.train_texts(["a b " * 500], "word2vec", sample=1e-9, epochs=1, vector_size=8)
    assert np.isfinite(model.vectors.vectors).all()


def chosen(counts: np.ndarray) -> TrainingSettings:
    return fit_auto(TrainingSettings(), counts)[0]


def zipfian(tokens: int, words: int = 20_000) -> np.ndarray:
    shares = 1 / np.arange(1, words + 1)
    return np.maximum(1, tokens * shares / shares.sum()).astype(np.int64)


def test_auto_learns_planted_relations(train: Train) -> None:
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
