"""Search beside changes: `python -m benchmarks.changes --workspace w.es`.

The workspace is copied. Documents are added one by one, and each is followed by a search: by the
writer itself, and by a reader that was open before. Then threads search with a reader, alone and
beside a writer of the same process that pauses between documents, or never. Each part runs in a
process of its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import embedsearch as es
from benchmarks.search import table

TEXT = "Lighthouse {} stands on a river in the north, and was built as a school of music."
QUERIES = ("history of the empire", "football player", "river in germany", "rare bird", "music")


def memory() -> dict[str, float]:
    """Return the peak of this process, and what is not mapped from files now, in MB."""
    status = Path("/proc/self/status").read_text()
    sizes = dict(line.split(":", 1) for line in status.splitlines())
    names = {"peak_mb": "VmHWM", "anonymous_mb": "RssAnon"}
    return {name: int(sizes[key].split()[0]) / 1e3 for name, key in names.items()}


def ask(ws: es.Workspace, query: str) -> None:
    """Search; a workspace need not have the words."""
    with suppress(es.UnknownWordError):
        ws.search(query)


def alternate(path: Path, times: int, who: str) -> list[dict[str, Any]]:
    """Add and search in turn; report the start, the first ten times, and all."""
    with es.open(path, "w") as writer, es.open(path) as reader:
        searcher = writer if who == "writer" else reader
        for query in QUERIES:
            ask(searcher, query)
        rows = [{"search by": who, "added": 0, **memory(), "cpu_ms": 0.0, "wall_ms": 0.0}]
        cpu, wall = time.process_time(), time.perf_counter()
        for n in range(times):
            writer.add([es.Document(f"added-{n}", TEXT.format(n), {"number": n})])
            ask(searcher, QUERIES[n % len(QUERIES)])
            if n + 1 in (1, 10, 100, times):
                spent = (
                    (time.process_time() - cpu) / (n + 1),
                    (time.perf_counter() - wall) / (n + 1),
                )
                each = {"cpu_ms": 1e3 * spent[0], "wall_ms": 1e3 * spent[1]}
                rows.append({"search by": who, "added": n + 1, **memory(), **each})
    return rows


def together(path: Path, threads: int, seconds: float) -> list[dict[str, Any]]:
    """Count the answers that threads get, alone and beside a writer."""
    rows = list[dict[str, Any]]()
    with es.open(path, "w") as writer, es.open(path) as reader:
        for query in QUERIES:
            ask(reader, query)
        for pause in (None, 0.1, 0.01, 0.0):
            stop, answers, added = Event(), [0] * threads, [0]

            def read(place: int, stop: Event = stop, answers: list[int] = answers) -> None:
                while not stop.is_set():
                    ask(reader, QUERIES[answers[place] % len(QUERIES)])
                    answers[place] += 1

            def write(
                pause: float = pause or 0.0, stop: Event = stop, added: list[int] = added
            ) -> None:
                while not stop.is_set():
                    writer.add([es.Document(str(time.time_ns()), TEXT.format(added[0]))])
                    added[0] += 1
                    time.sleep(pause)

            running = [Thread(target=read, args=(place,)) for place in range(threads)]
            running += [] if pause is None else [Thread(target=write)]
            cpu = time.process_time()
            for thread in running:
                thread.start()
            time.sleep(seconds)
            stop.set()
            for thread in running:
                thread.join()
            rates = {"answers/s": sum(answers) / seconds, "adds/s": added[0] / seconds}
            busy = (time.process_time() - cpu) / seconds
            rows.append({"pause of the writer": str(pause), **rates, "cpu": busy})
    return rows


PARTS = ("writer", "reader", "threads")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.changes", description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--alternations", type=int, default=1_000)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--part", choices=PARTS, help="only this, in this process")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure one part on a copy of the workspace."""
    with TemporaryDirectory() as folder:
        path = Path(shutil.copytree(options.workspace, Path(folder) / "w.es"))
        if options.part == "threads":
            return together(path, options.threads, options.seconds)
        return alternate(path, options.alternations, options.part)


def main() -> None:
    """Measure all parts, or one, and print what was found."""
    options = arguments()
    if options.part:
        rows = measure(options)
        print(json.dumps(rows) if options.json else table(rows))
        return
    found = {}
    for part in PARTS:
        command = [sys.executable, "-m", "benchmarks.changes", *sys.argv[1:], "--json"]
        done = subprocess.run([*command, "--part", part], stdout=subprocess.PIPE, check=True)
        found[part] = json.loads(done.stdout)
    print(json.dumps(found) if options.json else "\n\n".join(map(table, found.values())))


if __name__ == "__main__":
    main()
