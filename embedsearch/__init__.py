"""Word embeddings and semantic search on your own text, on your own machine.

```python
import embedsearch as es

ws = es.build("docs/", "my.es")
ws.words.most_similar("king", topn=5)
ws.words.analogy("king - man + woman")
ws.search("boundary layer", topn=10)
```

Names are imported when they are first used: `import embedsearch` itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from embedsearch._version import __version__

if TYPE_CHECKING:
    from embedsearch._errors import (
        CorpusTooSmallError,
        DuplicateIdError,
        EmbedSearchError,
        InputError,
        MissingExtraError,
        NotTrainedError,
        ParameterError,
        QueryError,
        SourceChangedError,
        SourceError,
        SourceFormatError,
        SourceNotFoundError,
        StorageError,
        UnknownCorpusError,
        UnknownDocumentError,
        UnknownKeyError,
        UnknownWordError,
        VectorError,
        WorkspaceDamagedError,
        WorkspaceError,
        WorkspaceExistsError,
        WorkspaceLockedError,
        WorkspaceNotFoundError,
        WorkspaceReadOnlyError,
        WorkspaceVersionError,
    )
    from embedsearch._progress import Progress
    from embedsearch._types import (
        Document,
        Explanation,
        Highlight,
        Hit,
        Hits,
        Metric,
        Neighbor,
        Neighbors,
    )
    from embedsearch.index.base import VectorIndex
    from embedsearch.search.words import Words
    from embedsearch.text.corpora.catalogue import get_corpus, list_corpora
    from embedsearch.text.settings import ReadSettings, TokenizerSettings
    from embedsearch.training.base import EpochReport, TrainedModel, TrainingReport
    from embedsearch.training.conversion import from_gensim, to_gensim
    from embedsearch.training.fitting import TRAINERS
    from embedsearch.training.texts import train_texts
    from embedsearch.vectors.base import Encoder
    from embedsearch.vectors.formats.loading import load_vectors
    from embedsearch.vectors.formats.registry import VECTOR_FORMATS
    from embedsearch.vectors.formats.saving import save_vectors
    from embedsearch.vectors.word_vectors import WordVectors
    from embedsearch.workspace.creation import build, create, import_vectors
    from embedsearch.workspace.migrating import migrate
    from embedsearch.workspace.repairing import repair
    from embedsearch.workspace.restoring import restore
    from embedsearch.workspace.verifying import verify
    from embedsearch.workspace.workspace import Workspace, open

_HOMES = {
    "embedsearch._progress": ("Progress",),
    "embedsearch._types": (
        "Document",
        "Explanation",
        "Highlight",
        "Hit",
        "Hits",
        "Metric",
        "Neighbor",
        "Neighbors",
    ),
    "embedsearch.index.base": ("VectorIndex",),
    "embedsearch.search.words": ("Words",),
    "embedsearch.text.corpora.catalogue": ("get_corpus", "list_corpora"),
    "embedsearch.text.settings": ("ReadSettings", "TokenizerSettings"),
    "embedsearch.training.base": ("EpochReport", "TrainedModel", "TrainingReport"),
    "embedsearch.training.conversion": ("from_gensim", "to_gensim"),
    "embedsearch.training.fitting": ("TRAINERS",),
    "embedsearch.training.texts": ("train_texts",),
    "embedsearch.vectors.base": ("Encoder",),
    "embedsearch.vectors.formats.loading": ("load_vectors",),
    "embedsearch.vectors.formats.registry": ("VECTOR_FORMATS",),
    "embedsearch.vectors.formats.saving": ("save_vectors",),
    "embedsearch.vectors.word_vectors": ("WordVectors",),
    "embedsearch.workspace.creation": ("build", "create", "import_vectors"),
    "embedsearch.workspace.migrating": ("migrate",),
    "embedsearch.workspace.repairing": ("repair",),
    "embedsearch.workspace.restoring": ("restore",),
    "embedsearch.workspace.verifying": ("verify",),
    "embedsearch.workspace.workspace": ("Workspace", "open"),
}
_SUBPACKAGES = ("evaluation", "sklearn")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "TRAINERS",
    "VECTOR_FORMATS",
    "CorpusTooSmallError",
    "Document",
    "DuplicateIdError",
    "EmbedSearchError",
    "Encoder",
    "EpochReport",
    "Explanation",
    "Highlight",
    "Hit",
    "Hits",
    "InputError",
    "Metric",
    "MissingExtraError",
    "Neighbor",
    "Neighbors",
    "NotTrainedError",
    "ParameterError",
    "Progress",
    "QueryError",
    "ReadSettings",
    "SourceChangedError",
    "SourceError",
    "SourceFormatError",
    "SourceNotFoundError",
    "StorageError",
    "TokenizerSettings",
    "TrainedModel",
    "TrainingReport",
    "UnknownCorpusError",
    "UnknownDocumentError",
    "UnknownKeyError",
    "UnknownWordError",
    "VectorError",
    "VectorIndex",
    "WordVectors",
    "Words",
    "Workspace",
    "WorkspaceDamagedError",
    "WorkspaceError",
    "WorkspaceExistsError",
    "WorkspaceLockedError",
    "WorkspaceNotFoundError",
    "WorkspaceReadOnlyError",
    "WorkspaceVersionError",
    "__version__",
    "build",
    "create",
    "evaluation",
    "from_gensim",
    "get_corpus",
    "import_vectors",
    "list_corpora",
    "load_vectors",
    "migrate",
    "open",
    "repair",
    "restore",
    "save_vectors",
    "sklearn",
    "to_gensim",
    "train_texts",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f"embedsearch.{name}")
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    if name in __all__ and name.endswith("Error"):
        return getattr(import_module("embedsearch._errors"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
