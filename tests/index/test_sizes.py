"""Sizes as people write them."""

from __future__ import annotations

import pytest

from embedsearch._errors import ParameterError
from embedsearch.index.sizes import as_bytes, shown_bytes


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
