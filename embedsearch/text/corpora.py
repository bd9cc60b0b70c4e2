"""The catalogue of corpora: which exist, where they are on this machine, how they are read."""

from __future__ import annotations

import json
import os
import random
import re
import sys
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from importlib import resources
from importlib.util import find_spec
from itertools import islice, permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from embedsearch._checks import as_count
from embedsearch._errors import (
    SourceFormatError,
    SourceNotFoundError,
    UnknownCorpusError,
)
from embedsearch._io import sha256
from embedsearch._types import Document
from embedsearch.text.settings import ReadSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from embedsearch._progress import Progress


T = TypeVar("T")
FOLDER_VARIABLE = "EMBEDSEARCH_CORPORA"
# Of each document of the planted corpus.
TOPIC_SENTENCES, TOPIC_WORDS, RELATION_SENTENCES = 3, 5, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a corpus is looked for."""

    # "files" (in the folder of the catalogue), "gensim" (in gensim's test data), "nltk" (among
    # NLTK's data), "download" (in $EMBEDSEARCH_CORPORA or ~/embedsearch-corpora) or "planted"
    # (nowhere: it is generated).
    kind: str
    files: tuple[str, ...] = ()  # for "nltk" the name of the corpus
    url: str = ""


def data_folder() -> Path:
    """Return the folder of the catalogue: in the installed package, else in the checkout."""
    package = Path(str(resources.files("embedsearch")))
    installed = package / "corpora"
    return installed if installed.is_dir() else package.parent / "corpora"


def locate(place: Place) -> list[Path]:
    """Return the files of a corpus, or for NLTK its folder; the error says how to get them."""
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


class PlantedCorpus:
    """Generated text whose right answers are known, for checks of meaning.

    Each document is about one topic, and has sentences that plant relations: pairs such as
    `france paris`. A pair has clues of its own (`french`, `seine`) next to both of its words, and
    a side has words of its own (`borders`, `mayor`) next to that side of every pair: what word
    vectors need for an analogy to come out as a sum. All are in `corpora/planted.json`.

    Iterating gives the same documents each time; they depend on the arguments alone, whatever
    the version of Python. The metadata of a document has its `topic`.

    Args:
        seed: Of the choices.
        documents: How many there are, each of about 105 words. With 2,000, skip-gram learns the
            relations in ten passes (50 dimensions, window 5).

    Raises:
        ParameterError: `documents` is less than 1.
    """

    def __init__(self, seed: int = 0, documents: int = 2000) -> None:
        self.seed, self.documents = seed, as_count("documents", documents)

    def __len__(self) -> int:
        return self.documents

    def __iter__(self) -> Iterator[Document]:
        draw = _Draw(self.seed)
        topics, planted = draw.endless(list(self.topics)), self._planted_sentences(draw)
        for number in range(self.documents):
            topic = next(topics)
            words = draw.shuffled(self.topics[topic])[:TOPIC_WORDS]
            sentences = [self._topic_sentence(draw, topic, words) for _ in range(TOPIC_SENTENCES)]
            sentences += islice(planted, RELATION_SENTENCES)
            text = " ".join(f"{sentence.capitalize()}." for sentence in draw.shuffled(sentences))
            yield Document(f"planted-{number:05d}", text, {"topic": topic})

    @property
    def topics(self) -> dict[str, list[str]]:
        """The topics, each with its words."""
        return cast("dict[str, list[str]]", self._words["topics"])

    def relations(self) -> dict[str, list[tuple[str, str]]]:
        """Return the pairs of each relation: `{"capitals": [("france", "paris"), ...], ...}`."""
        relations = self._words["relations"].items()
        return {name: [(pair[0], pair[1]) for pair in each["pairs"]] for name, each in relations}

    def analogies(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield `(a, b, c, d)`: a is to b as c is to d, for any two pairs in either order."""
        for pairs in self.relations().values():
            for (a, b), (c, d) in permutations(pairs, 2):
                yield a, b, c, d

    def queries(self) -> list[tuple[str, str]]:
        """Return pairs of words, each with the topic whose documents are relevant to it.

        About two in five relevant documents have neither word.
        """
        return [
            (" ".join(words[start : start + 2]), topic)
            for topic, words in self.topics.items()
            for start in (0, 2, 4)
        ]

    @cached_property
    def _words(self) -> dict[str, Any]:
        entry = json.loads((data_folder() / "planted.json").read_text(encoding="utf-8"))
        return cast("dict[str, Any]", entry["words"])

    def _topic_sentence(self, draw: _Draw, topic: str, words: list[str]) -> str:
        a, b, c = draw.shuffled(words)[:3]
        sentence: str = draw.one_of(self._words["topic_sentences"])
        return sentence.format(a=a, b=b, c=c, topic=topic)

    def _planted_sentences(self, draw: _Draw) -> Iterator[str]:
        """Yield sentences without end, in which all pairs and sides are equally frequent."""
        sides = [
            (relation[side], side, pair[side == "right"], pair[2:])
            for relation in self._words["relations"].values()
            for side in ("left", "right")
            for pair in relation["pairs"]
        ]
        for sentences, side, word, clues in draw.endless(sides):
            clue, also = draw.shuffled(clues)[:2]
            yield draw.one_of(sentences).format(**{side: word, "clue": clue, "also": also})


