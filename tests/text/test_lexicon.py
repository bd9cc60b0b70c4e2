"""Words of scripts without spaces: found again where they are known, and cut at the least cost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from math import log
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from embedsearch.text.lexicon import LONGEST, Lexicon, LexiconWord, learn_lexicon
from embedsearch.text.phrases import Phrase, PhraseTable
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.text.unspaced import units

HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 60)]
THAI = [f"{chr(code)}\u0e31" for code in range(0x0E01, 0x0E01 + 40)]


def sentences(alphabet: list[str], count: int = 4_000) -> list[list[str]]:
    """Return sentences of 300 made-up words of one to four units, some frequent, most rare."""
    choose = random.Random(7)  # noqa: S311 - text, not secrets
    lengths = choose.choices([1, 2, 3, 4], [1, 6, 2, 1], k=300)
    words = sorted({"".join(choose.choices(alphabet, k=length)) for length in lengths})
    choose.shuffle(words)
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    return [choose.choices(words, weights, k=choose.randint(3, 9)) for _ in range(count)]


def spans(words: list[str]) -> set[tuple[int, int]]:
    ends = [0]
    for word in words:
        ends.append(ends[-1] + len(word))
    return set(pairwise(ends))


@pytest.mark.parametrize("alphabet", [HAN, THAI], ids=["characters", "syllables"])
def test_the_words_of_a_made_up_language_are_found(alphabet: list[str]) -> None:
    written = sentences(alphabet)
    lexicon = learn_lexicon("".join(words) for words in written)
    same = found = there = 0
    for words in written[:500]:
        cut, true = spans(lexicon.cut("".join(words))), spans(words)
        same, found, there = same + len(cut & true), found + len(cut), there + len(true)
    assert 2 * same / (found + there) > 0.85


def cuts(text: str) -> Iterator[list[str]]:
    if not text:
        yield []
    for end in range(1, len(text) + 1):
        for rest in cuts(text[end:]):
            yield [text[:end], *rest]


@given(
    st.dictionaries(st.text("一二三", min_size=1, max_size=4), st.floats(0.1, 9), min_size=1),
    st.text("一二三", min_size=1, max_size=9),
)
def test_a_text_is_cut_at_the_least_cost_of_all_cuts(costs: dict[str, float], text: str) -> None:
    def cost(words: list[str]) -> float:
        unknown = max(costs.values()) + log(2)
        each = (costs.get(w, unknown if len(w) == 1 else float("inf")) for w in words)
        return sum(each)

    cut = Lexicon(LexiconWord(word, 1, cost) for word, cost in costs.items()).cut(text)
    assert "".join(cut) == text
    assert cost(cut) == pytest.approx(min(map(cost, cuts(text))))


def entropy(followers: Counter[str], count: int) -> float:
    # What is missing of the count is ends of text, each a follower of its own.
    return log(count) - sum(n * log(n) for n in followers.values()) / count


def reference_scores(texts: list[str]) -> dict[str, float]:
    """Score pieces as Magistry and Sagot do, with the power and the price of the module."""
    counts = Counter(
        text[i : i + n] for text in texts for n in range(1, LONGEST + 2) for i in range(len(text))
        if i + n <= len(text)
    )  # fmt: skip
    sides = []
    for after in (True, False):
        followers: dict[str, Counter[str]] = {}
        for piece, count in counts.items():
            inner, outer = (piece[:-1], piece[-1]) if after else (piece[1:], piece[0])
            followers.setdefault(inner, Counter())[outer] += count
        total = sum(map(len, texts))
        gains: dict[str, float] = {}
        for piece, count in counts.items():
            if len(piece) > LONGEST or (count < 2 and len(piece) > 1):
                continue
            inner = piece[:-1] if after else piece[1:]
            own = entropy(followers.get(piece, Counter()), count)
            gains[piece] = own - entropy(followers[inner], counts[inner] if inner else total)
        for n in range(1, LONGEST + 1):
            same = [piece for piece in gains if len(piece) == n]
            mean = sum(gains[piece] for piece in same) / max(len(same), 1)
            for piece in same:
                gains[piece] -= mean
        sides.append(gains)
    return {p: len(p) ** 1.2 * (sides[0][p] + sides[1][p]) - 1 for p in sides[0]}


def test_words_are_those_of_the_cut_with_the_best_branching_entropies() -> None:
    texts = ["".join(words) for words in sentences(HAN[:12], 60)]
    scores = reference_scores(texts)
    counts: Counter[str] = Counter()
    for text in texts:
        best: list[tuple[float, list[str]]] = [(0.0, [])]
        for end in range(1, len(text) + 1):
            best.append(
                max(
                    (best[start][0] + scores[text[start:end]], [*best[start][1], text[start:end]])
                    for start in range(max(0, end - LONGEST), end)
                    if text[start:end] in scores
                )
            )
        counts.update(best[-1][1])
    expected = {w: n for w, n in counts.items() if n > 1 or len(w) == 1}
    lexicon = learn_lexicon(texts, least=1)
    assert {word.text: word.count for word in lexicon.words} == expected
    total = sum(expected.values())
    assert [word.cost for word in lexicon.words] == pytest.approx(
        [-log(word.count / total) for word in lexicon.words], rel=1e-5
    )


def test_little_text_and_other_scripts_have_no_lexicon() -> None:
    assert not learn_lexicon(["".join(words) for words in sentences(HAN, 100)])
    assert not learn_lexicon(["plain English text " * 5_000, "текст " * 5_000])
    assert Lexicon().cut("東京") == ["東", "京"]


def test_of_long_text_documents_from_all_over_it_are_looked_at() -> None:
    early = ["".join(words) for words in sentences(HAN)]
    late = ["".join(words) for words in sentences([chr(ord(each) + 500) for each in HAN])]
    lexicon = learn_lexicon(early + late, most=40_000)
    assert sum(len(word.text) * word.count for word in lexicon.words) <= 40_000
    ends = {word.text[0] > HAN[-1] for word in lexicon.words if len(word.text) > 1}
    assert ends == {True, False}


def test_chinese_characters_and_hiragana_are_never_in_one_word() -> None:
    lexicon = Lexicon([LexiconWord("食べる", 9, 0.1), LexiconWord("べる", 9, 0.1)])
    assert lexicon.cut("食べる") == ["食", "べる"]


def test_what_is_saved_cuts_as_before_and_phrases_stay(tmp_path: Path) -> None:
    written = ["".join(words) for words in sentences(THAI)]
    table = PhraseTable([[Phrase(("new", "york"), 3, 7.5)]], learn_lexicon(written))
    table.save(tmp_path / "phrases.tsv")
    loaded = PhraseTable.load(tmp_path / "phrases.tsv")
    assert loaded.lexicon.words == table.lexicon.words
    assert loaded.passes == table.passes
    settings = TokenizerSettings()
    for text in written[:200]:
        cut = TextProcessor(settings, loaded).process(f"In New York: {text}.")
        assert cut == ["in", "new_york", *table.lexicon.cut(text)]
        assert sum(len(units(word)) for word in cut[2:]) == len(units(text))
