"""What every rival is told and tells: settings in, vectors and times out."""

from __future__ import annotations

import argparse
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray


@dataclass
class Job:
    """One training: what to read, with which settings, and where results go."""

    corpus: Path
    out: Path
    settings: dict[str, Any]
    times: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Take the wall and processor seconds of a step."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.times[f"{name}_wall"] = time.perf_counter() - wall
        self.times[f"{name}_cpu"] = time.process_time() - cpu

    def save(self, words: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Save the vectors; the same form for all rivals."""
        np.save(self.out / "vectors.npy", vectors)
        (self.out / "words.txt").write_text("\n".join(words), encoding="utf-8")


def main(train: Callable[[Job], None]) -> None:
    """Run a rival as a process: arguments in, times as JSON on standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("settings", type=json.loads)
    job = Job(**vars(parser.parse_args()))
    train(job)
    print(json.dumps({**job.times, "peak_mb": peak_mb()}))


def peak_mb() -> float:
    """Return the most memory that this process has held; what it inherited does not count."""
    return held_bytes("VmHWM") / 2**20


def held_bytes(name: str) -> int:
    """Return a figure of this process as the kernel counts it, such as `RssAnon`."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split(f"{name}:")[1].split()[0]) * 1024
