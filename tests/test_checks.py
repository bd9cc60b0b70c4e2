"""Constraints of parameters, counts and sizes."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedsearch._checks import (
    BOOLEAN,
    COUNT,
    NATURAL,
    STRING,
    Choice,
    Interval,
    Optional,
    as_bytes,
    as_count,
    check_fields,
)
from embedsearch._errors import ParameterError
from embedsearch._messages import counted, cut, first_few, quoted, shown_bytes

if TYPE_CHECKING:
    from embedsearch._checks import Constraint


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (12, 12),
        ("12", 12),
        ("500MB", 500_000_000),
        ("1.5 GiB", 3 * 2**29),
        ("2kb", 2000),
        (" 1tb ", 10**12),
    ],
)
def test_sizes_have_units(size: int | str, wanted: int) -> None:
    assert as_bytes("memory", size) == wanted


@pytest.mark.parametrize("size", [0, -5, "", "MB", "5 parsecs", "0", 2.5, True, None])
def test_what_is_no_size_is_refused(size: object) -> None:
    with pytest.raises(ParameterError, match=r"memory must be a number of bytes, or .*500MB"):
        as_bytes("memory", size)


@pytest.mark.parametrize("size", [1, 999, 1000, 1_234_567, 98_700_001, 5 * 10**8, 3 * 10**15])
def test_what_is_shown_is_enough_and_at_most_a_hundredth_more(size: int) -> None:
    shown = as_bytes("memory", shown_bytes(size))
    assert size <= shown <= 1.011 * size


@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.uint8(200)])
def test_a_count_is_a_whole_number_of_one_or_more(value: object) -> None:
    assert as_count("topn", value) == value
    assert type(as_count("topn", value)) is int


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", True, np.True_, None, [1], np.float32(2)])
def test_what_is_no_count_is_refused(value: object) -> None:
    with pytest.raises(ParameterError, match="topn must be a whole number, 1 or more, got "):
        as_count("topn", value)


@pytest.mark.parametrize(
    ("constraint", "allowed", "refused", "words"),
    [
        (Interval(0, 1, open_least=True), (0.1, 1, np.float32(0.5)), (0, 1.1, math.nan, "1", True),
         "a number above 0 and at most 1"),
        (Interval(-1, 1), (-1, 0.0, 1), (-1.1, math.inf, None), "a number from -1 to 1"),
        (Interval(2, 5000, whole=True), (2, 5000), (1, 2.5), "a whole number from 2 to 5,000"),
        (Interval(0, 2**32 - 1, whole=True), (0, 2**32 - 1), (-1, 2**32),
         "a whole number from 0 to 4,294,967,295"),
        (Interval(), (-5, 0.5), (math.nan, math.inf), "a finite number"),
        (Interval(whole=True), (-5, 10**30), (0.5, False), "a whole number"),
        (Choice(("a", "b")), ("a",), ("c", 1, None, ["a"]), "one of a, b"),
        (Optional(STRING), ("", None), (1, b""), "a string, or None"),
        (BOOLEAN, (True, False), (1, None), "True or False"),
    ],
)  # fmt: skip
def test_constraints_allow_and_say_what_they_allow(
    constraint: Constraint, allowed: tuple[Any, ...], refused: tuple[Any, ...], words: str
) -> None:
    assert all(map(constraint.allows, allowed))
    assert not any(map(constraint.allows, refused))
    assert str(constraint) == words


def test_the_first_field_that_is_not_allowed_is_named() -> None:
    settings = SimpleNamespace(least=1, most="many")
    with pytest.raises(ParameterError, match="most must be a whole number, 0 or more, got 'many'"):
        check_fields(settings, {"least": COUNT, "most": NATURAL})


def test_messages_count_cut_and_list() -> None:
    assert (counted(1, "file"), counted(1200, "file")) == ("1 file", "1,200 files")
    assert counted(2, "entry", "entries") == "2 entries"
    assert (cut("a" * 60), cut("a" * 61)) == ("a" * 60, "a" * 60 + "...")
    assert quoted("\x1b[0m") == "'\\x1b[0m'"
    assert first_few("abcdefg", 5) == "a, b, c, d, e and 2 more"
    assert first_few(["a"]) == "a"
