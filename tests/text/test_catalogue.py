"""The catalogue says what is true of the corpora, and how to get those that are not here."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from embedsearch._errors import SourceFormatError, SourceNotFoundError, UnknownCorpusError
from embedsearch._progress import SilentProgress
from embedsearch.text.corpora.catalogue import CorpusEntry, get_corpus, list_corpora
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import TokenizerSettings

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [entry.name for entry in list_corpora()]
HERE = ["gensim-lee", "gensim-wikipedia", "lantern-bay"]


@pytest.fixture
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "nltk"))
    monkeypatch.setenv("EMBEDSEARCH_CORPORA", str(tmp_path / "downloads"))


def counted(entry: CorpusEntry) -> dict[str, int]:
    processor = TextProcessor(TokenizerSettings())
    documents = list(entry.documents(SilentProgress()))
    tokens = sum(
        len(processor.process(d.title)) + len(processor.process(d.text)) for d in documents
    )
    return {"documents": len(documents), "tokens": tokens}


def test_the_corpora_that_come_along_are_listed() -> None:
    assert sorted(NAMES) == NAMES
    assert {*HERE, "planted", "simplewiki", "nltk-brown"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_says_what_a_user_needs_to_know(name: str) -> None:
    entry = get_corpus(name)
    assert all([entry.title, entry.description, entry.source, entry.licence, entry.language])
    assert entry.size.keys() <= {"documents", "tokens", "bytes"}
    assert json.loads(json.dumps(entry.to_json()))["name"] == name


@pytest.mark.parametrize("name", HERE)
def test_files_are_found_and_are_what_the_checksum_says(name: str) -> None:
    entry = get_corpus(name)
    assert entry.available
    assert entry.verify()
    assert sum(path.stat().st_size for path in entry.locate()) == entry.size["bytes"]


@pytest.mark.parametrize("name", ["gensim-lee", "lantern-bay", "planted"])
def test_the_size_is_what_is_read(name: str) -> None:
    entry = get_corpus(name)
    assert counted(entry) == {key: entry.size[key] for key in ("documents", "tokens")}


def test_our_own_news_has_titles_topics_and_years() -> None:
    documents = {d.id: d for d in get_corpus("lantern-bay").documents(SilentProgress())}
    storm = documents["great-storm"]
    assert storm.title == "Storm takes roofs and boats"
    assert storm.metadata == {"topic": "weather", "year": 1990}


def test_a_file_that_differs_is_refused() -> None:
    entry = get_corpus("lantern-bay")
    altered = dataclasses.replace(entry, sha256={"lantern-bay.jsonl": "0" * 64})
    with pytest.raises(SourceFormatError, match="SHA-256"):
        altered.verify()


@pytest.mark.usefixtures("_nowhere")
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("simplewiki", r"download https://dumps\.wikimedia\.org/.* into .*downloads"),
        ("nltk-inaugural", "python -m nltk.downloader inaugural"),
        ("planted", "generated"),
    ],
)
def test_what_is_not_here_says_how_to_get_it(name: str, advice: str) -> None:
    with pytest.raises(SourceNotFoundError, match=advice):
        get_corpus(name).locate()


@pytest.mark.usefixtures("_nowhere")
def test_a_corpus_becomes_available_when_it_is_put_in_place(tmp_path: Path) -> None:
    entry = get_corpus("simplewiki")
    assert not entry.available
    (tmp_path / "downloads").mkdir()
    dump = tmp_path / "downloads" / "simplewiki-latest-pages-articles.xml.bz2"
    dump.touch()
    assert get_corpus(entry.name).available
    assert entry.locate() == [dump]
    assert not entry.verify()


@pytest.mark.usefixtures("_nowhere")
def test_a_packed_nltk_corpus_is_to_be_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "nltk" / "corpora"
    folder.mkdir(parents=True)
    (folder / "reuters.zip").touch()
    with pytest.raises(SourceNotFoundError, match="unpack"):
        get_corpus("nltk-reuters").locate()


@pytest.mark.usefixtures("_nowhere")
def test_brown_is_read_without_its_tags(tmp_path: Path) -> None:
    folder = tmp_path / "nltk" / "corpora" / "brown"
    folder.mkdir(parents=True)
    (folder / "ca01").write_text("\n\tThe/at jury/nn said/vbd ``/`` 1/2/cd ./.\n")
    (folder / "README").write_text("not a text of the corpus")
    (document,) = get_corpus("nltk-brown").documents(SilentProgress())
    assert document.text.split() == ["The", "jury", "said", "``", "1/2", "."]


def test_an_unknown_name_lists_the_catalogue() -> None:
    with pytest.raises(UnknownCorpusError, match="lantern-bay") as caught:
        get_corpus("nope")
    assert caught.value.name == "nope"


def test_gensims_files_are_found_without_importing_it() -> None:
    script = (
        "import sys\n"
        "from embedsearch.text.corpora.catalogue import get_corpus, list_corpora\n"
        "assert get_corpus('gensim-lee').available and list_corpora()\n"
        "assert not {'gensim', 'nltk', 'numba'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
