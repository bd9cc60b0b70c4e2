from __future__ import annotations

import os
import runpy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch.index.candidate_index import CandidateIndex
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


@pytest.fixture(scope="session")
def small_example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen documents about farms and the sky; tests only copy it."""
    path = tmp_path_factory.mktemp("workspaces") / "example.es"
    script = Path(__file__).parents[1] / "formats" / "make_example.py"
    runpy.run_path(str(script))["make_example"](path)
    # It is to be as one that was sent: without locks, and without what a reader of SQLite leaves.
    for name in ("lock", "writer.json", "documents.sqlite-wal", "documents.sqlite-shm"):
        (path / name).unlink(missing_ok=True)
    return path


@pytest.fixture
def example(small_example: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change or damage."""
    return Path(shutil.copytree(small_example, tmp_path / "example.es"))


@pytest.fixture(scope="session")
def cluster() -> Callable[[Path], None]:
    """Have the documents of a workspace found by clusters, as if there were many."""

    def save_clusters(path: Path) -> None:
        with es.open(path) as ws:
            generation = ws._session.trained()
            latent = np.array(generation.document_vectors.latent.base)
            CandidateIndex.build(latent).save(generation.files.document_index)

    return save_clusters
