"""What a training leaves: the index of the words, and phrases."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embedsearch as es
from embedsearch._io import with_checksum
from embedsearch._progress import SilentProgress
from embedsearch.text.settings import TokenizerSettings


def test_a_small_vocabulary_is_searched_exactly(planted: Path) -> None:
    with es.open(planted) as ws:
        facts = ws.info().word_index
        assert facts is not None
        assert (facts["spec"], facts["parameters"], facts["recall"]) == ("flat", {}, 1.0)
        assert facts["bytes"] >= ws.words.vectors.nbytes
        report = ws.indexes()["words"]
        assert report["settings"] == {
            "spec": "auto",
            "recall": None,
            "memory": None,
            "for_": "single",
        }
        assert report["reasons"] == [
            f"{len(ws.words):,} × {ws.words.vector_size}: exact search costs little"
        ]


def test_another_kind_is_measured_and_kept_for_later_trainings(writable: Path) -> None:
    with es.open(writable, "w") as ws:
        before = ws.words.most_similar("paris")
        assert ws.index(spec="hnsw", recall=0.9) == 0
        facts = ws.info().word_index
        assert facts is not None
        assert facts["spec"].startswith("HNSW")
        assert 0.9 <= facts["recall"] <= 1
        assert ws.words.index.spec == facts["spec"]
        assert ws.words.most_similar("paris", exact=True) == before
        assert ws.search("paris", 1)
        ws.train(epochs=1, vector_size=8, workers=1)
        assert ws.words.index.spec.startswith("HNSW")
        assert ws.indexes()["words"]["settings"]["recall"] == 0.9
        ws.index(spec="flat")
        assert ws.words.index.spec == "flat"


def test_exact_answers_are_those_of_numpy(writable: Path) -> None:
    with es.open(writable, "w") as ws:
        # Codes of one byte for four numbers: far from exact.
        ws.index(spec="pq")
        words = ws.words
        units = words.vectors / np.linalg.norm(words.vectors, axis=1, keepdims=True)
        scores = units @ units[words.key_to_index["paris"]]
        order = [row for row in np.argsort(-scores) if words.index_to_key[row] != "paris"][:10]
        wanted = [words.index_to_key[row] for row in order]
        exact = words.most_similar("paris", exact=True)
        assert [word for word, _ in exact] == wanted
        assert [score for _, score in exact] == pytest.approx(scores[order], abs=1e-6)
        assert words.similar_by_word("paris", exact=True) == exact
        assert words.most_similar_batch(["paris"], exact=True) == [exact]
        by_vector = words.similar_by_vector(words["paris"], 11, exact=True)
        assert [word for word, _ in by_vector] == ["paris", *wanted]
        found = words.analogy("paris", exact=True, evidence=0)
        assert [near[:2] for near in found] == exact
        assert [score for _, score in words.most_similar("paris")] != [s for _, s in exact]


def test_a_training_and_an_import_take_the_settings(tmp_path: Path, planted: Path) -> None:
    with es.open(planted) as ws:
        ws.export(tmp_path / "words.safetensors")
    with es.import_vectors(
        tmp_path / "words.safetensors", tmp_path / "imported.es", spec="int8"
    ) as ws:
        assert ws.words.index.spec == "Pad64,SQ8"
        assert ws.evaluate.index(queries=50).recall[10] > 0.9
    options = {"vector_size": 8, "epochs": 1, "workers": 1}
    built = es.build("corpus:planted", tmp_path / "built.es", spec="SQfp16", **options)
    with built as ws:
        assert ws.words.index.spec == "SQfp16"
        ws.train(spec="auto", **options)
        assert ws.words.index.spec == "flat"


def test_a_kind_that_does_not_exist_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    for wrong in ({"spec": "tree"}, {"recall": 1.5}, {"memory": "much"}, {"for_": "all"}):
        with pytest.raises(es.ParameterError, match=next(iter(wrong))):
            es.build("corpus:planted", tmp_path / "w.es", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_kind_that_does_not_fit_the_vectors_is_refused_before_training(
    writable: Path,
) -> None:
    with es.open(writable, "w") as ws:
        with pytest.raises(es.ParameterError, match="10 dimensions"):
            ws.train(vector_size=10, spec="PQ7")
        assert ws.info().generation == 1


def test_a_memory_limit_can_be_taken_away(writable: Path) -> None:
    with es.open(writable, "w") as ws:
        ws.index(memory="1GB")
        assert ws.indexes()["words"]["settings"]["memory"] == "1GB"
        ws.index(memory="none")
        assert ws.indexes()["words"]["settings"]["memory"] is None


def test_a_manifest_without_facts_on_the_index_is_damage(writable: Path) -> None:
    folder = writable / "generations" / "0001"
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["word_index"]
    (folder / "manifest.json").write_text(json.dumps(with_checksum(manifest)))
    with pytest.raises(es.WorkspaceDamagedError, match="word_index"), es.open(writable) as ws:
        ws.words.most_similar("paris")


FILLING = [
    "boat",
    "lamp",
    "river",
    "stone",
    "cloud",
    "bread",
    "garden",
    "silver",
    "winter",
    "candle",
    "harbour",
    "bridge",
]


@pytest.fixture
def ws(tmp_path: Path) -> es.Workspace:
    """Words in any order, among which `new` and `york` always stand together."""
    choose = random.Random(0)  # noqa: S311 - text, not secrets
    workspace = es.create(tmp_path / "towns.es")
    for number in range(60):
        words = choose.sample(FILLING, 10)
        words.insert(choose.randrange(10), "new york")
        workspace.add([es.Document(str(number), " ".join(words))])
    workspace.train(phrases="default", phrase_threshold=5.0, epochs=2, workers=1)
    return workspace


def test_a_phrase_is_a_word(ws: es.Workspace) -> None:
    assert "new_york" in ws.words.key_to_index
    assert "new" not in ws.words.key_to_index
    np.testing.assert_array_equal(ws.words["New York"], ws.words["new_york"])


def test_queries_and_later_documents_are_joined_too(ws: es.Workspace) -> None:
    assert ws.search("new york").unknown == ()
    ws.add([es.Document("later", "new york new york")])
    assert ws.search("new york", topn=1)[0].id == "later"
    ws.index()
    with es.open(ws.path) as reader:
        assert reader.search("new york", topn=1)[0].id == "later"


def test_an_update_joins_the_same_phrases(ws: es.Workspace) -> None:
    ws.add([es.Document(f"more-{i}", "new york greets new york and the wombat") for i in range(5)])
    ws.train(update=True, epochs=1)
    assert "new_york" in ws.words.key_to_index
    assert "wombat" in ws.words.key_to_index
    assert "new" not in ws.words.key_to_index


def test_after_an_update_all_that_was_trained_on_is_counted(ws: es.Workspace) -> None:
    ws.train(min_count=1, epochs=1)
    before = ws.info()
    ws.add([es.Document("new", "three more words")])
    report = ws.train(update=True, epochs=1)
    after = ws.info()
    assert (report.documents, report.tokens) == (1, 3)
    assert after.trained_documents == before.trained_documents + 1 == len(ws.documents)
    assert after.tokens == before.tokens + 3


def test_an_update_without_new_documents_says_so_and_publishes_nothing(ws: es.Workspace) -> None:
    ws.delete([next(iter(ws.documents))])
    before = ws.info().generation
    report = ws.train(update=True, epochs=1)
    assert (report.documents, report.tokens, report.vocabulary) == (0, 0, len(ws.words))
    assert report.choices == "no document is new or changed since the last training"
    assert ws.info().generation == before
    with pytest.raises(es.ParameterError, match="epochs"):
        ws.train(update=True, epochs=0)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"phrases": "magic"}, "phrases"),
        ({"phrases": "npmi", "phrase_threshold": 2.0}, "phrase_threshold"),
        ({"phrases": "default", "phrase_passes": 0}, "phrase_passes"),
    ],
)
def test_settings_of_phrases_are_checked(
    ws: es.Workspace, options: dict[str, object], name: str
) -> None:
    with pytest.raises(es.ParameterError) as caught:
        ws.train(**options)
    assert caught.value.name == name


def test_an_elided_word_has_the_vector_of_the_word(tmp_path: Path) -> None:
    sentence = "Le chat est dans la maison avec l'écran, mais il ne veut pas d'un ami pour nous."
    with es.create(tmp_path / "french.es") as ws:
        ws.add([es.Document(str(n), sentence) for n in range(20)])
        ws.train(vector_size=8, min_count=1, workers=1)
        assert "l'écran" not in ws.words.key_to_index
        np.testing.assert_array_equal(ws.words["l\u2019Écran"], ws.words["écran"])
        assert ws.search("l'écran", mode="lexical")[0].score > 0
        assert ws.tokenizer.elision == "auto"
        assert ws._session.trained().tokenizer.elision == "french"
        ws.add([es.Document("new", "un nouvel écran d'ordinateur")])
        ws.train(update=True, min_count=1, workers=1)
        assert "ordinateur" in ws.words
        assert ws.tokenizer.elision == "auto"


def chinese(documents: int) -> list[es.Document]:
    """Return sentences of 60 made-up words of two characters each, and no spaces."""
    choose = random.Random(5)  # noqa: S311 - text, not secrets
    words = ["".join(chr(0x4E00 + choose.randrange(80)) for _ in range(2)) for _ in range(60)]
    weights = [1 / rank for rank in range(1, 61)]
    texts = ["".join(choose.choices(words, weights, k=12)) for _ in range(documents)]
    return [es.Document(str(n), text) for n, text in enumerate(texts)]


def check_counting(ws: es.Workspace, documents: list[es.Document]) -> None:
    """Check that words without spaces are counted as training cut them."""
    cut = ws._session.trained().phrases.lexicon.cut
    words = [cut(document.text) for document in documents]
    counts = Counter(word for each in words for word in each)
    assert {w.word: w.count for w in ws.texts.words(None)} == counts
    for word in (max(counts, key=counts.__getitem__), min(counts, key=len)):
        lines = ws.texts.concordance(word, None)
        having = {d.id: cut.count(word) for d, cut in zip(documents, words, strict=True)}
        assert Counter(line.id for line in lines) == +Counter(having)
        assert {line.match for line in lines} == {word}
    # Two words that follow each other, as they do in the first document.
    assert ws.texts.concordance(" ".join(words[0][:2]))[0].match == "".join(words[0][:2])
    assert {k.word for k in ws.texts.keywords("7")} <= set(words[7])


def test_words_are_found_in_text_without_spaces_and_search_has_pairs(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"vector_size": 8, "epochs": 1, "workers": 1}
    documents = chinese(1_200)
    with es.create(tmp_path / "words.es") as ws:
        ws.add(documents)
        ws.train(**settings)
        lexicon = ws._session.trained().phrases.lexicon
        assert len(lexicon) > 60
        check_counting(ws, documents)
        assert set(ws.words.index_to_key) <= {word.text for word in lexicon.words}
        found = [(h.id, h.score) for h in ws.search(documents[7].text[:6], mode="lexical")]
        assert documents[7].id in [hit.id for hit in ws.search(documents[7].text[:6])]
        (ws.path / "generations" / "0001" / "phrases.tsv").write_text("gone")
    report = es.repair(tmp_path / "words.es")
    assert not report.lost_parts
    with es.open(tmp_path / "words.es") as ws:
        assert ws._session.trained().phrases.lexicon.words == lexicon.words
    with es.open(tmp_path / "words.es", mode="w") as ws:
        ws.add(es.Document(f"n{n}", documents[n].text[::-1]) for n in range(300))
    (phrases,) = (tmp_path / "words.es").glob("generations/*/phrases.tsv")
    lines = phrases.read_bytes().split(b"\n")
    phrases.write_bytes(b"\n".join([*lines[:-3], b"gone", b""]))
    (lost,) = es.repair(tmp_path / "words.es").lost_parts
    assert "of the words of scripts without spaces" in lost
    with es.create(tmp_path / "pairs.es") as ws:
        ws.add(documents)
        ws.train(segmentation="pairs", **settings)
        assert not ws._session.trained().phrases.lexicon
        again = [(h.id, h.score) for h in ws.search(documents[7].text[:6], mode="lexical")]
        assert again == found


def test_little_text_without_spaces_is_said_to_be_pairs(tmp_path: Path) -> None:
    def notes(documents: list[es.Document], name: str) -> list[str]:
        listener = SilentProgress()
        with es.create(tmp_path / name) as ws:
            ws.add(documents)
            ws.train("ppmi", vector_size=4, min_count=1, progress=listener)
        return [note for note in listener.notes if "pairs of characters" in note]

    assert len(notes(chinese(40), "little.es")) == 1
    english = [es.Document(f"e{n}", "a name in another script " * 20) for n in range(40)]
    assert notes([*english, *chinese(1)], "english.es") == []


def test_a_workspace_from_before_is_cut_as_it_was(example: Path) -> None:
    state = json.loads((example / "workspace.json").read_text(encoding="utf-8"))
    names = {"segmentation": "pairs", "elision": "none"}
    older = {name: value for name, value in state["tokenizer"].items() if name not in names}
    settings = TokenizerSettings.from_json(older)
    assert {name: getattr(settings, name) for name in names} == names


def test_words_alone_are_learned_and_the_rest_when_it_is_asked_for(
    tmp_path: Path, planted: Path
) -> None:
    texts = tmp_path / "texts.txt"
    with es.open(planted) as source:
        texts.write_text("\n".join(d.text for d in islice(source.documents.values(), 200)))
    settings: dict[str, Any] = {"vector_size": 8, "min_count": 1, "workers": 1}
    query = "paris france"
    with es.build(texts, tmp_path / "whole.es", split="line", **settings) as ws:
        whole = [(hit.id, hit.score) for hit in ws.search(query)]
        lexical = [(hit.id, hit.score) for hit in ws.search(query, mode="lexical")]
        neighbors = ws.words.most_similar("paris")
    with es.build(texts, tmp_path / "words.es", split="line", search=False, **settings) as ws:
        assert not (ws.path / "lexical").exists()
        assert ws.words.most_similar("paris") == neighbors
        with pytest.raises(es.NotTrainedError, match="embedsearch index -w"):
            ws.search(query, mode="latent")
    with es.open(tmp_path / "words.es", "w") as ws:
        found = ws.search(query)
        assert (found.mode, [(hit.id, hit.score) for hit in found]) == ("lexical", lexical)
        ws.add([es.Document("late", "paris xyzzy")])
        assert [hit.id for hit in ws.search("xyzzy")] == ["late"]
        assert [line.id for line in ws.texts.concordance("xyzzy")] == ["late"]
        ws.delete(["late"])
        ws.compact()
        with pytest.raises(es.NotTrainedError, match="words alone"):
            ws.search(query, mode="latent")
        ws.index()
        assert [(hit.id, hit.score) for hit in ws.search(query)] == whole


def test_whether_documents_are_learned_is_true_or_false(tmp_path: Path) -> None:
    with pytest.raises(es.ParameterError, match="search must be True or False"):
        es.build(tmp_path, tmp_path / "a.es", search="no")
