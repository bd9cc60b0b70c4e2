"""What is known of a choice, in plain values."""

from __future__ import annotations

import json

import pytest

from embedsearch._errors import VectorError
from embedsearch.index.choice import Choice, Curve, Point

POINTS = (Point({"nprobe": 2}, 0.91, 9000.0, 0.11), Point({"nprobe": 8}, 0.97, 4000.0, 0.25))
CURVE = Curve("IVF64,Flat", 5000, POINTS, POINTS[1], 3500.5, 123456)
CHOICE = Choice("IVF64,Flat", ("fast",), CURVE, (CURVE, Curve("Flat", 10, ())), ("few",))


@pytest.mark.parametrize("choice", [CHOICE, Choice("flat")])
def test_json_keeps_all(choice: Choice) -> None:
    assert Choice.from_json(json.loads(json.dumps(choice.to_json()))) == choice


@pytest.mark.parametrize(
    "damage",
    [
        {"reasons": None},
        {"curve": 3},
        {"samples": [{}]},
        {"curve": {**CURVE.to_json(), "points": [{"parameters": {"nprobe": "8"}}]}},
    ],
)
def test_other_json_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(VectorError, match="choice"):
        Choice.from_json({**CHOICE.to_json(), **damage})
    with pytest.raises(VectorError, match="choice"):
        Choice.from_json({})
