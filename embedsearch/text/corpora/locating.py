"""Where the files of a corpus are on this machine. Nothing is downloaded."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import SourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER_VARIABLE = "EMBEDSEARCH_CORPORA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a corpus is to be looked for.

    Attributes:
        kind: "files" (in the folder of the catalogue), "gensim" (in gensim's test data), "nltk"
            (among NLTK's data), "download" (in the folder that `EMBEDSEARCH_CORPORA` names, or
            `~/embedsearch-corpora`) or "planted" (nowhere: it is generated).
        files: The names of the files; for "nltk" the name of the corpus.
        url: Where to download it from.
    """

    kind: str
    files: tuple[str, ...] = ()
    url: str = ""


def data_folder() -> Path:
    """Return the folder of the catalogue: in the installed package, else in the checkout."""
    package = Path(str(resources.files("embedsearch")))
    installed = package / "corpora"
    return installed if installed.is_dir() else package.parent / "corpora"


def locate(place: Place) -> list[Path]:
    """Return the files of a corpus, or for NLTK its folder.

    Raises:
        SourceNotFoundError: They are not here; the message says how to get them.
    """
    return _KINDS[place.kind](place)


def _in_catalogue(place: Place) -> list[Path]:
    return _all_in(data_folder(), place, "reinstall embedsearch-engine, which brings it")


def _in_gensim(place: Place) -> list[Path]:
    # Importing gensim takes a second; finding it does not.
    spec = find_spec("gensim")
    folders = list(spec.submodule_search_locations or []) if spec else []
    folder = Path(folders[0]) if folders else Path("gensim")
    return _all_in(folder / "test" / "test_data", place, "it comes with gensim: reinstall that")


def _downloaded(place: Place) -> list[Path]:
    folder = Path(os.environ.get(FOLDER_VARIABLE) or Path.home() / "embedsearch-corpora")
    advice = f"download {place.url} into {folder} (or set {FOLDER_VARIABLE} to its folder)"
    return _all_in(folder, place, advice)


def _in_nltk(place: Place) -> list[Path]:
    name = place.files[0]
    for folder in nltk_folders():
        if (found := folder / "corpora" / name).is_dir():
            return [found]
    for folder in nltk_folders():
        if (packed := folder / "corpora" / f"{name}.zip").is_file():
            raise SourceNotFoundError(packed, f"unpack it there, to {packed.with_suffix('')}")
    advice = f"NLTK's data do not have it; get it with: python -m nltk.downloader {name}"
    raise SourceNotFoundError(f"nltk corpus {name}", advice)


def _generated(place: Place) -> list[Path]:
    reason = "it is generated and has no files; read it with documents()"
    raise SourceNotFoundError(f"{place.kind} corpus", reason)


_KINDS: dict[str, Callable[[Place], list[Path]]] = {
    "files": _in_catalogue,
    "gensim": _in_gensim,
    "nltk": _in_nltk,
    "download": _downloaded,
    "planted": _generated,
}


def nltk_folders() -> list[Path]:
    """Return the folders in which NLTK looks for data, in its order, without importing it."""
    named = [Path(part) for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part]
    prefix = Path(sys.prefix)
    own = [Path.home() / "nltk_data", prefix / "nltk_data"]
    own += [prefix / "share" / "nltk_data", prefix / "lib" / "nltk_data"]
    if sys.platform == "win32":
        own += [Path(os.environ.get("APPDATA", "C:\\")) / "nltk_data"]
        return named + own + [Path(f"{drive}:\\nltk_data") for drive in "CDE"]
    shared = ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib")
    return named + own + [Path(folder) / "nltk_data" for folder in shared]


def _all_in(folder: Path, place: Place, advice: str) -> list[Path]:
    paths = [folder / name for name in place.files]
    for path in paths:
        if not path.is_file():
            raise SourceNotFoundError(path, f"not found; {advice}")
    return paths
