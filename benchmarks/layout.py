"""How the code is laid out, and how much of it one query touches: `python -m benchmarks.layout`.

Sizes and shapes are read from the sources. Walks run what users run, and count the files and
functions of ours that took part. `--tree` looks at another checkout, with the same packages.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import resource
import subprocess
import sys
import tokenize
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.walks import WALKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_STARTS = 5


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layout", description=__doc__)
    parser.add_argument("--tree", type=Path, default=Path(), help="the root of a checkout")
    parser.add_argument("--static", action="store_true", help="only what the sources say")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    tree = chosen.tree.resolve()
    figures = {"sources": sources(tree), "circles": circles(tree / "embedsearch")}
    if not chosen.static:
        figures |= {"walks": walks(tree), "start": start(tree)}
    print(json.dumps(figures, indent=1) if chosen.json else "\n".join(_lines(figures)))


def sources(tree: Path) -> dict[str, Any]:
    """Measure the sources: lines, functions, arguments, comments."""
    paths = sorted((tree / "embedsearch").rglob("*.py"))
    lines = [len(_text(path).splitlines()) for path in paths]
    tested = sum(len(_text(path).splitlines()) for path in (tree / "tests").rglob("*.py"))
    functions = [node for path in paths for node in _functions(ast.parse(_text(path)))]
    lengths = [_code_lines(node) for node in functions]
    arguments = [_arguments(node) for node in functions]
    comments = sum(map(_comments, paths))
    return {
        "files": len(paths),
        "lines": sum(lines),
        "lines of a file, median": int(np.median(lines)),
        "lines of a file, most": max(lines),
        "functions": len(functions),
        "lines of a function, median": int(np.median(lengths)),
        "lines of a function, 95 %": int(np.percentile(lengths, 95)),
        "arguments, 95 %": int(np.percentile(arguments, 95)),
        "arguments, most": max(arguments),
        "comments, share of lines": round(comments / sum(lines), 4),
        "tests, lines": tested,
        "tests : sources": round(tested / sum(lines), 2),
    }


def circles(package: Path) -> list[list[str]]:
    """Return the groups of modules that import each other, if only for types or in a function."""
    graph = {name: set(_imports(path, package)) for name, path in _modules(package).items()}
    groups = _strongly_connected({name: found & set(graph) for name, found in graph.items()})
    return sorted(sorted(group) for group in groups if len(group) > 1)


def walks(tree: Path) -> dict[str, Any]:
    """Run what users run, and count the files and functions that took part."""
    seen = {}
    with TemporaryDirectory() as folder:
        workspace = str(Path(folder) / "walk.es")
        _run(tree, "-m", "embedsearch", "build", "corpus:gensim-wikipedia", "-w", workspace, "-q")
        for name in WALKS:
            # Compiled code is on disk then, and numba is quiet.
            script = str(Path(__file__).with_name("walks.py"))
            seen[name] = json.loads(_run(tree, script, name, workspace)[0].splitlines()[-1])
    return seen


def start(tree: Path) -> dict[str, Any]:
    """Measure `embedsearch neighbors` against a process that imports numpy and FAISS."""
    with TemporaryDirectory() as folder:
        workspace = str(Path(folder) / "start.es")
        _run(tree, "-m", "embedsearch", "build", "corpus:planted", "-w", workspace, "-q")
        word = ("-m", "embedsearch", "neighbors", "paris", "-w", workspace)
        pairs = [
            (_run(tree, *word)[1], _run(tree, "-c", "import numpy, faiss")[1])
            for _ in range(_STARTS)
        ]
        script = (
            "import sys; sys.argv[1:] = sys.argv[1:]\n"
            "from embedsearch.cli.main import main\n"
            "try: main()\n"
            "except SystemExit: pass\n"
            "print(len([m for m in sys.modules if m.split('.')[0] == 'embedsearch']))"
        )
        modules = _run(tree, "-c", script, *word[2:])[0].splitlines()[-1]
    ours, theirs = (min(column) for column in zip(*pairs, strict=True))
    return {
        "modules of ours, embedsearch neighbors": int(modules),
        "CPU seconds, embedsearch neighbors": round(ours, 3),
        "CPU seconds, import numpy, faiss": round(theirs, 3),
        "ratio": round(ours / theirs, 2),
    }


def _run(tree: Path, *arguments: str) -> tuple[str, float]:
    """Run Python in a checkout; return what it printed and its CPU seconds."""
    # Installed packages have their bytecode: so must ours, or its compilation would be measured.
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, stdout=subprocess.PIPE, text=True,
        check=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, spent


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without its docstring."""
    documented = ast.get_docstring(node) is not None
    docstring = node.body[0] if documented else None
    lines = 0 if docstring is None else (docstring.end_lineno or 0) - docstring.lineno + 1
    return (node.end_lineno or 0) - node.lineno + 1 - lines


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def _comments(path: Path) -> int:
    with path.open("rb") as file:
        return sum(token.type == tokenize.COMMENT for token in tokenize.tokenize(file.readline))


def _modules(package: Path) -> dict[str, Path]:
    names = {}
    for path in package.rglob("*.py"):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def _imports(path: Path, package: Path) -> Iterator[str]:
    """Yield the modules that one imports, those within functions and for types alone too."""
    for node in ast.walk(ast.parse(_text(path))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                place = package.parent / Path(*inner.split("."))
                is_module = place.with_suffix(".py").is_file() or place.is_dir()
                yield inner if is_module else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _strongly_connected(graph: Mapping[str, set[str]]) -> Iterable[list[str]]:
    """Group the nodes that reach each other."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    names = sorted(graph)
    place = {name: row for row, name in enumerate(names)}
    edges = [(place[name], place[to]) for name, found in graph.items() for to in found]
    rows, columns = zip(*edges, strict=True)
    shape = (len(names), len(names))
    matrix = csr_matrix((np.ones(len(edges)), (rows, columns)), shape=shape)
    _, labels = connected_components(matrix, directed=True, connection="strong")
    return [[names[row] for row in np.flatnonzero(labels == label)] for label in set(labels)]


def _lines(figures: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name:50} {value:>10,}" for name, value in figures["sources"].items())
    yield f"{'import circles':50} {len(figures['circles']):>10,}"
    yield from (f"    {' - '.join(circle)}" for circle in figures["circles"])
    for name, seen in figures.get("walks", {}).items():
        counts = (f"{seen[what]:,} {what}" for what in ("files", "functions", "calls"))
        yield f"{name:50} {', '.join(counts)}, {seen['depth']} deep"
    yield from (f"{name:50} {value:>10,}" for name, value in figures.get("start", {}).items())


if __name__ == "__main__":
    main()
