"""Test sets that gensim ships, by name."""

from __future__ import annotations

from pathlib import Path

_FILES = {
    "google": "questions-words.txt",
    "wordsim353": "wordsim353.tsv",
    "simlex999": "simlex999.txt",
}
STANDARD_SETS = tuple(_FILES)


def resolve_set(path: str | Path) -> Path:
    """Return the file that a path or the name of a standard set stands for.

    Args:
        path: A file; or "google" (Mikolov et al. 2013, analogies), "wordsim353" (Finkelstein
            et al. 2002) or "simlex999" (Hill et al. 2015), where there is no file of that name.
    """
    if str(path) not in _FILES or Path(path).exists():
        return Path(path)
    from importlib.util import find_spec

    # Importing gensim's own helper would import all of gensim.
    spec = find_spec("gensim")
    folders = spec.submodule_search_locations if spec else None
    return Path((folders or ["."])[0]) / "test" / "test_data" / _FILES[str(path)]
