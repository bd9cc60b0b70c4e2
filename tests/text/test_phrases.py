"""Phrases are gensim's, in a stream as in a list of tokens."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from gensim.models.phrases import Phrases
from hypothesis import given, settings, strategies as st

from embedsearch import ParameterError, VectorError
from embedsearch._progress import SilentProgress
from embedsearch.text.corpora import get_corpus
from embedsearch.text.phrases import Phrase, PhraseTable, find_phrases, rewrite
from embedsearch.text.settings import CONNECTORS, PhraseSettings, TokenizerSettings
from embedsearch.text.stream import TokenStream
from embedsearch.text.stream_writer import write_stream, write_texts
from embedsearch.text.tokenizers import TextProcessor

Corpus = list[list[str]]
OF_THE = ("of", "the")


def read(stream: TokenStream) -> Corpus:
    return [[stream.types[t] for t in stream.document(i)] for i in range(len(stream))]


@pytest.fixture(scope="module")
def articles() -> Corpus:
    processor = TextProcessor(TokenizerSettings())
    documents = get_corpus("gensim-lee").documents(SilentProgress())
    return [processor.process(document.text) for document in documents]


@pytest.fixture
def stream(articles: Corpus, tmp_path: Path) -> TokenStream:
    return write_stream(tmp_path, enumerate(articles))


@pytest.mark.parametrize("connectors", [(), OF_THE])
@pytest.mark.parametrize(("scoring", "threshold"), [("default", 20.0), ("npmi", 0.4)])
def test_scores_and_joined_text_are_gensims(
    articles: Corpus, stream: TokenStream, tmp_path: Path, scoring: str, threshold: float,
    connectors: tuple[str, ...],
) -> None:  # fmt: skip
    wanted = PhraseSettings(
        scoring=scoring, min_count=5, threshold=threshold, connectors=connectors
    )
    table = find_phrases(stream, wanted)
    rival = Phrases(
        articles,
        min_count=5,
        threshold=threshold,
        scoring=scoring,
        connector_words=frozenset(connectors),
    )
    # gensim multiplies by the words and pairs that it has counted, not by all tokens.
    scale = stream.total / len(rival.vocab) if scoring == "default" else 1.0
    rival.threshold = threshold / scale
    expected = {phrase: score * scale for phrase, score in rival.export_phrases().items()}
    ours = {phrase.joined: phrase.score for phrase in table.passes[0]}
    assert len(expected) > 60
    assert set(ours) == set(expected)
    assert [*ours.values()] == pytest.approx([expected[phrase] for phrase in ours], rel=1e-12)
    assert all(phrase.count == rival.vocab[phrase.joined] for phrase in table.passes[0])
    joined = [rival[words] for words in articles]
    (tmp_path / "joined").mkdir()
    assert read(rewrite(table, stream, tmp_path / "joined")) == joined
    assert [table.apply(words) for words in articles] == joined


def test_every_pass_joins_what_the_last_one_left(articles: Corpus, stream: TokenStream) -> None:
    table = find_phrases(stream, PhraseSettings(min_count=3, threshold=20.0, passes=3))
    words = articles
    for passes in range(1, 4):
        rival = Phrases(words, min_count=3)
        rival.threshold = 20.0 * len(rival.vocab) / sum(map(len, words))
        words = [rival[document] for document in words]
        part = PhraseTable(table.passes[:passes])
        assert [part.apply(document) for document in articles] == words
    assert max(token.count("_") for document in words for token in document) >= 3


def test_counting_in_parts_finds_the_same(stream: TokenStream) -> None:
    wanted = PhraseSettings(min_count=2, threshold=5.0, passes=2)
    whole = find_phrases(stream, wanted)
    assert find_phrases(stream, wanted, slots=1 << 12).passes == whole.passes
    assert len(whole) > 1_000


WORDS = st.lists(st.sampled_from(["a", "b", "c", "of", "the", "a_b", "d"]), max_size=12)


@settings(max_examples=150)
@given(st.lists(WORDS, max_size=8), st.integers(1, 4), st.sampled_from([(), OF_THE]), st.booleans())
def test_a_stream_and_a_list_are_joined_alike(
    corpus: Corpus, size: int, connectors: tuple[str, ...], npmi: bool
) -> None:
    wanted = PhraseSettings(
        scoring="npmi" if npmi else "default",
        min_count=1,
        threshold=-1.0 if npmi else 0.0,
        passes=2,
        connectors=connectors,
    )
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        stream = write_stream(Path(first), ((9 + i, d) for i, d in enumerate(corpus)))
        table = find_phrases(stream, wanted, stretch=size)
        joined = rewrite(table, stream, Path(second), stretch=size)
        expected = [table.apply(words) for words in corpus]
        assert read(joined) == expected
        counts = {w: c for w, c in zip(joined.types, joined.counts.tolist()) if c}
        assert counts == Counter(chain(*expected))
        assert joined.numbers.tolist() == stream.numbers.tolist()


def test_phrases_do_not_span_documents(tmp_path: Path) -> None:
    corpus = [["x", "new"], ["york", "y"]] * 9 + [["z"]] * 50
    stream = write_stream(tmp_path, enumerate(corpus))
    (phrases,) = find_phrases(stream, PhraseSettings(min_count=1, threshold=0.0)).passes
    assert [phrase.joined for phrase in phrases] == ["x_new", "york_y"]


def test_text_is_processed_with_phrases_as_the_stream_is(tmp_path: Path) -> None:
    table = PhraseTable(
        [[Phrase(("new", "york"), 9, 1.0)], [Phrase(("new_york", "new_york"), 5, 1.0)]]
    )
    processor = TextProcessor(TokenizerSettings(stem="english"), table)
    assert processor.process("New York City, new\nYork") == ["new_york", "citi", "new_york"]
    assert processor.normalize("new york") == "new_york"
    stream = write_texts(tmp_path, [(0, "In New York, NEW YORK.")], processor)
    assert read(stream) == [["in", "new_york_new_york"]]


def test_connectors_are_inside_phrases_and_never_at_their_ends(tmp_path: Path) -> None:
    corpus = [["lord", "of", "the", "rings"], ["of", "the", "x"], ["y", "of", "the"]] * 20
    stream = write_stream(tmp_path, enumerate(corpus))
    wanted = PhraseSettings(min_count=5, threshold=1.0, connectors=CONNECTORS["english"])
    (phrases,) = find_phrases(stream, wanted).passes
    assert [phrase.words for phrase in phrases] == [("lord", "of", "the", "rings")]
    assert PhraseTable([phrases]).apply(["the", "lord", "of", "rings"])[1] == "lord"


def test_a_table_is_read_as_written(stream: TokenStream, tmp_path: Path) -> None:
    path = tmp_path / "phrases.tsv"
    table = find_phrases(stream, PhraseSettings(threshold=20.0, passes=2, connectors=OF_THE))
    table.save(path)
    loaded = PhraseTable.load(path)
    assert [[(p.words, p.count) for p in phrases] for phrases in loaded.passes] == [
        [(p.words, p.count) for p in phrases] for phrases in table.passes
    ]
    assert path.read_text(encoding="utf-8").startswith("pass\tphrase\tcount\tscore\n1\t")
    loaded.save(tmp_path / "again.tsv")
    assert (tmp_path / "again.tsv").read_bytes() == path.read_bytes()
    PhraseTable().save(path)
    assert len(PhraseTable.load(path)) == 0


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("", "line 1: not the heading"),
        ("pass\tphrase\n", "line 1: not the heading"),
        ("1\tnew\t3\t1.5\n", "line 2: not pass, words"),
        ("1\tnew york\t3\n", "line 2: not pass, words"),
        ("1\tnew york\t0\t1.5\n", "line 2: not pass, words"),
        ("1\tnew  york\t3\t1.5\n", "line 2: not pass, words"),
        ("1\ta b c d e\t3\t1.5\n", "line 2: not pass, words"),
        ("2\tnew york\t3\t1.5\n", "line 2: pass 2 is out of order"),
        ("1\tnew york\t3\t1.5\n1\tx y\tz\t1\n", "line 3: not pass, words"),
    ],
)
def test_a_damaged_table_names_its_line(tmp_path: Path, lines: str, reason: str) -> None:
    path = tmp_path / "phrases.tsv"
    header = "" if "heading" in reason else "pass\tphrase\tcount\tscore\n"
    path.write_text(header + lines, encoding="utf-8")
    with pytest.raises(VectorError, match=reason):
        PhraseTable.load(path)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"scoring": "pmi"}, "phrases"),
        ({"min_count": 0}, "phrase_min_count"),
        ({"min_count": True}, "phrase_min_count"),
        ({"passes": 6}, "phrase_passes"),
        ({"threshold": -1.0}, "phrase_threshold"),
        ({"threshold": float("nan")}, "phrase_threshold"),
        ({"scoring": "npmi", "threshold": 1.5}, "phrase_threshold"),
        ({"connectors": tuple(map(str, range(51)))}, "phrase_connectors"),
    ],
)
def test_settings_out_of_range_are_named(options: dict[str, object], name: str) -> None:
    with pytest.raises(ParameterError, match=f"^{name} must be "):
        PhraseSettings(**options)  # type: ignore[arg-type]


def test_a_corpus_without_phrases_has_none(tmp_path: Path) -> None:
    progress = SilentProgress()
    for corpus in ([], [[]], [["a"]], [["a", "b"]]):
        stream = write_stream(tmp_path, enumerate(corpus))
        table = find_phrases(stream, PhraseSettings(), progress)
        assert (len(table), table.apply(["a", "b"])) == (0, ["a", "b"])
    assert set(progress.notes) == {"no phrases were found"}


def test_forgotten_words_are_in_no_phrase(tmp_path: Path) -> None:
    texts = [(i, f"rare{i} new york other{i} new york") for i in range(50_000)]
    (tmp_path / "joined").mkdir()
    processor = TextProcessor(TokenizerSettings())
    stream = write_texts(tmp_path, texts, processor, max_types=30_000)
    assert "" in stream.types
    table = find_phrases(stream, PhraseSettings(min_count=1, threshold=0.0))
    joined = rewrite(table, stream, tmp_path / "joined")
    assert all(all(phrase.words) for phrase in table.passes[0])
    assert "new_york" in {phrase.joined for phrase in table.passes[0]}
    assert joined.counts[[not word for word in joined.types]].sum() == 0
