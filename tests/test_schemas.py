"""Schemas of small files: what fits, and what is said of what does not."""

from __future__ import annotations

import json
import math

import pytest

from embedsearch._checks import Interval
from embedsearch._schemas import (
    COUNT,
    HASH,
    Anything,
    Fields,
    Listed,
    Named,
    Nullable,
    Text,
    fault,
)

SCHEMA = Fields(
    {"count": COUNT, "share": Nullable(Interval(0, 1)), "inner": Fields({"names": Listed(Text())})},
    {"files": Named(Fields({"sha256": HASH}), "[a-z]+"), "more": Anything()},
)
GOOD = {"count": 3, "share": None, "inner": {"names": ["a"]}, "unknown": object}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, None),
        ({"share": 0.5, "files": {"a": {"sha256": "0" * 64}}}, None),
        ({"share": 1, "more": [1, {}]}, None),
        ({"count": -1}, "count must be a whole number from 0 to 9,223,372,036,854,775,807"),
        ({"count": True}, "count must be"),
        ({"count": 1.0}, "count must be"),
        ({"count": 10**400}, "got a huge number"),
        ({"count": 2**63}, "count must be"),
        ({"share": math.nan}, "share must be a number from 0 to 1, got nan"),
        ({"share": "1"}, "share must be"),
        ({"inner": []}, "inner must be an object, got a list"),
        ({"inner": {}}, "inner.names is missing"),
        ({"inner": {"names": "a"}}, "inner.names must be a list"),
        ({"inner": {"names": ["a", None]}}, "inner.names[1] must be a string, got None"),
        ({"files": {"../a": {"sha256": "0" * 64}}}, "files must not have '../a'"),
        ({"files": {"a": {"sha256": "0" * 63}}}, "files['a'].sha256 must be a SHA-256"),
        ({"count": "\x1b[2J" + "x" * 100}, "got '\\x1b[2Jxxx"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], told: str | None) -> None:
    found = fault({**GOOD, **change}, SCHEMA)
    assert found is None if told is None else told in str(found)
    assert str(found).isprintable()


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "NaN", "1e999"])
def test_what_json_may_hold_beyond_numbers_is_none(text: str) -> None:
    assert fault(json.loads(text), Interval()) is not None
