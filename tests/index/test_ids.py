"""Ids and positions, held against a dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedsearch._errors import ParameterError
from embedsearch.index.ids import IdMap, as_ids

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["add", "named", "delete", "compact", "replace"]),
        st.lists(st.integers(0, 40), max_size=6, unique=True),
    ),
    max_size=25,
)


@settings(max_examples=200)
@given(CHANGES, st.integers(0, 5), st.sampled_from([0, 2, 1024]))
def test_changes_are_those_of_a_dictionary(
    changes: list[tuple[str, list[int]]], total: int, recent: int
) -> None:
    id_map, places, next_id = IdMap(total), {i: i for i in range(total)}, total
    id_map.recent = recent
    for change, ids in changes:
        if change == "add":
            claimed = id_map.claim(None, len(ids))
            assert claimed.tolist() == list(range(next_id, next_id + len(ids)))
            places |= {int(id): id_map.total + i for i, id in enumerate(claimed)}
            id_map.extend(claimed)
            next_id += len(ids)
        elif change == "named":
            fresh = [id for id in ids if id not in places]
            claimed = id_map.claim(fresh, len(fresh))
            places |= {id: id_map.total + i for i, id in enumerate(fresh)}
            id_map.extend(claimed)
            next_id = max([next_id, *(id + 1 for id in fresh)])
        elif change == "delete":
            there = [id for id in ids if id in places]
            id_map.delete(np.array([places.pop(id) for id in there], np.int64))
        elif change == "replace":
            there = [id for id in ids if id in places]
            old = id_map.positions(np.array(there, np.int64))
            start = id_map.total
            id_map.extend(np.array(there, np.int64))
            id_map.delete(old)
            places |= {id: start + i for i, id in enumerate(there)}
        else:
            id_map = id_map.compacted()
            id_map.recent = recent
            order = sorted(places, key=lambda id: places[id])
            places = {id: i for i, id in enumerate(order)}
        every = np.arange(-2, 60)
        assert id_map.positions(every).tolist() == [places.get(int(id), -1) for id in every]
        assert id_map.ids.tolist() == sorted(places, key=lambda id: places[id])
        assert id_map.count == len(places)
        assert id_map.next_id == next_id
        stored = id_map.arrays()
        mask = None
        if "deleted" in stored:
            bits = np.unpackbits(stored["deleted"], count=id_map.total, bitorder="little")
            mask = bits.astype(bool)
        again = IdMap(id_map.total, stored.get("ids"), mask, id_map.next_id)
        assert again.ids.tolist() == id_map.ids.tolist()


def test_ids_that_follow_one_another_take_no_memory() -> None:
    id_map = IdMap(1000)
    id_map.extend(id_map.claim(None, 500))
    id_map.extend(id_map.claim([1500, 1501], 2))
    assert id_map.nbytes == 0
    assert IdMap.of(3, np.array([0, 1, 2])).explicit is None


def test_an_interrupted_addition_leaves_nothing() -> None:
    id_map = IdMap(10)
    id_map.delete_beyond(13)
    assert (id_map.total, id_map.count, id_map.ids.tolist()) == (13, 10, list(range(10)))
    assert id_map.claim(None, 1).tolist() == [13]


@pytest.mark.parametrize("ids", [[-1], [2**62], [2.0], [True], "ab", [[1]], [None], 2**70])
def test_what_is_no_id_is_refused(ids: object) -> None:
    with pytest.raises(ParameterError, match="ids must be"):
        as_ids(ids)
