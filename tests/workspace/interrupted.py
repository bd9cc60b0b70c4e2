"""Interrupts work at many moments, each in a process of its own; run by test_interrupts.py."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import embedsearch as es

SMALL: dict[str, Any] = {"vector_size": 8, "workers": 1, "min_count": 1}


def documents(first: int, count: int) -> list[es.Document]:
    return [es.Document(f"d{n}", f"a galaxy of barns, {n}") for n in range(first, first + count)]


def act(name: str, path: Path) -> None:
    """Do one thing that takes a while, to a workspace of 200 documents of which 20 are new."""
    backup = path.with_suffix(".backup")
    if name == "restore":
        es.restore(backup, path.with_suffix(".new.es")).close()
        es.restore(backup, path, overwrite=True).close()
        return
    if name == "build":
        es.build(path.with_suffix(".txt"), path.with_suffix(".new.es"), split="line", **SMALL)
        return
    with es.open(path, "w") as ws:
        if name == "add":
            for n in range(50):
                ws.add(documents(1_000 + 10 * n, 10))
        elif name == "train":
            ws.train("word2vec", epochs=3, **SMALL)
        elif name == "refit":
            ws.index(refit=True)
        elif name == "compact":
            ws.compact()
        else:
            ws.backup(backup, overwrite=True)


def interrupted(name: str, path: Path, seconds: float) -> int:
    """Do it in a child, which is interrupted after some seconds; return its exit status."""
    # Before the child is ready to catch it, an interrupt would end it with a traceback.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if not child:
        status = 1
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            act(name, path)
            status = 0
        except KeyboardInterrupt:
            status = 130
        except BaseException:  # noqa: BLE001 - shown with what the test says
            traceback.print_exc()
        finally:
            os._exit(status)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    time.sleep(seconds)
    os.kill(child, signal.SIGINT)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    made, results = folder / "made.es", []
    (folder / "a.txt").write_text("".join(f"a galaxy of barns, {n}\n" for n in range(200)))
    with es.create(made) as ws:
        ws.add(documents(0, 180))
        ws.train("word2vec", epochs=1, **SMALL)
        ws.delete(f"d{n}" for n in range(50))
        ws.add(documents(180, 20))
        ws.backup(folder / "a.backup")
    for name in ("add", "train", "refit", "compact", "backup", "restore", "build"):
        for seconds in (0.01, 0.03, 0.08, 0.2):
            path = Path(shutil.copytree(made, folder / "a.es"))
            status = interrupted(name, path, seconds)
            with es.open(path, "w") as ws:
                held, found = len(ws.documents), len(ws.search("galaxy", 1_000, "lexical"))
            report = es.verify(path)
            # What is beside goes with the next that is done there.
            new = path.with_suffix(".new.es")
            if new.exists():
                shutil.rmtree(new)
            es.restore(folder / "a.backup", new).close()
            shutil.rmtree(new)
            shutil.rmtree(path)
            left = {entry.name for entry in folder.iterdir()}
            results.append(
                {
                    "what": f"{name} after {seconds} s",
                    "status": status,
                    "held": held,
                    "found": found,
                    "problems": [str(problem) for problem in report.problems] + report.notes,
                    "left": sorted(left - {"made.es", "a.backup", "a.txt"}),
                }
            )
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    # One thread: a child of `fork` has no other.
    assert threading.active_count() == 1
    main(Path(sys.argv[1]))
