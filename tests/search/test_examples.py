"""What is given as examples, in all its forms."""

from __future__ import annotations

import pytest

from embedsearch import Document, ParameterError
from embedsearch.search.examples import listed

TEXT = Document("", "a text")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a", [("a", 1.0)]),
        (("a", 0.5), [("a", 0.5)]),
        (TEXT, [(TEXT, 1.0)]),
        ((TEXT, 2), [(TEXT, 2.0)]),
        (["a", ("b", 3), TEXT], [("a", 1.0), ("b", 3.0), (TEXT, 1.0)]),
        (("a", "b"), [("a", 1.0), ("b", 1.0)]),
        (iter(["a"]), [("a", 1.0)]),
        ((), []),
    ],
)
def test_examples_may_be_given_in_several_ways(given: object, expected: object) -> None:
    assert listed(given, "positive") == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [5, [5], [None], [("a", "b", "c")], [b"a"]])
def test_what_is_no_example_is_named(given: object) -> None:
    with pytest.raises(ParameterError, match=r"positive must be an id|each of positive must be"):
        listed(given, "positive")  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), "2"])
def test_a_weight_must_be_above_zero(weight: object) -> None:
    with pytest.raises(ParameterError, match="a weight in negative must be a finite number"):
        listed([("a", weight)], "negative")  # type: ignore[list-item]
