"""Which passage of a document is shown, and which of its words are marked."""

from __future__ import annotations

import math
import random
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from embedsearch._types import ExpandedWord, Highlight
from embedsearch.index.lexical import LexicalAnalyzer
from embedsearch.index.lexical.query import parse_query
from embedsearch.search.expansion import Expansion, matches_of, with_words
from embedsearch.search.model import SearchModel
from embedsearch.search.options import SearchOptions
from embedsearch.search.snippets import (
    LENGTH,
    NEAR,
    SHORT,
    Match,
    Nearness,
    SnippetFinder,
    highlights,
    joined,
    promising,
    runs,
    sentences,
)


def test_sentences_end_where_a_new_one_begins() -> None:
    text = 'It is 3.5 m long, e.g. here. "Is it?" Yes!\n\nA new\nline. Über uns.'
    assert list(sentences(text)) == [
        "It is 3.5 m long, e.g. here.",
        '"Is it?"',
        "Yes!",
        "A new line.",
        "Über uns.",
    ]


def test_a_point_between_blanks_ends_a_sentence_in_lower_case() -> None:
    text = "the wing of a plane . the wing of a plane . it lifts ."
    assert list(sentences(text)) == ["the wing of a plane .", "it lifts ."]


def test_chinese_sentences_need_no_blank() -> None:
    assert list(sentences("天空是蓝色的。为什么？")) == ["天空是蓝色的。", "为什么？"]


