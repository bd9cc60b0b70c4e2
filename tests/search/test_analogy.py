"""The expressions of analogies: what they mean, and where they are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from embedsearch._errors import QueryError
from embedsearch.search.analogy import cosmul_scores, parse_expression


@pytest.mark.parametrize(
    ("expression", "terms"),
    [
        ("king", [("king", 1)]),
        ("king - man + woman", [("king", 1), ("man", -1), ("woman", 1)]),
        ("  king\t-man   +woman ", [("king", 1), ("man", -1), ("woman", 1)]),
        ("-king", [("king", -1)]),
        ("+ king", [("king", 1)]),
        ('0.5*king + 2 * queen - "new york"', [("king", 0.5), ("queen", 2), ("new york", -1)]),
        ("paris - 'new york'", [("paris", 1), ("new york", -1)]),
        ("- .25*a", [("a", -0.25)]),
        ("mother-in-law - mother", [("mother-in-law", 1), ("mother", -1)]),
        ("c++ - java", [("c++", 1), ("java", -1)]),
        ("king−queen − man – boy", [("king−queen", 1), ("man", -1), ("boy", -1)]),
        ("1984 + 2 * 1985", [("1984", 1), ("1985", 2)]),
        (r'"say \"hi\" \\"', [('say "hi" \\', 1)]),
        ("rock'n'roll - 'tis", [("rock'n'roll", 1), ("'tis", -1)]),
        ('"+" + "-" - "2*3"', [("+", 1), ("-", 1), ("2*3", -1)]),
        ("東京 - 日本", [("東京", 1), ("日本", -1)]),
        ("a + a - a", [("a", 1), ("a", 1), ("a", -1)]),
    ],
)
def test_an_expression_means_its_terms(expression: str, terms: list[tuple[str, float]]) -> None:
    assert parse_expression(expression) == terms


@pytest.mark.parametrize(
    ("expression", "place", "reason"),
    [
        ("king man", 6, "expected [+] or -"),
        ("king -", 7, "expected a word"),
        ("king - - man", 8, "expected a word"),
        ("king - * man", 8, "expected a word"),
        ('king - "new york', 8, "not closed"),
        ('king - ""', 8, "between the quotes"),
        ('"king"s', 7, "space after"),
        ("king - 0*man", 8, "weight"),
        ("king + 9" + "9" * 400 + "*man", 8, "weight"),
        ("2*", 3, "expected a word"),
    ],
)
def test_an_error_points_at_its_place(expression: str, place: int, reason: str) -> None:
    with pytest.raises(QueryError, match=f"at character {place}: .*{reason}") as caught:
        parse_expression(expression)
    _, shown, pointer = str(caught.value).split("\n")
    column = pointer.index("^")
    assert shown[column : column + 1] == expression[place - 1 : place]


@pytest.mark.parametrize("expression", ["", "   ", "\n"])
def test_an_empty_expression_is_refused(expression: str) -> None:
    with pytest.raises(QueryError, match="king - man"):
        parse_expression(expression)


def test_a_long_expression_is_shown_in_part() -> None:
    with pytest.raises(QueryError) as caught:
        parse_expression("a + " * 100_000 + "b c")
    assert len(str(caught.value)) < 300


words = st.text(min_size=1, max_size=9).filter(str.strip)
weights = st.floats(0.001, 1000).map(lambda w: float(f"{w:.3f}")).filter(bool)
terms = st.lists(st.tuples(words, weights, st.booleans()), min_size=1, max_size=6)


@given(terms)
def test_quoted_words_of_any_letters_come_back(given_terms: list[tuple[str, float, bool]]) -> None:
    parts, wanted = [], []
    for word, weight, taken in given_terms:
        quoted = word.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(f'{"-" if taken else "+"} {weight:.3f}*"{quoted}"')
        wanted.append((word, -weight if taken else weight))
    assert parse_expression(" ".join(parts)) == wanted


@given(st.text("ab \"'+-*\\.5", max_size=25))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        found = parse_expression(text)
    except QueryError:
        return
    assert all(word.strip() and weight for word, weight in found)


def test_the_product_form_is_its_formula() -> None:
    rng = np.random.default_rng(0)
    X, units = rng.standard_normal((9, 4)), rng.standard_normal((3, 4))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    near = (1 + X @ units.T / np.linalg.norm(X, axis=1, keepdims=True)) / 2
    wanted = near[:, 0] * near[:, 1] ** 0.5 / (near[:, 2] + 1e-6)
    norms = np.linalg.norm(X, axis=1)
    np.testing.assert_allclose(cosmul_scores(X, norms, units, [1, 0.5, -1]), wanted, rtol=1e-6)
