"""A newcomer's first hour, by the command line alone: `python tests/first_hour.py BIN/embedsearch`.

A folder of mixed files in four languages is read, and every command is used on it. All that is
written is printed, so that somebody can read it; here it is only checked that each command ends as
it should and that its answer has what it must.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ENGLISH = [
    "The harbour wakes before the town. Fishermen mend their nets and look at the sky.",
    "A storm is coming from the north, and the fishermen tie their boats to the old harbour wall.",
    "The ferry leaves the harbour at seven. In a storm the ferry stays, and travellers wait.",
    "The baker sells bread to the fishermen. Fresh bread smells of rye and of salt.",
    "When the storm is over, the boats go out, and gulls follow the boats for fish.",
    "The lighthouse keeper writes down the wind: north in winter, west in summer.",
]
FRENCH = [
    "L'écran de l'ordinateur s'allume, et l'enfant regarde l'écran sans bouger.",
    "Aujourd'hui l'ordinateur est lent. Qu'il redémarre, dit l'enfant devant l'écran noir.",
    "Un écran d'ordinateur fatigue les yeux ; un livre, dit le maître d'école, ne fatigue pas.",
    "Le maître d'école pose un livre près de l'écran de l'ordinateur.",
    "L'école achète un ordinateur et un grand écran pour la bibliothèque.",
]
GERMAN = [
    "Der Bäcker backt das Brot am Morgen, und das Brot riecht nach Roggen.",
    "Im Garten steht ein Apfelbaum. Der Bäcker kauft Äpfel für den Apfelkuchen.",
    "Am Morgen kommt die Nachbarin und kauft Brot und Apfelkuchen beim Bäcker.",
    "Der Apfelkuchen ist süß, das Brot ist dunkel, und die Nachbarin ist zufrieden.",
]
# Words are found in a text of this script only if it is not too short; sentences are put together.
CHINESE = {
    "学生 老师 医生 朋友 邻居 孩子": ("图书馆 教室 学校", "阅读 借阅 整理", "文件 书籍 报纸"),
    "厨师 农民 店主 客人 渔夫 司机": ("市场 厨房 餐厅", "购买 准备 品尝", "水果 蔬菜 面包"),
}
ROWS = [
    {"id": f"log-{n}", "title": f"Log {n}", "text": text, "year": 1990 + n, "place": place}
    for n, (text, place) in enumerate(zip(ENGLISH * 2, ["quay", "wall", "ferry"] * 4, strict=True))
]


class Hour:
    """Runs commands in a folder, and remembers which."""

    def __init__(self, command: str, folder: Path) -> None:
        self._command, self._folder = command, folder
        self.used: set[str] = set()

    def run(self, *arguments: str, stdin: str = "", status: int = 0, has: str = "") -> str:
        """Run a command, show what it writes, and check how it ends and what it says."""
        self.used.add(arguments[0])
        done = subprocess.run(
            [self._command, *arguments],
            cwd=self._folder,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        sys.stdout.write(f"\n$ embedsearch {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        written = done.stdout + done.stderr
        if done.returncode != status or has not in written or "Traceback" in written:
            raise SystemExit(f"expected status {status} and {has!r}, got {done.returncode}")
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Run a command with `--json`, and return its answer."""
        return json.loads(self.run(*arguments, "--json"))


def write_files(folder: Path) -> None:
    """Write what somebody may have: notes, a page, a table, rows, in four languages."""
    folder.mkdir()
    (folder / "harbour.md").write_text("# The harbour\n\n" + "\n\n".join(ENGLISH), "utf-8")
    (folder / "ecole.txt").write_text("\n".join(FRENCH), "utf-8")
    paragraphs = "".join(f"<p>{text}</p>" for text in GERMAN)
    page = f"<html lang='de'><title>Die Bäckerei</title><body>{paragraphs}</body></html>"
    (folder / "baeckerei.html").write_text(page, "utf-8")
    (folder / "tushuguan.txt").write_text("\n".join(_chinese(2_000)), "utf-8")
    table = "".join(f'{n},"{text}",{place}\n' for n, (text, place) in enumerate(_table()))
    (folder / "visits.csv").write_text("id,text,place\n" + table, "utf-8")
    rows = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in ROWS)
    (folder / "log.jsonl").write_text(rows, "utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")


def _chinese(sentences: int) -> list[str]:
    draw = random.Random(1)  # noqa: S311 - no secret
    texts = []
    for _ in range(sentences):
        people, (places, verbs, things) = draw.choice([*CHINESE.items()])
        who, where, does, what = (draw.choice(x.split()) for x in (people, places, verbs, things))
        texts.append(f"{who}今天在{where}里{does}{what}。")
    return texts


def _table() -> list[tuple[str, str]]:
    return [(text, "school") for text in FRENCH] + [(text, "bakery") for text in GERMAN]


def words(hour: Hour) -> None:
    """Ask about words."""
    for word in ("harbour", "écran", "Brot", "图书馆"):
        hour.run("neighbors", word, "-k", "4", has="count")
    assert {"word", "score", "count", "low", "high"} <= set(hour.json("neighbors", "storm")[0])
    hour.run("neighbors", "harbor", status=1, has="did you mean 'harbour'")
    hour.run("neighbors", "harbour", "--rare", "-k", "3")
    hour.run("analogy", "boats - harbour + bread", "-k", "3")
    assert -1 <= hour.json("similarity", "boats", "fishermen")["score"] <= 1
    hour.run("odd-one-out", "boats", "ferry", "harbour", "ordinateur")
    hour.run("closer", "harbour", "ferry")
    assert hour.json("rank", "harbour", "ferry")["rank"] >= 1
    counts = {row["word"]: row["count"] for row in hour.json("words", "-k", "1000")}
    assert counts["harbour"] > counts["lighthouse"] > 0
    assert counts["图书馆"] > 1
    lines = hour.json("concordance", "storm", "-k", "3")
    assert all(line["match"].lower() == "storm" for line in lines)
    hour.run("concordance", "storm", "-k", "3", "--width", "30", has="storm")
    hour.run("keywords", "--where", "place = 'ferry'", "-k", "5", has="ferry")
    hour.run("compare", "storm", "--by", "place", has="quay")