@given(st.text(alphabet="ab .\n", max_size=2_000))
def test_no_word_is_lost_but_for_repeated_sentences(text: str) -> None:
    pieces = list(sentences(text))
    assert all(0 < len(piece) <= LENGTH * 3 // 2 for piece in pieces)
    assert all(piece == " ".join(piece.split()) for piece in pieces)
    assert set("".join(pieces).replace(" -", "").replace(" ", "")) == set("".join(text.split()))


def test_a_heading_is_set_off_from_what_follows() -> None:
    text = "History\nThe town is old. It was built\nBefore 1200.\n\nNotes\n\nSee also\n"
    pieces = list(sentences(text))
    assert pieces == [
        "History -",
        "The town is old.",
        "It was built",
        "Before 1200.",
        "Notes -",
        "See also",
    ]
    assert joined(pieces[-2:]) == "Notes - See also"
    assert joined(pieces[-3:-1]) == "Before 1200. Notes"
    assert joined(pieces[-3:]) == "Before 1200. Notes - See also"
    long_line = "A line that is too long for a heading goes on in the one that follows"
    assert list(sentences(f"{long_line}\nIt ends.")) == [long_line, "It ends."]


def test_between_chinese_sentences_there_is_no_blank() -> None:
    text = "天空是蓝色的。为什么？\n因为光。 He said so. 对。"
    pieces = list(sentences(text))
    assert joined(pieces) == "天空是蓝色的。为什么？因为光。 He said so. 对。"
    assert joined(["Über uns.", "Ça va."]) == "Über uns. Ça va."
    assert joined([]) == ""


def test_what_has_no_blanks_is_cut_all_the_same() -> None:
    pieces = list(sentences("x" * 1_000))
    assert "".join(pieces) == "x" * 1_000
    assert max(map(len, pieces)) <= LENGTH * 3 // 2


@given(st.lists(st.lists(st.integers(1, 300), max_size=30), max_size=4))
def test_runs_are_the_longest_that_fit(parts: list[list[int]]) -> None:
    pieces = ["x" * length for part in parts for length in part]
    ends = list(accumulate(map(len, parts)))

    def fits(start: int, stop: int) -> bool:
        if any(start < end < stop for end in ends):
            return False
        return stop - start == 1 or len(" ".join(pieces[start:stop])) <= LENGTH

    n = len(pieces)
    fitting = [(i, j) for i in range(n) for j in range(i + 1, n + 1) if fits(i, j)]

    def within(run: tuple[int, int]) -> bool:
        return any(one != run and one[0] <= run[0] and run[1] <= one[1] for one in fitting)

    found = runs(np.array(list(map(len, pieces)), int), np.array(ends, int))
    assert list(map(tuple, found.tolist())) == [run for run in fitting if not within(run)]


def long_text(size: int, planted: dict[int, str]) -> str:
    """Sentences of made-up words, some of which are others."""
    choose = random.Random(1)  # noqa: S311 - words, not secrets
    parts = []
    for number in range(size):
        words = " ".join(choose.choices(["lorem", "ipsum", "dolor", "sit", "amet"], k=12))
        parts.append(planted.get(number, f"So {words}."))
    return " ".join(parts)


def test_of_a_short_text_all_is_looked_at() -> None:
    text = long_text(20, {})
    assert len(text) < SHORT
    assert promising(text, {"lorem": 1.0}) == [list(sentences(text))]


@pytest.mark.parametrize("place", [0, 1, 1_700, 2_998, 2_999])
def test_a_long_text_is_looked_at_where_most_words_meet(place: int) -> None:
    planted = {100: "A Volcano.", 500: "Lava flows.", place: "A volcano spits lava.", 900: "Lava."}
    parts = promising(long_text(3_000, planted), {"volcano": 2.0, "lava": 1.0, "lorem": 0.1})
    assert any("A volcano spits lava." in part for part in parts)
    assert sum(len(piece) for part in parts for piece in part) < 10_000


def test_a_long_text_is_looked_at_here_and_there_where_nothing_is_found() -> None:
    text = long_text(3_000, {0: "First of all.", 2_999: "At last."})
    parts = promising(text, {"volcano": 1.0})
    assert parts[0][0] == "First of all."
    assert len(parts) == 3
    assert promising("x" * 1_000_000, {"volcano": 1.0})[0][0] == "x" * LENGTH


def test_windows_hold_whole_sentences() -> None:
    text = long_text(3_000, {1_500: "A volcano spits lava."})
    whole = set(sentences(text))
    for part in promising(text, {"volcano": 1.0}):
        assert set(part) <= whole


ENGLISH = LexicalAnalyzer.for_language("english")


def marked(text: str, matches: dict[str, str], analyzer: LexicalAnalyzer = ENGLISH) -> list[str]:
    found = highlights(text, analyzer, {t: Match(word, 1.0) for t, word in matches.items()})
    assert [mark.start for mark in found] == sorted(mark.start for mark in found)
    return [text[mark.start : mark.stop] for mark in found]


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        ("The cats sat; a CAT sits.", ["cat"], ["cats", "CAT"]),
        ("cat at a category, at cat", ["cat"], ["cat", "cat"]),
        ("boundary-layer layer_flow layers", ["layer"], ["layer", "layer", "layers"]),
        ("l\u2019avion et l'avion: AVIONS", ["avion"], ["avion", "avion", "AVIONS"]),
        ("the he then he", ["he", "then"], ["he", "then", "he"]),
        ("Z\u00fcrich, zurich", ["zurich"], ["Z\u00fcrich", "zurich"]),
        ("\u0130stanbul is big", ["big"], ["big"]),
        ("3.14 is not 3.141 or 14", ["3.14", "14"], ["3.14", "14"]),
        ("die ﬁnſteren Wäſ\u00adſer im Ⅳ. Kapitel", ["iv", "wasser"], ["Wäſ\u00adſer", "Ⅳ"]),
        ("H₂O und 5\u00b5m, dann don´t", ["h2o", "5μm", "und"], ["H₂O", "und", "5µm"]),
        ("ﬁ ﬁ ﬁsh", ["fish"], ["ﬁsh"]),
        ("", ["cat"], []),
    ],
)
def test_words_are_found_where_they_stand(text: str, terms: list[str], expected: list[str]) -> None:
    assert marked(text, dict.fromkeys(terms, "asked")) == expected


def test_characters_that_overlap_are_one_span() -> None:
    analyzer = LexicalAnalyzer.for_language("none")
    terms = analyzer.words("蓝色的")
    assert len(terms) == 2
    assert marked("天空是蓝色的。天空", dict.fromkeys(terms, "蓝色的"), analyzer) == ["蓝色的"]


def test_a_span_says_what_it_matched_and_how_well() -> None:
    matches = {"car": Match("vehicle", 0.5), "road": Match("roads", 1.0)}
    assert highlights("A car on the road", ENGLISH, matches) == (
        Highlight(2, 5, "vehicle", 0.5),
        Highlight(13, 17, "roads", 1.0),
    )


