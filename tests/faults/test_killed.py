"""Processes that are killed: what was acknowledged is there, and all else is whole or not there."""

from __future__ import annotations

import json
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BEFORE, TORN, AFTER = 3, 4, 5
STEPS = (
    *("add", "update", "delete", "search", "ppmi", "word2vec"),
    *("index", "refit", "reopen", "compact", "backup"),
)


def entries(log: Path) -> list[dict[str, Any]]:
    """Read what a worker wrote down before it was killed."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def allowed(log: list[dict[str, Any]], start: dict[str, int]) -> list[dict[str, int]]:
    """Return what may be there: all that was acknowledged, and perhaps what had begun."""
    state = start
    for begun, ended in zip(log[::2], log[1::2]):
        assert begun["begins"] == ended["ended"]
        state = begun["after"]
    return [state, log[-1]["after"]] if len(log) % 2 else [state]


def test_processes_killed_at_any_time_lose_nothing(
    nursery: Any,
    copied: Callable[[], tuple[Path, dict[str, int]]],
    tmp_path: Path,
    long: bool,
    figure: Callable[[str, object], None],
) -> None:
    choose = random.Random(7)  # noqa: S311
    killed: Counter[str] = Counter()
    for seed in range(200 if long else 13):
        path, start = copied()
        log = tmp_path / f"{seed}.log"
        arguments = {"path": path, "state": start, "names": [""] * 40, "log": log, "seed": seed}
        ended = nursery.attempt("change", kill_after=choose.uniform(0, 2), **arguments)
        written = entries(log)
        killed[written[-1]["begins"] if len(written) % 2 else "between"] += ended.status != 0
        assert ended.status in (0, -signal.SIGKILL)
        told = nursery.do("check", path=path, allowed=allowed(written, start))
        assert told["complaints"] == [], (seed, written[-1:])
    figure("killed at any time", dict(killed))


@pytest.mark.parametrize("name", STEPS)
def test_processes_killed_at_any_call_lose_nothing(
    name: str,
    nursery: Any,
    copied: Callable[[], tuple[Path, dict[str, int]]],
    tmp_path: Path,
    long: bool,
    figure: Callable[[str, object], None],
) -> None:
    choose, killed, kills = random.Random(name), Counter[str](), 0  # noqa: S311
    path, start = copied()
    names = ["add", "search", "delete", "update", name]
    arguments: dict[str, Any] = {"path": path, "state": start, "names": names, "seed": 0}
    counting = {"root": path.parent, "at": 0, "action": BEFORE}
    calls = nursery.do("change", **arguments, log=tmp_path / "count.log", arm=counting)
    assert calls > 0
    while kills < (40 if long else 3):
        path, start = copied()
        log = tmp_path / f"{name}-{sum(killed.values())}.log"
        at, action = choose.randint(1, calls), choose.choice((BEFORE, TORN, AFTER))
        arm = {"root": path.parent, "at": at, "action": action}
        ended = nursery.attempt("change", **{**arguments, "path": path}, log=log, arm=arm)
        kills += 1
        killed[ended.hit.split(" ")[0]] += 1
        assert ended.status in (0, -signal.SIGKILL)
        written = entries(log)
        told = nursery.do("check", path=path, allowed=allowed(written, start))
        assert told["complaints"] == [], (at, action, ended.hit)
    figure(f"killed in {name}, of {calls} calls", dict(killed))