def documents(hour: Hour) -> None:
    """Ask about documents."""
    for query in ("boats in a storm", "écran d'ordinateur", "Äpfel und Brot", "学生 图书馆"):
        hour.run("search", query, "-k", "2", has="relevance")
    for mode in ("lexical", "latent", "hybrid", "auto"):
        assert hour.json("search", "fresh bread", "-k", "3", "--mode", mode)
    found = hour.json("search", "storm", "--where", "year > 1995", "-k", "20", "--explain")
    assert found
    assert all(hit["metadata"]["year"] > 1995 for hit in found)
    hour.run("search", "storm", "-k", "20", "--group-by", "place", has="quay")
    hour.run("search", "storm", "-k", "20", "--facet", "year")
    hour.run("search", "storm", "-k", "5", "--sort", "-year")
    hour.run("search", "zzzz qqqq", status=1, has="zzzz")
    hour.run("search", "bred from the bakr", "-k", "2", has="did you mean")
    for lean in ("-2", "-1", "1", "2"):
        assert hour.json("search", "storm", "-k", "3", "--lean", lean)
    hour.run("search", "storm", "-k", "3", "--min-relevance", "0.5", "--no-snippets", has="log")
    for query in ("storm", "bread", "ferry"):
        hour.run("judge", query, hour.json("search", query, "-k", "1")[0]["id"], has="judgement")
    assert len(hour.json("judge", "--list")) == 3
    hour.run("tune", status=1, has="20 queries or more")
    hour.run("tune", "--reset", has="usual weights")
    hour.run("related", "log-1", "-k", "2")
    hour.run("duplicates", has="log-1")
    hour.run("show", "log-1", has="storm")
    hour.run("show", "log-99", status=1, has="log-9")
    hour.run("list", "-k", "3", "--sort", "-year", "--columns", "id,title,year", has="log-11")
    hour.run("list", "--facet", "place", has="ferry")
    assert len(hour.json("sample", "3", "--seed", "1")) == 3


def space(hour: Hour, folder: Path) -> None:
    """Ask what the latent space is about."""
    assert hour.json("describe", "log-1", "-k", "3")["words"]
    hour.run("describe", "storm", "--minus", "Brot", "-k", "3", has="from")
    hour.run("axis", "--from", "Brot,Bäcker", "--to", "storm,ferry", "-k", "3", has="ferry")
    hour.run("axis", "--of", "words", "--method", "pca", "-k", "3", has="coherence")
    assert len(hour.json("topics", "-n", "3", "-k", "4")) >= 1
    hour.run("clusters", "-n", "3", has="size")
    hour.run("map", "-o", "map.html", has="map.html")
    assert "<canvas" in (folder / "map.html").read_text("utf-8")
    hour.run("path", "storm", "bread", has="bread")
    hour.run("generate", "-n", "2", "--method", "neighbors", has="words")
    hour.run("outliers", "-k", "3", has="words")
    hour.run("recommend", "log-1", "-k", "2", has="because")


def change(hour: Hour, folder: Path) -> None:
    """Change the workspace, and keep it safe."""
    (folder / "more.txt").write_text("The ferry brings a new baker to the harbour.", "utf-8")
    hour.run("add", "more.txt")
    hour.run("search", "new baker", "-k", "1", has="more.txt")
    hour.run("train", "--update", has="Trained")
    hour.run("train", "--update", has="Nothing to train")
    hour.run("index")
    hour.run("delete", "--where", "year < 1992", "--yes", has="2")
    hour.run("show", "log-0", status=1)
    hour.run("info", has="documents")
    hour.run("evaluate", "index", "-q", has="recall")
    hour.run("export", "words.txt", "--format", "word2vec")
    hour.run("import", "words.txt", "-w", "words.es")
    hour.run("backup", "kept.backup")
    hour.run("restore", "kept.backup", "-w", "again.es")
    hour.run("verify", "-w", "again.es")
    hour.run("compact", "-w", "again.es")
    hour.run("repair", "-w", "again.es")
    lines = "harbour\nsearch storm -k 1 --where 'year > 1995'\nserach storm\n"
    hour.run("shell", stdin=lines, status=1, has="did you mean search")
    hour.run("completion", "bash", has="embedsearch")
    hour.run("corpora", "list", has="lantern-bay")
    hour.run("neighbours", "harbour", status=2, has="neighbors")
    hour.run("--help", has="concordance")


def main() -> None:
    """Spend the hour."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hour = Hour(sys.argv[1], folder)
        write_files(folder / "mine")
        hour.run("build", "mine", "-w", "hour.es", has="Try: embedsearch neighbors")
        os.environ["EMBEDSEARCH_WORKSPACE"] = "hour.es"
        words(hour)
        documents(hour)
        space(hour, folder)
        change(hour, folder)
        listed = hour.run("--help").partition("Make a workspace:")[2].splitlines()
        verbs = {line.split()[0] for line in listed if line.startswith("  ")}
    # A demo is the same on other texts, and there is nothing old to migrate.
    left = verbs - hour.used - {"demo", "migrate"}
    if left:
        raise SystemExit(f"not used: {sorted(left)}")


if __name__ == "__main__":
    main()
