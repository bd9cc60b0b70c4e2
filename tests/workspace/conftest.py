from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch.text.corpora import PlantedCorpus

# Read once, when the client of the hub is imported by whichever test comes first.
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace trained on the planted corpus; tests only read it."""
    path = tmp_path_factory.mktemp("workspaces") / "planted.es"
    es.build("corpus:planted", path, vector_size=50, epochs=10, workers=1).close()
    return path


@pytest.fixture
def writable(planted: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change or damage."""
    return Path(shutil.copytree(planted, tmp_path / "copy.es"))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[es.Workspace]:
    """A few documents of two topics, not trained, open for writing."""
    with es.create(tmp_path / "small.es") as workspace:
        workspace.add(es.Document(d.id, d.text, d.metadata) for d in PlantedCorpus(documents=60))
        yield workspace


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[[str], Path]:
    """Unpack a saved example of a format: sixteen documents about farms and the sky."""

    def unpack(name: str) -> Path:
        archive = Path(__file__).parents[1] / "formats" / f"{name}.tar.gz"
        with tarfile.open(archive) as tar:
            tar.extraction_filter = lambda member, _: member
            tar.extractall(tmp_path)  # noqa: S202 - our own
        return tmp_path / "example.es"

    return unpack


@pytest.fixture
def example(unpacked: Callable[[str], Path]) -> Path:
    """The saved example of the present format."""
    return unpacked("v1-with-lexical-hashes")