def cosine(space: Any, one: str, other: str) -> float:
    """The mean, over the encoders, of the cosine of two terms without what is removed."""
    cosines = []
    for encoder in space.linear:
        pair = encoder.projection[[space.terms.columns[one], space.terms.columns[other]]]
        pair = pair.astype(float)
        if len(encoder.removed):
            pair = pair - (pair @ encoder.removed.T) @ encoder.removed
        a, b = pair
        cosines.append(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    return float(np.mean(cosines))


def near_terms(space: Any, terms: list[str], query: dict[str, str]) -> dict[str, Match]:
    latent = np.zeros(space.blocks[-1].columns.stop, np.float32)
    known = [term for term in terms if term in space.terms.columns]
    columns = np.array([space.terms.columns[term] for term in known], np.int64)
    return Nearness(space, columns, query, latent).matches(62)


def test_near_terms_are_those_of_the_mean_cosine(plain: Any) -> None:
    space = plain.search.model.space
    query = {term: f"{term}!" for term in ("vehicl", "barn")}
    near = near_terms(space, space.terms.terms, query)
    for term in space.terms.terms:
        scores = {asked: cosine(space, asked, term) for asked in query}
        best = max(scores, key=scores.__getitem__)
        if term in query or scores[best] < NEAR:
            assert term not in near
        else:
            assert near[term].query_word == query[best]
            assert near[term].score == pytest.approx(scores[best], abs=1e-5)
    assert near


def test_numbers_and_words_of_few_documents_are_near_nothing(plain: Any) -> None:
    space = plain.search.model.space
    statistics = space.statistics
    counts = np.exp(-statistics.idf) * 63 - 0.5
    rare = [term for term, count in zip(space.terms.terms, counts, strict=True) if count < 2.9]
    assert near_terms(space, [*rare, "1", "x"], {"vehicl": "vehicle"}) == {}
    assert near_terms(space, space.terms.terms, {"unheard": "unheard"}) == {}
    assert near_terms(space, [], {"vehicl": "vehicle"}) == {}


MODES = ("auto", "latent", "lexical")


def finder(collection: Any, text: str, mode: str = "auto") -> SnippetFinder:
    query = collection.search.lexical.parse(text)
    ranking = collection.search.rank(query, text, SearchOptions(5, mode))
    return SnippetFinder.of(collection.search, query, ranking)


def mixed(collection: Any, seed: int, topics: int = 12) -> str:
    """A text about several things: some sentences of several documents."""
    choose = random.Random(seed)  # noqa: S311 - sentences, not secrets
    parts = choose.sample([d.text for d in collection.documents if d.text], topics)
    return " ".join(sentence for part in parts for sentence in list(sentences(part))[:2])


def scored(collection: Any, text: str, query: str, mode: str) -> list[tuple[float, str]]:
    """The passages of a text that may be shown, with their scores, one by one."""
    search, pieces = collection.search, list(sentences(text))
    model, parsed = search.model, search.lexical.parse(query)
    ranking = search.rank(parsed, query, SearchOptions(5, mode))
    space, idfs = model.space, model.space.statistics.idf
    columns, found = space.terms.columns, []
    lengths = np.array(list(map(len, pieces)))
    for start, stop in runs(lengths, np.array([len(pieces)])).tolist():
        passage = " ".join(pieces[start:stop])
        words = model.analyzer.words(passage)
        norm = 1.2 * (0.25 + 0.75 * (len(passage) + 1) / 10 / space.statistics.mean_length)
        score = 0.0
        for term, weight in parsed.words.items():
            idf = float(idfs[columns[term]] if term in columns else idfs.max())
            count = words.count(term)
            score += ranking.lexical * weight * idf * count * 2.2 / (count + norm)
        found.append((score, passage))
    if mode == "lexical":
        return found
    if any(score for score, _ in found):
        found = sorted(found, key=lambda pair: -pair[0])[:3]
    return [(s + nearness(space, model.analyzer.words(p), ranking.latent), p) for s, p in found]


def nearness(space: Any, words: list[str], latent: Any) -> float:
    total = weight = 0.0
    for column in (space.terms.columns[word] for word in words if word in space.terms.columns):
        idf = float(space.statistics.idf[column])
        weight += idf
        for encoder, block in zip(space.linear, space.blocks, strict=False):
            vector = encoder.cleared(encoder.projection[column : column + 1])[0].astype(float)
            total += idf * (vector @ latent[block.columns]) / np.linalg.norm(vector)
    return total / weight if weight else 0.0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("query", ["vehicle", "goat in a barn", '"near a" star', "plugh"])
def test_the_passage_is_the_best_of_all(collection: Any, query: str, mode: str) -> None:
    texts = [mixed(collection, seed) for seed in range(5)]
    for text, snippet in zip(texts, finder(collection, query, mode).find(texts), strict=True):
        passages = scored(collection, text, query, mode)
        score = {p: s for s, p in reversed(passages)}[snippet.text]
        assert score == pytest.approx(max(s for s, _ in passages), abs=1e-4)
        if math.isclose(max(s for s, _ in passages), 0, abs_tol=1e-9):
            assert snippet.text == passages[0][1]


def test_a_word_that_no_encoder_knows_is_found_all_the_same(plain: Any) -> None:
    text = f"{mixed(plain, 1)} Here is Plugh in person. {mixed(plain, 2)}"
    (snippet,) = finder(plain, "plugh").find([text])
    assert "Here is Plugh in person." in snippet.text
    assert [snippet.text[m.start : m.stop] for m in snippet.highlights] == ["Plugh"]
    assert snippet.highlights[0][2:] == ("plugh", 1.0)


def test_a_passage_is_found_by_its_meaning(plain: Any) -> None:
    text = " ".join([*["The planet was light-dawn near a orbit."] * 3, "It is. The truck was."])
    (snippet,) = finder(plain, "vehicle", "latent").find([text])
    assert "truck" in snippet.text


def test_words_near_in_meaning_are_marked_with_the_word_they_stand_for(plain: Any) -> None:
    (snippet,) = finder(plain, "vehicle driver").find(["The truck driver looks at the comet."])
    marks = {snippet.text[m.start : m.stop]: m for m in snippet.highlights}
    assert marks["driver"][2:] == ("driver", 1.0)
    assert "comet" not in marks
    near = [m for m in snippet.highlights if m.score < 1]
    assert all(m.score >= 0.45 and m.query_word in ("vehicle", "driver") for m in near)
    (snippet,) = finder(plain, "vehicle driver", "lexical").find([snippet.text])
    assert {m.score for m in snippet.highlights} == {1.0}


def test_an_added_word_is_marked_for_the_word_it_was_added_for(plain: Any) -> None:
    query = plain.search.lexical.parse("automobile")
    added = [Expansion("car", ExpandedWord("automobile", "car", 0.7, 0.2))]
    looked_for = with_words(query, added)
    ranking = plain.search.rank(looked_for, "automobile", SearchOptions(5))
    found = SnippetFinder.of(plain.search, looked_for, ranking, matches_of(added))
    (snippet,) = found.find(["Nobody else. The cars are here."])
    assert [m[2:] for m in snippet.highlights] == [("automobile", 0.7)]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [("\u00c4rger", "Much Arger."), ("dying", "They die."), ("engines", "An ENGINE!")],
)
def test_a_word_is_found_in_another_spelling(plain: Any, query: str, sentence: str) -> None:
    text = f"{mixed(plain, 1)} {sentence} {mixed(plain, 2)}"
    model = SearchModel.unfitted(ENGLISH)
    found = SnippetFinder(model, np.zeros(0, np.float32), 1.0, parse_query(query, ENGLISH))
    assert sentence in found.find([text])[0].text


