from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

from benchmarks.texts import rows

ROOT = Path(__file__).parents[2]


def test_all_that_was_added_is_kept_and_found_after_the_crash() -> None:
    command = [sys.executable, "-m", "benchmarks.durability", "--json"]
    settings = ["--documents", "30", "--trained", "60", "--rounds", "1", "--seconds", "0.01"]
    done = subprocess.run(
        [*command, *settings], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    report = json.loads(done.stdout)
    adding = [(row["durability"], row["batch"]) for row in report["adding"]]
    assert adding == [(level, n) for level in ("full", "relaxed") for n in (1, 10, 100, 1000)]
    assert all(row["ratio of cpu_seconds"] > 0 for row in report["adding"])
    for told in report["caught_up"].values():
        assert (told["documents"], told["found"]) == (90, ["last"])
        assert told["first"]["cpu_seconds"] > 0
    opened = {(row["documents"], row["opened"]) for row in report["opening"]}
    ways = ("SQLite alone", "read", "write")
    assert opened == {(count, way) for count in (100, 90) for way in ways}


def test_made_up_texts_are_the_same_from_whatever_place_they_are_read() -> None:
    whole = list(islice(rows(None), 2100))
    assert list(islice(rows(None, 1990), 110)) == whole[1990:]
    assert len({row[0] for row in whole}) == 2100
    assert 80 < sum(len(text.split()) for _, _, text, _ in whole) / len(whole) < 150


def test_a_file_is_read_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text('{"text": "one"}\n{"title": "T", "text": "two"}\n')
    texts = [row[1:3] for row in islice(rows(str(path), 1), 3)]
    assert texts == [("T", "two"), ("", "one"), ("T", "two")]
