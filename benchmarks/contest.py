"""Rivals that index and search the same vectors, and take turns at being timed."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from itertools import zip_longest
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.processes import Process

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from benchmarks.vectors import Truth

    Turn = tuple[str, int | None]


class Contest:
    """A contest on one set of vectors.

    Args:
        files: The vectors, and the queries.
        truth: Knows what is right.
        options: `metric`, `seconds`, `rounds` and `threads`.
    """

    def __init__(self, files: tuple[Path, Path], truth: Truth, options: argparse.Namespace) -> None:
        self._files, self._truth, self._options = files, truth, options
        # Name, all queries at once, threads.
        self._ways = [("single", False, 1), ("batch", True, 1)]
        if options.threads > 1:
            self._ways.append((f"batch, {options.threads} threads", True, options.threads))

    def run(self, engines: dict[str, tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Build with all, one after the other, then measure them in turn."""
        with ExitStack() as stack:
            built: dict[str, dict[str, Any]] = {}
            processes = {}
            for name, (module, settings) in engines.items():
                processes[name] = stack.enter_context(Process(name, module))
                built[name] = self._build(processes[name], settings, built)
                _say(f"{name} ({built[name]['spec']}): {built[name]['build_cpu_seconds']:.1f} s")
            turns = _turns({name: facts.pop("parameters") for name, facts in built.items()})
            recalls = {turn: self._recall(processes[turn[0]], turn[1]) for turn in turns}
            times = self._times(processes, turns)
        return [
            {
                "engine": name,
                **facts,
                "points": [
                    {"parameter": turn[1], "recall": recalls[turn], **_summary(times[turn])}
                    for turn in turns
                    if turn[0] == name
                ],
            }
            for name, facts in built.items()
        ]

    def _build(
        self, process: Process, settings: dict[str, Any], built: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        model = built.get(settings.get("like", ""))
        settings = {name: value for name, value in settings.items() if name != "like"}
        if model:
            settings["spec"] = model["spec"]
        vectors, queries = map(str, self._files)
        return process.ask(
            do="build",
            vectors=vectors,
            queries=queries,
            euclidean=self._options.metric == "euclidean",
            settings=settings,
            threads=self._options.threads,
        )

    def _recall(self, process: Process, parameter: int | None) -> float:
        out = self._files[0].parent / "answers.npy"
        threads = self._options.threads
        process.ask(do="answers", parameter=parameter, out=str(out), threads=threads)
        return self._truth.recall(np.load(out))

    def _times(
        self, processes: dict[str, Process], turns: list[Turn]
    ) -> dict[Turn, dict[str, list[dict[str, float]]]]:
        times: dict[Turn, dict[str, list[dict[str, float]]]] = {turn: {} for turn in turns}
        for number in range(self._options.rounds):
            _say(f"round {number + 1} of {self._options.rounds}")
            for name, batch, threads in self._ways:
                for engine, parameter in turns:
                    taken = processes[engine].ask(
                        do="measure",
                        parameter=parameter,
                        batch=batch,
                        threads=threads,
                        seconds=self._options.seconds,
                    )
                    times[engine, parameter].setdefault(name, []).append(taken)
        return times


def _turns(parameters: dict[str, list[int | None]]) -> list[Turn]:
    """Order what is measured so that rivals take turns."""
    rows = zip_longest(*([(name, p) for p in ps or [None]] for name, ps in parameters.items()))
    return [turn for row in rows for turn in row if turn]


def _summary(ways: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Return medians of the rounds: queries a second, by the wall and by the processor."""
    return {
        name: {
            "per_second": median(t["queries"] / t["seconds"] for t in rounds),
            "per_cpu_second": median(t["queries"] / t["cpu_seconds"] for t in rounds),
        }
        for name, rounds in ways.items()
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
