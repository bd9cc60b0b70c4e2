"""Doc2Vec as an encoder: against gensim's own inference, and on texts of two topics."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from gensim.models import Doc2Vec, doc2vec

from embedsearch._errors import CorpusTooSmallError, ParameterError, VectorError
from embedsearch._progress import SilentProgress
from embedsearch._types import FloatMatrix
from embedsearch.training.doc2vec import Doc2VecEncoder
from embedsearch.vectors.arrays import row_norms, unit_rows
from embedsearch.vectors.base import Encoder
from embedsearch.vectors.encoders.checked import CheckedEncoder
from embedsearch.vectors.tensors import open_tensors, save_tensors

SEA = ["wave", "salt", "tide", "boat", "fish", "sail", "coral", "harbour"]
SKY = ["cloud", "wing", "storm", "bird", "feather", "wind", "plane", "thunder"]
SETTINGS = {"vector_size": 16, "epochs": 60, "min_count": 1}
TEXT = "salt wave salt boat fish tide wave coral sail harbour " * 3


def topics(n: int = 60, length: int = 12) -> list[list[str]]:
    """Texts about the sea (even) and the sky (odd), which share no word."""
    rng = np.random.default_rng(7)
    return [rng.choice((SEA, SKY)[i % 2], length).tolist() for i in range(n)]


def fitted(dm: int = 0, **settings: Any) -> Doc2VecEncoder:
    return Doc2VecEncoder.fit(topics(), str.split, **{**SETTINGS, "dm": dm, **settings})


@pytest.fixture(scope="module", params=[0, 1])
def encoder(request: pytest.FixtureRequest) -> Doc2VecEncoder:
    return fitted(request.param)


@pytest.fixture(scope="module")
def dbow() -> Doc2VecEncoder:
    return fitted()


def in_gensim(encoder: Doc2VecEncoder) -> Any:
    """Give what was learned to a model of gensim's."""
    state = encoder.state
    names = ("vector_size", "epochs", "dm", "sample")
    settings = {name: getattr(state.settings, name) for name in names}
    model = Doc2Vec(**settings, min_count=1, sorted_vocab=0)
    model.build_vocab_from_freq(dict(zip(state.words, state.counts.tolist())))
    model.syn1neg[:] = state.outputs
    model.wv.vectors[: len(state.inputs)] = state.inputs
    return model


def cosines(X: FloatMatrix, Y: FloatMatrix) -> FloatMatrix:
    scores: FloatMatrix = unit_rows(X, row_norms(X)) @ unit_rows(Y, row_norms(Y)).T
    return scores