def test_texts_without_words_have_what_they_have(collection: Any) -> None:
    find = finder(collection, "engine").find
    assert find([]) == []
    assert [s.text for s in find(["", " \n ", "...", "one", "engine"])] == [
        "",
        "",
        "...",
        "one",
        "engine",
    ]


def test_without_a_query_of_words_the_vector_alone_decides(plain: Any) -> None:
    search = plain.search
    row = search.latent.rows.find(np.array([10]))[0]
    weighted = search.weighted(search.latent.X.base[row], search.model.fusion)
    text = "The goat was hay-barn near a meadow. " * 9 + plain.documents[0].text
    (snippet,) = SnippetFinder(search.model, weighted).find([text])
    assert "car" in snippet.text
    assert snippet.highlights == ()


@pytest.mark.parametrize("size", [100_000, 10_000_000])
def test_in_a_very_long_text_the_place_is_found(plain: Any, size: int) -> None:
    filler = "Lorem ipsum dolor sit amet consectetur. "
    text = filler * (size // len(filler))
    middle = len(text) * 2 // 3
    middle = text.index(". ", middle) + 2
    text = f"{text[:middle]}The vehicle has an Engine. {text[middle:]}"
    (snippet,) = finder(plain, "engines of vehicles").find([text])
    assert "The vehicle has an Engine." in snippet.text
    assert len(snippet.text) <= LENGTH


def test_in_a_long_text_without_a_word_of_the_query_what_is_near_it_is_found(plain: Any) -> None:
    filler = "Lorem ipsum dolor sit amet consectetur. " * 1_250
    for place in (3_700, 17_111, 38_000):
        middle = filler.index(". ", place) + 2
        text = f"{filler[:middle]}A truck has a brake on its wheel. {filler[middle:]}"
        (snippet,) = finder(plain, "vehicle", "latent").find([text])
        assert "A truck has a brake on its wheel." in snippet.text
