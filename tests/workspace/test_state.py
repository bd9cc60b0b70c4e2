"""A workspace of the present format needs no migration; one of another format is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import embedsearch as es


def contents(path: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def with_format(path: Path, number: int) -> Path:
    state = json.loads((path / "workspace.json").read_text())
    (path / "workspace.json").write_text(json.dumps({**state, "format": number}))
    return path


def test_there_is_nothing_to_do_for_the_present_format(example: Path) -> None:
    before = contents(example)
    report = es.migrate(example)
    assert report.to_json() == {"path": str(example), "done": []}
    assert contents(example) == before


def test_what_is_damaged_or_missing_is_not_migrated(example: Path, tmp_path: Path) -> None:
    with pytest.raises(es.WorkspaceNotFoundError):
        es.migrate(tmp_path / "none.es")
    (example / "workspace.json").write_text("damaged")
    with pytest.raises(es.WorkspaceDamagedError):
        es.migrate(example)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (99, "upgrade embedsearch-engine"),
        (1, "move it away or remove it, then build it again from its sources"),
    ],
)
def test_another_format_is_named_and_left_as_it_is(example: Path, number: int, advice: str) -> None:
    before = contents(with_format(example, number))
    for use in (es.open, es.migrate, es.repair):
        with pytest.raises(es.WorkspaceVersionError, match=f"has format {number}") as caught:
            use(example)
        assert advice in str(caught.value)
    with pytest.raises(es.WorkspaceVersionError, match=advice):
        es.build("corpus:planted", example, overwrite=True)
    (problem,) = es.verify(example).problems
    assert (problem.part, problem.advice) == ("state", advice)
    # Nor does SQLite leave a log beside the documents.
    (example / "lock").unlink(missing_ok=True)
    assert contents(example) == before
