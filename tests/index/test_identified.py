"""Ids and positions, held against a dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedsearch._errors import ParameterError
from embedsearch.index import identified
from embedsearch.index.identified import Identified, as_ids

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["add", "named", "delete", "compact", "replace"]),
        st.lists(st.integers(0, 40), max_size=6, unique=True),
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(CHANGES, st.integers(0, 5), st.sampled_from([0, 2, 1024]))
def test_changes_are_those_of_a_dictionary(
    changes: list[tuple[str, list[int]]], total: int, recent: int
) -> None:
    usual, identified._RECENT = identified._RECENT, recent
    try:
        _follow(changes, total)
    finally:
        identified._RECENT = usual


def _follow(changes: list[tuple[str, list[int]]], total: int) -> None:
    names, places, following = Identified(total), {i: i for i in range(total)}, total
    for change, ids in changes:
        if change == "add":
            claimed = names.claim(None, len(ids))
            assert claimed.tolist() == list(range(following, following + len(ids)))
            places |= {int(id): names.total + i for i, id in enumerate(claimed)}
            names.extend(claimed)
            following += len(ids)
        elif change == "named":
            fresh = [id for id in ids if id not in places]
            claimed = names.claim(fresh, len(fresh))
            places |= {id: names.total + i for i, id in enumerate(fresh)}
            names.extend(claimed)
            following = max([following, *(id + 1 for id in fresh)])
        elif change == "delete":
            there = [id for id in ids if id in places]
            names.remove(np.array([places.pop(id) for id in there], np.int64))
        elif change == "replace":
            there = [id for id in ids if id in places]
            old = names.positions(np.array(there, np.int64))
            start = names.total
            names.extend(np.array(there, np.int64))
            names.remove(old)
            places |= {id: start + i for i, id in enumerate(there)}
        else:
            names = names.compacted()
            order = sorted(places, key=lambda id: places[id])
            places = {id: i for i, id in enumerate(order)}
        every = np.arange(-2, 60)
        assert names.positions(every).tolist() == [places.get(int(id), -1) for id in every]
        assert names.ids.tolist() == sorted(places, key=lambda id: places[id])
        assert names.count == len(places)
        assert names.following == following
        stored = names.arrays()
        mask = None
        if "deleted" in stored:
            bits = np.unpackbits(stored["deleted"], count=names.total, bitorder="little")
            mask = bits.astype(bool)
        again = Identified(names.total, stored.get("ids"), mask, names.following)
        assert again.ids.tolist() == names.ids.tolist()


def test_ids_that_follow_one_another_take_no_memory() -> None:
    names = Identified(1000)
    names.extend(names.claim(None, 500))
    names.extend(names.claim([1500, 1501], 2))
    assert names.nbytes == 0
    assert Identified.of(3, np.array([0, 1, 2])).given is None


def test_an_interrupted_addition_leaves_nothing() -> None:
    names = Identified(10)
    names.cover(13)
    assert (names.total, names.count, names.ids.tolist()) == (13, 10, list(range(10)))
    assert names.claim(None, 1).tolist() == [13]


@pytest.mark.parametrize("ids", [[-1], [2**62], [2.0], [True], "ab", [[1]], [None], 2**70])
def test_what_is_no_id_is_refused(ids: object) -> None:
    with pytest.raises(ParameterError, match="ids must be"):
        as_ids(ids)
