"""Eight readers and a writer at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_readers_beside_a_writer_never_see_half_of_anything(
    nursery: Any,
    tmp_path: Path,
    long: bool,
    figure: Callable[[str, object], None],
) -> None:
    path, seconds = tmp_path / "shared.es", 180 if long else 10
    nursery.do("make_pairs", path=path)
    told = nursery.do("together", path=path, seconds=seconds, readers=8)
    assert [each["complaints"] for each in told if each["complaints"]] == []
    writer, *readers = (Counter(each["done"]) for each in told)
    assert len(readers) == 8
    assert min(readers[0].values()) > 0
    assert writer["update"] > 0
    figure("writes", dict(writer))
    figure("answers", dict(sum(readers, Counter())))
