"""Options of a query, and settings of search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embedsearch import ParameterError
from embedsearch.search.options import (
    SEARCH_MODES,
    SearchOptions,
    SearchSettings,
    changed_search,
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("topn", value) for value in (0, -1, 2.5, True, "10", None)],
        *[("mode", value) for value in ("best", "", None, ["auto"])],
        *[("feedback", value) for value in (-1, 1.5, True, "2")],
        *[(name, 1) for name in ("explain", "expand", "snippets")],
        *[(name, None) for name in ("explain", "expand", "snippets")],
    ],
)
def test_options_out_of_range_are_named(name: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=f"{name} must be"):
        SearchOptions(**{name: value})


def test_options_in_range_are_taken_as_they_are() -> None:
    for mode in SEARCH_MODES:
        assert SearchOptions(5, mode).mode == mode
    assert SearchOptions(np.int64(5), feedback=np.int64(3)).topn == 5  # type: ignore[arg-type]
    assert SearchOptions(where="").where == ""


def test_feedback_needs_a_mode_that_has_any() -> None:
    assert SearchOptions(mode="lexical", feedback=0).feedback == 0
    with pytest.raises(ParameterError, match="feedback must be 0 in the mode 'lexical'"):
        SearchOptions(mode="lexical", feedback=2)


def test_settings_change_one_by_one() -> None:
    settings = SearchSettings(encoders=("letters",), language="german")
    assert changed_search(settings) == settings
    assert changed_search(settings, "model2vec:x").encoders == ("model2vec:x",)
    assert changed_search(settings, [], "none") == SearchSettings(language="none")


@pytest.mark.parametrize("lean", [-3, 3, 0.5, True, "1", None])
def test_a_step_that_there_is_not_is_refused(lean: Any) -> None:
    with pytest.raises(ParameterError, match="lean must be a whole number from -2 to 2"):
        SearchOptions(lean=lean)


@pytest.mark.parametrize("mode", ["lexical", "latent"])
def test_what_is_at_an_end_cannot_lean(mode: str) -> None:
    with pytest.raises(ParameterError, match="lean must be 0 in the mode"):
        SearchOptions(mode=mode, lean=1)


def test_the_ends_are_modes() -> None:
    settled = [SearchOptions(lean=lean).settled for lean in (-2, -1, 0, 1, 2)]
    assert [s.mode for s in settled] == ["lexical", "auto", "auto", "auto", "latent"]
    with pytest.raises(ParameterError, match="feedback"):
        SearchOptions(lean=-2, feedback=2)


@pytest.mark.parametrize("least", [-0.1, 1.1, "x", None])
def test_relevance_is_from_0_to_1(least: Any) -> None:
    with pytest.raises(ParameterError, match="min_relevance must be a number from 0 to 1"):
        SearchOptions(min_relevance=least)