def test_a_vector_is_that_of_gensim_where_its_random_numbers_are(
    encoder: Doc2VecEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [encoder.state.words.index(word) for word in TEXT.split()]
    checksum = zlib.crc32(np.array(rows, "<i8").tobytes(), encoder.state.settings.seed)
    model = in_gensim(encoder)
    # 13 passes of 30 words are the nearest to 400.
    for encode, passes in ((encoder.encode_documents, 13), (encoder.encode_queries, 300)):
        model.random = np.random.RandomState(checksum)
        start = ((model.random.random_sample(16) - 0.5) / 16).astype(np.float32)
        monkeypatch.setattr(doc2vec, "pseudorandom_weak_vector", Mock(return_value=start))
        theirs = model.infer_vector(TEXT.split(), epochs=passes)
        np.testing.assert_allclose(encode([f"{TEXT} unknown"])[0], theirs, rtol=1e-4, atol=1e-5)


def test_a_vector_is_near_what_gensim_infers_with_its_own_random_numbers(
    encoder: Doc2VecEncoder,
) -> None:
    model = in_gensim(encoder)
    theirs = np.stack([model.infer_vector(TEXT.split(), epochs=13) for _ in range(10)])
    ours = encoder.encode_documents([TEXT, "storm bird wind " * 10])
    same, other = cosines(ours, theirs)
    assert same.min() > 0.9
    assert same.min() > other.max() + 0.2
    assert 0.8 < np.linalg.norm(ours[0]) / np.linalg.norm(theirs, axis=1).mean() < 1.25


def test_texts_are_nearest_to_those_of_their_topic(dbow: Doc2VecEncoder) -> None:
    topic = np.tile([0, 1], 30)
    new = dbow.encode_queries(["tide salt fish", "storm bird", "harbour boat", "wind plane"])
    scores = cosines(new, dbow.document_vectors)
    for row, wanted in zip(scores, (0, 1, 0, 1)):
        assert row[topic == wanted].mean() > row[topic != wanted].mean() + 0.3
    added = dbow.encode_documents([" ".join(words) for words in topics()])
    for row, wanted in zip(cosines(added, dbow.document_vectors), topic.tolist()):
        assert row[topic == wanted].mean() > row[topic != wanted].mean() + 0.3


def test_texts_without_known_words_are_zeros(dbow: Doc2VecEncoder) -> None:
    for encode in (dbow.encode_documents, dbow.encode_queries):
        vectors = encode(["", "nothing of this", "tide"])
        assert not vectors[:2].any()
        assert vectors[2].any()
        assert encode([]).shape == (0, 16)
    among = Doc2VecEncoder.fit([*topics(10), [], ["once"]], str.split, vector_size=4)
    assert among.document_vectors.any(axis=1).tolist() == [True] * 10 + [False] * 2


def test_a_vector_depends_on_the_text_alone(dbow: Doc2VecEncoder) -> None:
    alone = dbow.encode_queries([TEXT])[0]
    among = dbow.encode_queries(["storm", TEXT, "bird " * 9, TEXT])
    assert np.array_equal(among[1], alone)
    assert np.array_equal(among[3], alone)
    assert np.array_equal(dbow.encode_queries([f"and {TEXT} more"])[0], alone)


def test_threads_do_not_disturb_each_other(dbow: Doc2VecEncoder) -> None:
    texts = [" ".join(words) for words in topics()]
    with ThreadPoolExecutor(4) as pool:
        apart = list(pool.map(lambda text: dbow.encode_documents([text])[0], texts))
    assert np.array_equal(np.stack(apart), dbow.encode_documents(texts))


_SCRIPT = """
from embedsearch.training.doc2vec import Doc2VecEncoder
lists = [["a", "b", "a", "c"], ["c", "d", "b"], ["a", "d", "d"]]
encoder = Doc2VecEncoder.fit(lists, str.split, vector_size=5, min_count=1, epochs=3)
both = encoder.document_vectors.tobytes() + encoder.encode_queries(["a d c"]).tobytes()
import sys
sys.stdout.write(both.hex())
"""


def test_vectors_are_the_same_in_every_process(capsys: pytest.CaptureFixture[str]) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    command = [sys.executable, "-c", _SCRIPT]
    other = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    exec(_SCRIPT, {})  # noqa: S102 - the same lines in this process
    assert other.stdout == capsys.readouterr().out


def test_an_encoder_is_restored_from_a_file(encoder: Doc2VecEncoder, tmp_path: Any) -> None:
    save_tensors(tmp_path / "doc2vec.safetensors", encoder.to_tensors())
    tensors = open_tensors(tmp_path / "doc2vec.safetensors")
    restored = Doc2VecEncoder.from_tensors(list(encoder.state.words), tensors, str.split)
    assert restored.state.settings == encoder.state.settings
    texts = [TEXT, "storm bird", ""]
    assert np.array_equal(restored.encode_queries(texts), encoder.encode_queries(texts))
    assert restored.document_vectors.shape == (0, 16)
    assert encoder.to_tensors()["inputs"].shape == (16 * encoder.state.settings.dm, 16)


def test_long_documents_are_read_to_their_end() -> None:
    ends = [["early"] * 10_500 + [word] * 2_000 for word in ("late", "late", "last")]
    encoder = Doc2VecEncoder.fit(iter(ends), str.split, vector_size=8, epochs=3, min_count=1)
    near = cosines(encoder.document_vectors, encoder.document_vectors)
    assert near[0, 1] > near[0, 2]
    inferred = encoder.encode_documents([" ".join(words) for words in ends])
    near = cosines(inferred, inferred)
    assert near[0, 1] > near[0, 2]


def test_it_serves_as_an_encoder_of_search(dbow: Doc2VecEncoder) -> None:
    assert isinstance(dbow, Encoder)
    vectors = CheckedEncoder(dbow, "doc2vec").encode_documents(["tide", "", "storm wind"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1], rtol=1e-5)


def test_training_tells_how_far_it_is() -> None:
    told: list[float] = []

    class Listener(SilentProgress):
        def task(self, name: str, total: float | None = None, unit: str = "items") -> Any:
            told.append(-float(total or 0))
            task = super().task(name, total, unit)
            return _Recorded(task, told.append)

    Doc2VecEncoder.fit(topics(), str.split, vector_size=4, epochs=3, progress=Listener())
    assert told == [-3 * 60 * 12, 720, 720, 720]


class _Recorded:
    def __init__(self, task: Any, advance: Callable[[float], None]) -> None:
        self.advance = advance

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("lists", [[], [[]], [[], ["a"]], [["a", "b", "a", "b"], ["c"]]])
def test_a_collection_with_nothing_to_tell_apart_is_refused(lists: list[list[str]]) -> None:
    with pytest.raises(CorpusTooSmallError):
        Doc2VecEncoder.fit(lists, str.split)


def test_a_single_document_is_named_as_the_reason() -> None:
    with pytest.raises(CorpusTooSmallError, match=r"at least two .* 1 of 1"):
        Doc2VecEncoder.fit([["a", "b", "a", "b"]], str.split)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dm", 2),
        ("dm", 1.0),
        ("vector_size", 0),
        ("epochs", None),
        ("min_count", 0),
        ("workers", None),
        ("seed", -1),
    ],
)
def test_settings_out_of_their_range_are_named(name: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=f"^{name} must be"):
        Doc2VecEncoder.fit(topics(), str.split, **{name: value})


def test_a_text_in_place_of_tokens_is_refused() -> None:
    with pytest.raises(ParameterError, match="every document must be a list of tokens, got 'a b'"):
        Doc2VecEncoder.fit(["a b", "c d"], str.split)  # type: ignore[list-item]


def with_array(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    return lambda tensors: tensors.update({name: change(tensors[name])})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda tensors: tensors.pop("outputs"), "'outputs', which is missing"),
        (with_array("outputs", lambda a: a[:-1]), r"outputs must be float32 of the shape \(16, 16"),
        (with_array("outputs", lambda a: a.T), "outputs must be float32"),
        (with_array("inputs", lambda a: np.zeros((3, 16), np.float32)), "inputs must be"),
        (with_array("counts", lambda a: a.astype(np.int32)), "counts must be int64"),
        (with_array("counts", lambda a: 0 * a), "counts of 1 or more"),
        (with_array("settings", lambda a: a[:3]), "settings must be 9 finite numbers"),
        (with_array("settings", lambda a: a * np.nan), "settings must be 9 finite numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(dbow: Doc2VecEncoder, damage: Any, said: str) -> None:
    tensors = dict(dbow.to_tensors())
    damage(tensors)
    with pytest.raises(VectorError, match=said):
        Doc2VecEncoder.from_tensors(list(dbow.state.words), tensors, str.split)
