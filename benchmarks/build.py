"""What a build takes: `python -m benchmarks.build --corpus FILE --documents 5000`.

Each runs in a process of its own, one after the other, on documents that are spread evenly over
the file; of more than it has, on the file several times. gensim only trains, with the settings
that embedsearch has chosen, on a file of words, a document a line.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import embedsearch as es
from benchmarks.search import table
from embedsearch._processes import count_cores
from embedsearch.text.tokenizers import TextProcessor

SETTINGS = ("vector_size", "window", "min_count", "epochs", "alpha", "sample", "sg", "negative")
RIVALS: dict[str, tuple[str, ...] | None] = {
    "embedsearch": (),
    "embedsearch, words only": ("--words-only",),
    "gensim, training": None,
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="JSON lines, .gz or not")
    parser.add_argument(
        "--documents", type=int, action="append", required=True, help="again for other sizes"
    )
    parser.add_argument("--rivals", default=";".join(RIVALS), help="with ; between them")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def spread(corpus: Path, count: int, file: Path) -> int:
    """Write so many documents with ids of their own; return the bytes of their text."""
    opened = gzip.open if corpus.suffix == ".gz" else open
    with opened(corpus, "rt", encoding="utf-8") as lines:
        texts = [(each.get("title", ""), each["text"]) for each in map(json.loads, lines)]
    step, size = max(len(texts) / count, 1), 0
    with file.open("w", encoding="utf-8") as out:
        for place in range(count):
            title, text = texts[int(place * step) % len(texts)]
            out.write(json.dumps({"id": str(place), "title": title, "text": text}) + "\n")
            size += len(title.encode()) + len(text.encode())
    return size


def measured(*command: str) -> dict[str, float]:
    """Run a Python module and return what it took."""
    wall = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return {
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "wall_seconds": time.perf_counter() - wall,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def measure(rival: str, documents: Path, size: int, folder: Path) -> dict[str, Any]:
    """Build a workspace, or train gensim as that of before was trained."""
    path, options = folder / "built.es", RIVALS[rival]
    if options is None:
        with es.open(path) as ws:
            settings = {name: ws.info().parameters[name] for name in SETTINGS}
            processor = TextProcessor(es.TokenizerSettings())
            with (folder / "words.txt").open("w", encoding="utf-8") as out:
                for each in ws.documents.values():
                    words = processor.process(f"{each.title}\n{each.text}")
                    out.write(" ".join(words) + "\n")
        asked = json.dumps({**settings, "seed": 1, "workers": count_cores()})
        rival_module = "benchmarks.rivals.gensim_trainers"
        return measured(rival_module, str(folder / "words.txt"), str(folder), asked)
    build = ("build", str(documents), "-w", str(path), "--overwrite", "--quiet", *options)
    taken = measured("embedsearch", *build)
    with es.open(path) as ws:
        bytes_ = ws.info().size_bytes
    return {**taken, "size_mb": bytes_ / 1e6, "size_of_text": bytes_ / size}


def main() -> None:
    """Measure all sizes in turn."""
    options, results = arguments(), list[dict[str, Any]]()
    for count in options.documents:
        with TemporaryDirectory() as name:
            documents = Path(name) / "documents.jsonl"
            size = spread(options.corpus, count, documents)
            for rival in options.rivals.split(";"):
                taken = measure(rival, documents, size, Path(name))
                facts = {"documents": count, "text_mb": size / 1e6, "rival": rival}
                results.append({**facts, **taken})
    report = {"cores": os.cpu_count(), "results": results}
    print(json.dumps(report) if options.json else table(results))


if __name__ == "__main__":
    main()
