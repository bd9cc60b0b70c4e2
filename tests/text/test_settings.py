"""Settings say what they may be, and options find the settings that they belong to."""

from __future__ import annotations

from typing import Any

import pytest

from embedsearch._errors import ParameterError
from embedsearch.text.settings import (
    PhraseSettings,
    ReadSettings,
    TokenizerSettings,
    apply_options,
    extract_settings,
)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("format", "doc", "one of auto, text"),
        ("format", ["csv"], "one of auto, text"),
        ("split", None, "one of file, line, paragraph"),
        ("glob", 3, "a string"),
        ("text_column", ("body",), "a string, or None"),
        ("encoding", 8, "a string, or None"),
        ("on_conflict", "keep", "one of rename, error, replace"),
        ("id_prefix", None, "a string"),
        ("delimiter", "ab", "one character"),
        ("delimiter", 9, "one character"),
    ],
)
def test_a_wrong_setting_of_reading_says_what_is_allowed(
    name: str, value: Any, allowed: str
) -> None:
    with pytest.raises(ParameterError, match=f"^{name} must be {allowed}"):
        ReadSettings(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("tokenizer", "words", "one of unicode, regexp, treebank, tweet, toktok"),
        ("tokenizer", ["unicode"], "one of unicode"),
        ("accents", "drop", "one of keep, strip"),
        ("digits", True, "one of keep, zero, drop"),
        ("phrases", "pmi", "one of default, npmi"),
        ("folding", 1, "2, the only version"),
    ],
)
def test_a_wrong_setting_of_tokenizing_says_what_is_allowed(
    name: str, value: Any, allowed: str
) -> None:
    with pytest.raises(ParameterError, match=f"^{name} must be {allowed}"):
        TokenizerSettings(**{name: value})


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ({"min_count": 0}, "phrase_min_count"),
        ({"min_count": True}, "phrase_min_count"),
        ({"min_count": 2**31}, "phrase_min_count"),
        ({"passes": 6}, "phrase_passes"),
        ({"threshold": float("nan")}, "phrase_threshold"),
        ({"threshold": -1}, "phrase_threshold"),
        ({"scoring": "npmi", "threshold": 1.1}, "phrase_threshold"),
        ({"connectors": tuple(map(str, range(51)))}, "phrase_connectors"),
    ],
)
def test_a_wrong_setting_of_phrases_is_named_as_users_name_it(
    setting: dict[str, Any], name: str
) -> None:
    with pytest.raises(ParameterError, match=f"^{name} must be"):
        PhraseSettings(**setting)


def test_settings_come_back_from_json() -> None:
    settings = TokenizerSettings(stop_words=("a", "the"), stem="english", phrases="npmi")
    assert TokenizerSettings.from_json(settings.to_json()) == settings
    with pytest.raises(ParameterError, match=r"known names, got \['later'\]"):
        TokenizerSettings.from_json({"later": 1})


def test_options_are_applied_to_settings_or_to_the_default() -> None:
    default = TokenizerSettings(lowercase=False)
    options = {"stem": "german", "digits": None, "epochs": 3}
    assert apply_options(default, options, default) == (
        TokenizerSettings(lowercase=False, stem="german"),
        {"epochs": 3},
    )
    settings, _ = apply_options("tweet", {}, default)
    assert settings == TokenizerSettings(tokenizer="tweet", lowercase=False)


def test_settings_and_options_for_them_exclude_each_other() -> None:
    rest = {"epochs": 3}
    assert extract_settings(ReadSettings, None, {"split": "line", **rest}) == (
        ReadSettings(split="line"),
        rest,
    )
    given = ReadSettings(split="line")
    assert extract_settings(ReadSettings, given, rest) == (given, rest)
    with pytest.raises(ParameterError, match="split must be given inside ReadSettings or as"):
        extract_settings(ReadSettings, given, {"split": "file"})
