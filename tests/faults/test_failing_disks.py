"""Disks that fail at any call: one clear error, nothing lost, and the next run works."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FAIL_ONCE, FAIL_ON = 1, 2
TRAINED = ("--vector-size", "8", "--workers", "1", "--min-count", "1")
NEW = {"new0": 0, "new1": 0, "d1": 1}
COMMANDS = {
    "add": ("add", "{new}", "--on-conflict", "replace"),
    "delete": ("delete", "d2", "d3"),
    "train": ("train", "--trainer", "ppmi", *TRAINED),
    "train on": ("train", "--update", "--epochs", "1", "--workers", "1"),
    "index": ("index",),
    "refit": ("index", "--refit"),
    "search": ("search", "galaxy everywhere"),
    "build": ("build", "{new}", "--trainer", "ppmi", *TRAINED),
    "rebuild": ("build", "{new}", "--overwrite", "--trainer", "ppmi", *TRAINED),
}
AFTER: dict[str, Callable[[dict[str, int]], dict[str, int]]] = {
    "add": lambda state: {**state, **NEW},
    "delete": lambda state: {k: v for k, v in state.items() if k not in ("d2", "d3")},
    "build": lambda state: NEW,
    "rebuild": lambda state: NEW,
}
Copied = Callable[[], tuple[Path, dict[str, int]]]


class Trial:
    """A command on a workspace whose disk fails, and what must be true then."""

    def __init__(self, name: str, nursery: Any, copied: Copied, source: Path) -> None:
        self.name, self.nursery, self.copied, self.source = name, nursery, copied, source
        self.prepared: dict[str, int] | None = None

    def prepare(self) -> tuple[Path, dict[str, int]]:
        """Make a workspace with something to catch up with, or room for a new one."""
        path, state = self.copied()
        if self.name == "build":
            shutil.rmtree(path)
            return path, {}
        if self.prepared is None:
            self.prepared = self._changed(path, state)
            shutil.copytree(path, self.source.with_name("prepared.es"))
        else:
            # To make it once is a third of the time of a trial.
            shutil.rmtree(path)
            shutil.copytree(self.source.with_name("prepared.es"), path)
        return path, dict(self.prepared)

    def _changed(self, path: Path, state: dict[str, int]) -> dict[str, int]:
        log = path.parents[1] / "log"
        steps = [] if self.name == "rebuild" else ["add", "update"]
        self.nursery.do("change", path=path, state=state, names=steps, log=log, seed=0)
        lines = log.read_text().splitlines() if steps else []
        after: dict[str, int] = json.loads(lines[-2])["after"] if lines else state
        return after

    def arguments(self, path: Path) -> list[str]:
        """Return the command line."""
        verb, *rest = (part.format(new=self.source) for part in COMMANDS[self.name])
        quiet = [] if verb in ("search", "delete") else ["--quiet"]
        return [verb, *rest, "-w", str(path), *quiet]

    def run(self, **fault: Any) -> list[str]:
        """Run the command with a fault, and where it failed, without; return what is wrong."""
        path, before = self.prepare()
        after = AFTER.get(self.name, lambda state: state)(before)
        if "arm" in fault:
            fault = {"arm": {"root": str(path.parent), **fault["arm"]}}
        ended = self.nursery.attempt("command", arguments=self.arguments(path), **fault)
        if ended.status:
            return [f"ended with {ended.status} at {ended.hit}"]
        told = ended.value
        wrong = self._of_end(told, path)
        # The index of words comes last: when it fails, all else has been done.
        done = told["code"] == 0 or ("/lexical" in told["err"] and self.name != "build")
        done = done or "the documents were replaced" in told["err"]
        wrong += self._of_state(path, after if done else before)
        # There is nothing left to train on where all but the last has been done.
        if told["code"] and not (done and self.name == "train on"):
            again = self.nursery.do("command", arguments=self.arguments(path))
            wrong += [f"the next run failed: {again['err']}"] if again["code"] else []
            wrong += self._of_state(path, after)
        return [f"{ended.hit}: {each}" for each in wrong]

    def _of_end(self, told: dict[str, Any], path: Path) -> list[str]:
        if told["code"] == 0:
            return [told["err"]] if "Error" in told["err"] else []
        one_line = told["err"].startswith(f"Error: {path}") and told["err"].count("\n") == 1
        return (
            [] if told["code"] == 1 and one_line else [f"exit code {told['code']}, {told['err']!r}"]
        )

    def _of_state(self, path: Path, state: dict[str, int]) -> list[str]:
        if not state:
            return [f"left behind: {p.name}" for p in path.parent.iterdir()]
        ended = self.nursery.attempt("check", path=path, allowed=[state])
        return ended.value["complaints"] if ended.status == 0 else ["it does not open"]


@pytest.fixture
def source(nursery: Any, tmp_path: Path) -> Path:
    """A file of documents that are added."""
    path = tmp_path / "new.jsonl"
    nursery.do("write_documents", path=path, state=NEW)
    return path


@pytest.mark.parametrize(("error", "action"), [("ENOSPC", FAIL_ON), ("EIO", FAIL_ONCE)])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_disk_that_fails_at_any_call_loses_nothing(
    name: str,
    error: str,
    action: int,
    nursery: Any,
    copied: Copied,
    source: Path,
    long: bool,
    figure: Callable[[str, object], None],
) -> None:
    trial, choose = Trial(name, nursery, copied, source), random.Random(f"{name} {error}")  # noqa: S311
    path, _ = trial.prepare()
    counting = {"root": str(path.parent), "at": 0, "action": FAIL_ONCE}
    calls = nursery.do("command", arguments=trial.arguments(path), arm=counting)["calls"]
    assert calls > 0
    places = range(1, calls + 1)
    complaints = {}
    for at in sorted(choose.sample(places, min(calls, 60 if long else 2))):
        wrong = trial.run(arm={"at": at, "action": action, "error": error})
        if wrong:
            complaints[at] = wrong
    figure(f"{error} in {name}", calls)
    assert complaints == {}


@pytest.mark.parametrize("name", COMMANDS)
def test_files_that_may_not_grow_lose_nothing(
    name: str, nursery: Any, copied: Copied, source: Path, long: bool
) -> None:
    trial, choose = Trial(name, nursery, copied, source), random.Random(name)  # noqa: S311
    complaints = {}
    for _ in range(15 if long else 1):
        size = int(10 ** choose.uniform(1, 6))
        wrong = trial.run(most_bytes=size)
        if wrong:
            complaints[size] = wrong
    assert complaints == {}
