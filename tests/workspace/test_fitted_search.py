"""How documents are found: encoders that are plugged in, few documents, long documents."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embedsearch as es
from embedsearch._io import with_checksum
from embedsearch.search.document_index import SCANNED, DocumentVectors
from embedsearch.text.corpora import PlantedCorpus
from embedsearch.vectors.tensors import open_tensors, save_tensors
from embedsearch.workspace.fitted_search import write_document_vectors
from embedsearch.workspace.layout import GenerationLayout

# Before 0.10 model2vec leaves files open.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in.*json:pytest.PytestUnraisableExceptionWarning"
)
ENTRY_POINTS = "[embedsearch.encoders]\nhouse = house_search_encoders:House\n"
MODULE = """
from model2vec import StaticModel

class House:
    def __init__(self, folder):
        self.model = StaticModel.from_pretrained(folder, force_download=False)

    def encode_documents(self, texts):
        return self.model.encode(list(texts), use_multiprocessing=False).tolist()

    encode_queries = encode_documents
"""
UNKNOWN = "[UNK]"
SETTINGS = {"vector_size": 16, "epochs": 2, "workers": 1}


@pytest.fixture(scope="module")
def documents() -> list[es.Document]:
    return [es.Document(d.id, d.text, d.metadata) for d in PlantedCorpus(documents=120)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, documents: list[es.Document]) -> Path:
    """A tiny model of model2vec: the words of one topic have nearly the same vector."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    topic_of = {w: d.metadata["topic"] for d in documents for w in d.text.split()}
    topics = sorted(set(topic_of.values()), key=str)
    rng = np.random.default_rng(0)
    centres = dict(zip(topics, rng.normal(size=(len(topics), 8))))
    words = [UNKNOWN, *topic_of]
    rows = [np.zeros(8), *(centres[t] + 0.1 * rng.normal(size=8) for t in topic_of.values())]
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = tmp_path_factory.mktemp("models") / "tiny"
    vectors = np.array(rows, np.float32)
    StaticModel(vectors, tokenizer).save_pretrained(folder)
    return folder


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that offers an encoder by a real entry point."""
    info = folder / "house_search_encoders-1.0.dist-info"
    info.mkdir(parents=True)
    name = "Metadata-Version: 2.1\nName: house-search-encoders\nVersion: 1.0\n"
    (info / "METADATA").write_text(name)
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (folder / "house_search_encoders.py").write_text(MODULE)
    monkeypatch.syspath_prepend(folder)


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", monkeypatch)


@pytest.fixture(scope="module")
def fused(
    tmp_path_factory: pytest.TempPathFactory, documents: list[es.Document], model: Path
) -> tuple[Path, str]:
    """A workspace whose search uses the encoder of that package, and what it is called."""
    path, spec = tmp_path_factory.mktemp("workspaces") / "fused.es", f"house:{model}"
    with pytest.MonkeyPatch.context() as patch:
        install(tmp_path_factory.mktemp("site"), patch)
        with es.create(path) as ws:
            ws.add(documents)
            ws.train(encoders=[spec], **SETTINGS)  # type: ignore[arg-type]
    return path, spec


@pytest.fixture
def copy(fused: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(fused[0], tmp_path / "copy.es"))


@pytest.mark.usefixtures("_installed")
def test_its_scores_are_fused(fused: tuple[Path, str]) -> None:
    path, spec = fused
    with es.open(path) as ws:
        info = ws.info()
        assert (info.encoders, info.missing_encoders) == ([spec], [])
        search = ws._session.search().hybrid()
        block = next(b for b in search.model.space.blocks if b.name == spec)
        assert np.asarray(search.latent.X.base)[:, block.columns].any(axis=1).all()
        for query, topic in PlantedCorpus(documents=120).queries():
            found = [hit.metadata["topic"] for hit in ws.search(query, topn=5)]
            assert found.count(topic) >= 4


@pytest.mark.usefixtures("_installed")
def test_later_documents_are_encoded_by_it_too(copy: Path) -> None:
    with es.open(copy, "w") as ws:
        first = next(iter(ws.documents))
        ws.add([es.Document("twin", ws.documents[first].text)])
        hit = ws.documents.most_similar(first, topn=1)[0]
        assert (hit.id, hit.score) == ("twin", pytest.approx(1, abs=1e-4))
        ws.index()
        assert ws.documents.most_similar(first, topn=1)[0].score == pytest.approx(1, abs=1e-4)


def test_without_the_package_all_that_needs_no_encoder_works(
    fused: tuple[Path, str], copy: Path
) -> None:
    with es.open(copy, "w") as ws:
        assert ws.words.most_similar("paris", topn=1)
        assert ws.info().missing_encoders == [fused[1]]
        hits = ws.search("paris france", mode="lexical")
        assert all(
            "paris" in ws.documents[h.id].text or "france" in ws.documents[h.id].text for h in hits
        )
        ws.add([es.Document("new", "paris xyzzy")])
        assert [hit.id for hit in ws.search("xyzzy", mode="lexical")] == ["new"]
        assert ws.documents.duplicates(1.0) is not None


@pytest.mark.parametrize("mode", ["auto", "latent", "hybrid"])
def test_without_the_package_the_rest_says_what_is_missing(copy: Path, mode: str) -> None:
    expected = r"house:.*cannot be loaded here.*'lexical' go without.*index -w .*--encoder none"
    with es.open(copy) as ws:
        with pytest.raises(es.WorkspaceError, match=expected):
            ws.search("paris france", mode=mode)
        with pytest.raises(es.WorkspaceError, match=expected):
            ws.documents.most_similar(next(iter(ws.documents)))


def test_without_the_package_nothing_incomplete_is_stored(copy: Path) -> None:
    with es.open(copy, "w") as ws:
        ws.add([es.Document("new", "paris")])
        generation = ws.info().generation
        with pytest.raises(es.WorkspaceError, match="cannot be loaded here"):
            ws.index()
        with pytest.raises(es.ParameterError, match="encoder must be NAME"):
            ws.index(refit=True)
        with pytest.raises(es.ParameterError, match="encoder must be NAME"):
            ws.train(**SETTINGS)  # type: ignore[arg-type]
        assert ws.info().generation == generation


def test_it_can_be_taken_away_for_good(copy: Path) -> None:
    with es.open(copy, "w") as ws:
        ws.index(encoders=[])
        assert (ws.info().encoders, ws.info().missing_encoders) == ([], [])
        assert ws.search("paris france")
    with es.open(copy) as ws:
        assert ws.search("paris france")


@pytest.mark.usefixtures("_installed")
def test_another_model_of_other_dimensions_is_told_apart(
    fused: tuple[Path, str], copy: Path, tmp_path: Path
) -> None:
    from model2vec import StaticModel

    model, spec = tmp_path / "other", fused[1]
    old = StaticModel.from_pretrained(spec.partition(":")[2], force_download=False)
    vectors = np.ones((len(old.embedding), 3), np.float32)
    StaticModel(vectors, old.tokenizer).save_pretrained(model)
    (path,) = copy.glob("generations/*/manifest.json")
    said = json.loads(path.read_text().replace(spec, f"house:{model}"))
    path.write_text(json.dumps(with_checksum(said)))
    with es.open(copy) as ws, pytest.raises(es.VectorError, match="must have 8 dimensions, got 3"):
        ws.search("paris france")


@pytest.mark.usefixtures("_installed")
def test_build_takes_encoders_and_a_language(
    tmp_path: Path, documents: list[es.Document], model: Path
) -> None:
    source = tmp_path / "texts.txt"
    source.write_text("\n".join(document.text for document in documents))
    options: dict[str, Any] = {"encoders": f"house:{model}", "language": "french", **SETTINGS}
    with es.build(source, tmp_path / "a.es", split="line", **options) as ws:
        info = ws.info()
    assert (info.encoders, info.language) == ([f"house:{model}"], "french")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"encoders": ["hous"]}, "encoder must be NAME or NAME:ARGUMENT"),
        ({"encoders": ["model2vec:a", "model2vec:a"]}, "encoders must be different ones"),
        ({"encoders": [5]}, r"encoders\[0\] must be a string"),
        ({"language": "klingon"}, "language must be none or one of"),
    ],
)
def test_what_is_not_known_is_refused_before_anything_is_read(
    tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(es.ParameterError, match=reason):
        es.build(tmp_path / "not-there", tmp_path / "a.es", **options)
    assert not (tmp_path / "a.es").exists()


def test_a_model_that_is_not_there_leaves_no_workspace(
    tmp_path: Path, documents: list[es.Document]
) -> None:
    source = tmp_path / "texts.txt"
    source.write_text("\n".join(document.text for document in documents))
    with pytest.raises(es.ParameterError, match="a model2vec model"):
        es.build(source, tmp_path / "a.es", split="line", encoders=["model2vec:nowhere/at/all"])
    assert not (tmp_path / "a.es").exists()


@pytest.mark.usefixtures("_installed")
def test_imported_vectors_leave_the_encoders_as_they_are(
    fused: tuple[Path, str], copy: Path, tmp_path: Path
) -> None:
    with es.open(copy, "w") as ws:
        ws.export(tmp_path / "v.npy", format="npy")
        ws.import_vectors(tmp_path / "v.npy")
        assert ws.info().encoders == [fused[1]]
        assert ws.search("paris france")


MODES = ("auto", "lexical", "latent", "hybrid")


@pytest.fixture
def vectors() -> es.WordVectors:
    words = ["red", "blue", "green", "car", "bus", "sky", "北京", "大学", "学生"]
    random = np.random.default_rng(0).standard_normal((len(words), 6))
    return es.WordVectors(random.astype(np.float32), words)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["red car"],
        ["red car", "blue bus"],
        ["red car", "", "blue sky", "  ", "green bus"],
        ["red car under a blue sky"] * 12,
        ["red"] * 5,
        ["red", "red red", "red red red"],
        ["the of and", "the"],
        ["北京大学", "大学学生", "red car", "北京学生"],
        ["."],
    ],
    ids=repr,
)
@pytest.mark.parametrize("indexed", [True, False])
def test_tiny_collections_are_searched_in_every_mode(
    tmp_path: Path, vectors: es.WordVectors, texts: list[str], indexed: bool
) -> None:
    with es.import_vectors(vectors, tmp_path / "tiny.es") as ws:
        ws.add(es.Document(str(n), text) for n, text in enumerate(texts))
        if indexed:
            ws.index(refit=True)
        for mode in MODES:
            for text in ("red car", "大学", "bus -red", "+red sky", '"red car"'):
                check_tiny(ws, texts, text, mode)


def check_tiny(ws: es.Workspace, texts: list[str], text: str, mode: str) -> None:
    for topn in (1, 3, 100):
        try:
            hits = ws.search(text, topn, mode)
        except es.UnknownWordError:
            wanted = [word.strip('+"') for word in text.split() if not word.startswith("-")]
            assert not any(word in each for word in wanted for each in texts)
            return
        found = [hit.id for hit in hits]
        assert len(found) == len(set(found)) <= min(topn, len(texts))
        assert all(hit.score == hit.score and abs(hit.score) < 1e4 for hit in hits)
        if text == "red car" and mode != "lexical" and any("red" in t for t in texts):
            assert len(found) == min(topn, len(texts))
        if text == "bus -red":
            assert not any("red" in texts[int(id)] for id in found)
        if text == "+red sky":
            assert all("red" in texts[int(id)] for id in found)


def test_imported_vectors_find_documents_by_meaning_before_anything_is_learned(
    tmp_path: Path, planted: Path
) -> None:
    with es.open(planted) as source:
        vectors = source.model().vectors
        with es.import_vectors(vectors, tmp_path / "imported.es") as ws:
            ws.add(islice(source.documents.values(), 200))
            queries, right = PlantedCorpus().queries(), 0
            for text, topic in queries:
                found = [hit.id for hit in ws.search(text, 3, "latent")]
                right += sum(ws.documents[id].metadata["topic"] == topic for id in found)
            assert right > 0.9 * 3 * len(queries)


@pytest.mark.parametrize("tokenizer", [{"stem": "english"}, {"stem": "porter"}])
def test_stems_are_taken_once_for_documents_and_queries(
    tmp_path: Path, tokenizer: dict[str, str]
) -> None:
    # Words whose stem has another stem of its own.
    words = "generalizations conditionally communistic nationalities abilities adhesions"
    texts = [f"{word} stand beside the {word} and {other}." for word, other in pairs(words)]
    with es.create(tmp_path / "stems.es") as ws:
        ws.add(es.Document(str(n), text * 3) for n, text in enumerate(texts))
        ws.train("ppmi", vector_size=4, min_count=1, workers=1, language="english", **tokenizer)
        search = ws._session.search()
        known = search.model.space.terms.columns
        for text in texts:
            assert set(search.model.analyzer.words(text)) <= set(known)


def pairs(words: str) -> Iterator[tuple[str, str]]:
    each = words.split()
    return zip(each, each[1:] + each[:1])


FARM = ["barn", "hay", "milk", "meadow", "goat", "sheep", "farmer", "wool", "fence"]
SKY = ["telescope", "orbit", "comet", "night", "planet", "star", "moon", "eclipse", "nebula"]
ROAD = ["car", "wheel", "brake", "driver", "engine", "truck", "bridge", "lane", "petrol"]
SEA = ["ship", "harbour", "wave", "sailor", "anchor", "tide", "gull", "reef", "deck"]


NAMES = ("farm", "sky", "road", "sea")


def text_about(words: list[str], length: int, seed: int) -> str:
    choose = random.Random(seed)  # noqa: S311 - sentences, not secrets
    return " ".join(choose.choice(words) for _ in range(length))


def long_documents() -> list[es.Document]:
    short = [
        es.Document(f"{name}-{i}", text_about(words, 40, 50 * place + i))
        for place, (name, words) in enumerate(zip(NAMES, (FARM, SKY, ROAD, SEA), strict=True))
        for i in range(12)
    ]
    # A page on the sky in a book on farms.
    book = " ".join([text_about(FARM, 1200, 1), text_about(SKY, 100, 2), text_about(FARM, 1200, 3)])
    return [*short, es.Document("book", book), es.Document("farms", text_about(FARM, 2500, 4))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.es"
    with es.create(path) as ws:
        ws.add(long_documents())
        ws.train("ppmi", vector_size=8, min_count=1)
    return path


def order(ws: es.Workspace, query: str) -> list[str]:
    return [hit.id for hit in ws.search(query, topn=60, mode="latent")]


def test_a_page_within_a_long_document_is_found_by_meaning(made: Path) -> None:
    with es.open(made) as ws:
        found = order(ws, "nebula")
        assert "book" in found[:13]
        assert "farms" not in found[:13]
        book = next(
            hit
            for hit in ws.search("nebula", topn=60, mode="latent", explain=True)
            if hit.id == "book"
        )
        assert book.explanation is not None
        parts = sum(part.contribution for part in book.explanation.parts)
        assert parts + book.explanation.rest == pytest.approx(book.score, abs=1e-5)
        assert abs(book.explanation.rest) < 0.05


def test_documents_that_come_later_have_passages_too(made: Path, tmp_path: Path) -> None:
    with es.create(tmp_path / "later.es") as ws:
        ws.add(document for document in long_documents() if document.id != "book")
        ws.train("ppmi", vector_size=8, min_count=1)
        ws.add(document for document in long_documents() if document.id == "book")
        assert "book" in order(ws, "nebula")[:13]
        scores = {hit.id: hit.score for hit in ws.search("nebula", topn=60, mode="latent")}
        ws.index()
        again = {hit.id: hit.score for hit in ws.search("nebula", topn=60, mode="latent")}
        assert again == pytest.approx(scores, abs=1e-5)
        ws.delete(["book"])
        assert "book" not in order(ws, "nebula")


def generation(path: Path) -> Path:
    (found,) = (path / "generations").iterdir()
    return found


def rewrite(path: Path, **changed: np.ndarray | None) -> None:
    """Change what is in the file of document vectors, and what the manifest says of it."""
    file = generation(path) / "documents.safetensors"
    tensors = {name: np.array(array) for name, array in open_tensors(file).items()}
    kept = {name: array for name, array in {**tensors, **changed}.items() if array is not None}
    file.unlink()
    save_tensors(file, kept, {})
    manifest = generation(path) / "manifest.json"
    said = json.loads(manifest.read_text())
    said["files"]["documents.safetensors"]["size"] = file.stat().st_size
    manifest.write_text(json.dumps(with_checksum(said)))


def test_a_file_that_does_not_say_whose_passages_it_has_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "damaged.es"
    with es.create(path) as ws:
        ws.add(document for document in long_documents() if len(document.text) < 1000)
        ws.train("ppmi", vector_size=8, min_count=1)
    rewrite(path, owners=None)
    with es.open(path) as ws, pytest.raises(es.WorkspaceDamagedError, match="owners"):
        ws.search("nebula")


def test_nan_in_the_file_of_document_vectors_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "damaged.es"
    with es.create(path) as ws:
        ws.add(document for document in long_documents() if len(document.text) < 1000)
        ws.train("ppmi", vector_size=8, min_count=1)
    sound = open_tensors(generation(path) / "documents.safetensors")
    for name in ("shrink", "latent.factors", "vectors.factors"):
        values = sound[name].copy()
        values[0] = np.nan
        rewrite(path, **{**sound, name: values})
        with es.open(path) as ws, pytest.raises(es.WorkspaceDamagedError, match=f"{name} has NaN"):
            ws.search("nebula")


def test_passages_that_belong_to_no_document_are_told_of(tmp_path: Path) -> None:
    path = tmp_path / "damaged.es"
    with es.create(path) as ws:
        ws.add(long_documents())
        ws.train("ppmi", vector_size=8, min_count=1)
    rewrite(path, owners=np.arange(len(long_documents()) + 1))
    with es.open(path) as ws, pytest.raises(es.WorkspaceDamagedError, match="passages"):
        ws.search("nebula")


@pytest.mark.parametrize(("passages", "clustered"), [(SCANNED, False), (SCANNED + 1, True)])
def test_more_passages_than_are_all_compared_are_clustered(
    passages: int, clustered: bool, tmp_path: Path
) -> None:
    numbers, X = np.arange(5, 5 + passages // 2), np.random.default_rng(0).random((passages, 4))
    bounds = np.append(np.arange(len(numbers)) * 2, passages)
    latent = X.astype(np.float32)
    documents = DocumentVectors.of(numbers, latent[: len(numbers)], latent, 9, bounds)
    files = GenerationLayout(tmp_path)
    write_document_vectors(files, documents)
    assert files.document_index.exists() == clustered
    written = open_tensors(files.documents)
    np.testing.assert_array_equal(written["numbers"], numbers)
    for name, X in (("vectors", latent[: len(numbers)]), ("latent", latent)):
        assert written[name].dtype == np.int16
        rows = written[name] * written[f"{name}.factors"][:, np.newaxis]
        np.testing.assert_allclose(rows, X, atol=1.6e-5)
    np.testing.assert_array_equal(written["owners"], bounds)
    # Where the factors of passages are 1, those of documents that come later are to be 1 as well.
    assert "shrink" not in written
