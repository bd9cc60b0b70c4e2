"""The public surface of the package, and what importing it costs."""

from __future__ import annotations

import configparser
import inspect
import subprocess
import sys
from pathlib import Path

import embedsearch
from embedsearch import _errors

ROOT = Path(__file__).parents[1]
HEAVY = ("gensim", "nltk", "numba", "sklearn", "torch", "faiss", "numpy", "scipy", "rich", "click")


def test_every_public_name_is_there_and_the_list_is_sorted() -> None:
    names = embedsearch.__all__
    assert len(names) == len(set(names))
    assert names == sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    assert all(getattr(embedsearch, name) is not None for name in names)
    assert dir(embedsearch) == sorted(names)
    assert {"Workspace", "VectorIndex", "open", "build", "evaluation", "sklearn"} <= set(names)


def test_every_error_is_public_and_drawn_in_the_tree() -> None:
    errors = {
        name: value
        for name, value in vars(_errors).items()
        if inspect.isclass(value) and issubclass(value, _errors.EmbedSearchError)
    }
    assert set(errors) == {name for name in embedsearch.__all__ if name.endswith("Error")}
    assert all(name in (_errors.__doc__ or "") for name in errors)


def test_importing_costs_nothing_heavy() -> None:
    code = f"import sys, embedsearch; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_wheel_has_every_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = setup["options"]["packages"].split()
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "embedsearch").rglob("__init__.py")
    }
    assert listed == sorted(found | {"embedsearch.corpora"})
