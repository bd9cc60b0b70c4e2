"""Points of a latent space."""

import numpy as np
import pytest

from embedsearch._errors import QueryError
from embedsearch.space.points import Points


@pytest.fixture
def points() -> Points:
    X = np.arange(8, dtype=np.float32).reshape(4, 2)
    return Points.of(["a", "b", "c", "d"], X, "word", "words")


def test_points_are_arrays_and_are_selected_like_them(points: Points) -> None:
    assert np.asarray(points).tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert points[1:3].names == ("b", "c")
    assert points[np.array([True, False, False, True])].vectors.tolist() == [[0, 1], [6, 7]]
    assert points[[3, 0]].names == ("d", "a")
    assert points["c"].tolist() == points[2].tolist() == [4, 5]
    assert dict(points)["d"].tolist() == [6, 7]


def test_points_of_one_space_are_joined_and_of_two_are_not(points: Points) -> None:
    more = Points.of(["e"], np.ones((1, 2), np.float32), "document", "words", ["A title"])
    both = points + more
    assert both.names == (*"abcde",)
    assert both.kinds[-1] == "document"
    assert both.titles == ("a", "b", "c", "d", "A title")
    assert repr(both) == "Points(5 words, documents × 2, words)"
    with pytest.raises(QueryError, match="not in one space"):
        points + Points.of(["f"], np.ones((1, 2), np.float32), "document", "lsa-100")


def test_an_unknown_name_is_named(points: Points) -> None:
    with pytest.raises(QueryError, match="'z' among these 4"):
        points["z"]
