"""JSON files of a workspace: readable, in a fixed order, and there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedsearch._io import read_json, write_json


def test_a_json_file_comes_back_and_has_its_names_in_order(tmp_path: Path) -> None:
    value = {"z": [1, None], "a": "\u00fc"}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json", tmp_path) == value
    written = '{\n "a": "\u00fc",\n "z": [\n  1,\n  null\n ]\n}\n'
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == written


@pytest.mark.parametrize("value", [{"a": object()}, {"a": "lone \ud800"}])
def test_what_json_cannot_hold_leaves_the_old_file_and_nothing_beside(
    tmp_path: Path, value: dict[str, object]
) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises((TypeError, UnicodeEncodeError)):
        write_json(path, value)
    assert read_json(path, tmp_path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
