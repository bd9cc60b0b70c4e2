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


@pytest.mark.parametrize("mode", ["lexical", "rrf"])
def test_feedback_needs_a_mode_that_has_any(mode: str) -> None:
    assert SearchOptions(mode=mode, feedback=0).feedback == 0
    with pytest.raises(ParameterError, match=f"feedback must be 0 in the mode '{mode}'"):
        SearchOptions(mode=mode, feedback=2)


def test_settings_change_one_by_one() -> None:
    settings = SearchSettings(encoders=("letters",), language="german")
    assert changed_search(settings) == settings
    assert changed_search(settings, "model2vec:x").encoders == ("model2vec:x",)
    assert changed_search(settings, [], "none") == SearchSettings(language="none")
