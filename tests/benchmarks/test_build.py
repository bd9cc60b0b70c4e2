from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from embedsearch.text.corpora import PlantedCorpus

ROOT = Path(__file__).parents[2]


def test_builds_are_measured_beside_gensim(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    texts = [{"title": "", "text": each.text} for each in PlantedCorpus(documents=60)]
    corpus.write_text("".join(f"{json.dumps(each)}\n" for each in texts))
    sizes = ("--documents", "30", "--documents", "90")
    command = [sys.executable, "-m", "benchmarks.build", "--corpus", str(corpus), *sizes, "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    results = json.loads(done.stdout)["results"]
    assert [row["documents"] for row in results] == [30] * 3 + [90] * 3
    for rows, lines in ((results[:3], texts[::2]), (results[3:], texts + texts[:30])):
        size = sum(len(line["text"].encode()) for line in lines) / 1e6
        whole, words, gensim = rows
        assert all(row["cpu_seconds"] > 0 and row["peak_mb"] > 0 for row in rows)
        assert all(row["text_mb"] == size for row in rows)
        assert words["size_mb"] < whole["size_mb"]
        assert gensim["rival"] == "gensim, training"
        assert "size_mb" not in gensim