class _Draw:
    """Choices that are the same in all versions of Python for one seed.

    Python promises this for `random()` alone, so the others are made of it.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - nothing secret

    def one_of(self, items: Sequence[T]) -> T:
        return items[int(self._random() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        return sorted(items, key=lambda _: self._random())

    def endless(self, items: Sequence[T]) -> Iterator[T]:
        while True:
            yield from self.shuffled(items)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusEntry:
    """One corpus of the catalogue.

    Attributes:
        name: What it is asked for by.
        title: Its name for people.
        description: What is in it.
        source: Where it comes from.
        licence: On what terms it may be used.
        language: A code such as "en".
        size: How many `documents`, `tokens` (of the default tokenizer) and `bytes` (as stored) it
            has, as far as this is known, in round numbers for what changes.
        read_settings: How its files are read.
        place: Where they are looked for.
        sha256: The checksum of each file, by its name; empty for what changes over time.
        remove: A regular expression of what is not text, such as tags, or None.
    """

    name: str
    title: str
    description: str
    source: str
    licence: str
    language: str
    size: Mapping[str, int]
    read_settings: ReadSettings
    place: Place
    sha256: Mapping[str, str] = field(default_factory=dict)
    remove: str | None = None

    @property
    def available(self) -> bool:
        """Whether the corpus can be read on this machine, as it is."""
        if self.place.kind == "planted":
            return True
        try:
            return bool(self.locate())
        except SourceNotFoundError:
            return False

    def locate(self) -> list[Path]:
        """Return its files or folder; `SourceNotFoundError` says what to do if it is not here."""
        return locate(self.place)

    def verify(self) -> bool:
        """Compare the files with the checksums; False if the catalogue has none.

        Raises:
            SourceNotFoundError: The corpus is not here.
            SourceFormatError: A file is not what the catalogue describes.
        """
        if not self.sha256:
            return False
        for path in self.locate():
            if (found := sha256(path)) != (expected := self.sha256[path.name]):
                reason = f"not the file that the catalogue has: SHA-256 {found}, not {expected}"
                raise SourceFormatError(path, reason)
        return True

    def documents(self, progress: Progress) -> Iterator[Document]:
        """Stream the documents; `SourceError` if the corpus is not here, or cannot be read."""
        if self.place.kind == "planted":
            return iter(PlantedCorpus())
        from embedsearch.text.sources import read_sources

        return map(self._cleaned, read_sources(self.locate(), self.read_settings, progress))

    def to_json(self) -> dict[str, Any]:
        """Return plain values, with `available`."""
        return {**asdict(self), "available": self.available}

    def _cleaned(self, document: Document) -> Document:
        if self.remove is None:
            return document
        return replace(document, text=re.sub(self.remove, "", document.text))


def list_corpora() -> list[CorpusEntry]:
    """Return all entries of the catalogue, by name."""
    return list(_catalogue().values())


def get_corpus(name: str) -> CorpusEntry:
    """Return the entry of this name; `UnknownCorpusError` if there is none."""
    if not isinstance(name, str) or name not in _catalogue():
        raise UnknownCorpusError(name, list(_catalogue()))
    return _catalogue()[name]


@cache
def _catalogue() -> dict[str, CorpusEntry]:
    paths = sorted(data_folder().glob("*.json"))
    entries = (_entry(json.loads(path.read_text(encoding="utf-8"))) for path in paths)
    return {entry.name: entry for entry in entries}


def _entry(values: dict[str, Any]) -> CorpusEntry:
    # The generator keeps its word lists in its entry.
    values.pop("words", None)
    place = values.pop("locate")
    return CorpusEntry(
        read_settings=ReadSettings(**values.pop("read")),
        place=Place(**{**place, "files": tuple(place.get("files", ()))}),
        **values,
    )
