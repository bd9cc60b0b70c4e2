"""NLTK's tokenizers give what NLTK gives, and their failures are ours."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st
from nltk import tokenize as nltk_tokenize

from embedsearch._errors import ParameterError
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.tokenizers import make_tokenizer
from embedsearch.text.tokenizers.nltk import PIECE, RegexpTokenizer, pieces

SENTENCE = "I can't go to the U.S. Army; it's 3.14 (#fun) @me :-) \"now\"."
RIVALS = {
    "treebank": nltk_tokenize.TreebankWordTokenizer(),
    "tweet": nltk_tokenize.TweetTokenizer(),
    "toktok": nltk_tokenize.ToktokTokenizer(),
}


@pytest.mark.parametrize("name", sorted(RIVALS))
def test_a_sentence_is_cut_as_nltk_cuts_it(name: str) -> None:
    ours = make_tokenizer(TokenizerSettings(tokenizer=name))
    assert ours.tokenize(SENTENCE) == RIVALS[name].tokenize(SENTENCE)


@pytest.mark.parametrize("name", ["treebank", "toktok"])
def test_the_full_stop_of_every_sentence_is_parted_from_its_word(name: str) -> None:
    ours = make_tokenizer(TokenizerSettings(tokenizer=name))
    assert ours.tokenize("One dog. Two cats!\nThree in the U.S. Army") == (
        ["One", "dog", ".", "Two", "cats", "!", "Three", "in", "the", "U.S.", "Army"]
    )


def test_a_pattern_gives_its_matches() -> None:
    ours = make_tokenizer(TokenizerSettings(tokenizer="regexp", pattern=r"[A-Z]\w+|\d+"))
    assert ours.tokenize("Anna met Bob 12 times") == ["Anna", "Bob", "12"]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[a-", "unterminated"),
        ("(a)b", "without capturing groups"),
        (r"\w*", "matches no empty text"),
        ("", "matches no empty text"),
        (None, "given with"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(pattern: str | None, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        TokenizerSettings(tokenizer="regexp", pattern=pattern)


def test_a_pattern_without_its_tokenizer_is_an_error() -> None:
    with pytest.raises(ParameterError, match="pattern"):
        TokenizerSettings(pattern=r"\w+")


def test_a_pattern_that_only_nltk_refuses_is_our_error() -> None:
    with pytest.raises(ParameterError, match="pattern"):
        RegexpTokenizer("[a-")


@given(st.lists(st.text("ab \n", min_size=1, max_size=5), min_size=1, max_size=4))
def test_pieces_are_the_text_and_break_no_word(parts: list[str]) -> None:
    text = " ".join(part * 30_000 for part in parts)
    cut = list(pieces(text))
    assert "".join(cut).split() == text.split()
    assert [word for piece in cut for word in piece.split()] == text.split()
    assert all(len(piece) <= PIECE or not re.search(r"\s", piece.strip()) for piece in cut)


def test_a_text_of_many_pieces_loses_no_token() -> None:
    text = "alpha beta. " * 30_000
    ours = make_tokenizer(TokenizerSettings(tokenizer="regexp", pattern=r"\w+"))
    assert len(ours.tokenize(text)) == 60_000
