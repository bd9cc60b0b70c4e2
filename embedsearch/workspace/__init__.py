"""The folder on disk and the facade that every surface uses.

Names are imported when they are first used, so that a word query does not pay for training.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.evaluation.base import Report
    from embedsearch.store.documents import Changes
    from embedsearch.text.corpora.catalogue import CorpusEntry, get_corpus, list_corpora
    from embedsearch.text.reading.notices import LeftOut
    from embedsearch.text.settings import (
        ACCENTS,
        CONFLICTS,
        DIGITS,
        FORMATS,
        SPLITS,
        TOKENIZERS,
        ReadSettings,
        TokenizerSettings,
    )
    from embedsearch.text.stop_words import resolve_stop_words
    from embedsearch.training.base import TrainingReport
    from embedsearch.training.fitting import TRAINERS
    from embedsearch.vectors.formats.base import ENCODING_ERRORS
    from embedsearch.vectors.formats.registry import VECTOR_FORMATS
    from embedsearch.workspace.backing_up import BackupReport
    from embedsearch.workspace.choices import KINDS, METRICS, SEARCH_MODES
    from embedsearch.workspace.compacting import CompactReport
    from embedsearch.workspace.creation import (
        add_vectors,
        build,
        create,
        import_vectors,
        opened_or_created,
    )
    from embedsearch.workspace.documents import Documents
    from embedsearch.workspace.info import Info
    from embedsearch.workspace.migrating import MigrateReport, migrate
    from embedsearch.workspace.repairing import RepairReport, repair
    from embedsearch.workspace.restoring import restore
    from embedsearch.workspace.verifying import Problem, VerifyReport, verify
    from embedsearch.workspace.workspace import Workspace, open

_HOMES = {
    "embedsearch._progress": ("Progress",),
    "embedsearch.evaluation.base": ("Report",),
    "embedsearch.store.documents": ("Changes",),
    "embedsearch.text.corpora.catalogue": ("CorpusEntry", "get_corpus", "list_corpora"),
    "embedsearch.text.reading.notices": ("LeftOut",),
    "embedsearch.text.settings": (
        "ACCENTS",
        "CONFLICTS",
        "DIGITS",
        "FORMATS",
        "SPLITS",
        "TOKENIZERS",
        "ReadSettings",
        "TokenizerSettings",
    ),
    "embedsearch.text.stop_words": ("resolve_stop_words",),
    "embedsearch.training.base": ("TrainingReport",),
    "embedsearch.training.fitting": ("TRAINERS",),
    "embedsearch.vectors.formats.base": ("ENCODING_ERRORS",),
    "embedsearch.vectors.formats.registry": ("VECTOR_FORMATS",),
    "embedsearch.workspace.creation": (
        "add_vectors",
        "build",
        "create",
        "import_vectors",
        "opened_or_created",
    ),
    "embedsearch.workspace.choices": ("KINDS", "METRICS", "SEARCH_MODES"),
    "embedsearch.workspace.backing_up": ("BackupReport",),
    "embedsearch.workspace.documents": ("Documents",),
    "embedsearch.workspace.compacting": ("CompactReport",),
    "embedsearch.workspace.info": ("Info",),
    "embedsearch.workspace.migrating": ("MigrateReport", "migrate"),
    "embedsearch.workspace.repairing": ("RepairReport", "repair"),
    "embedsearch.workspace.restoring": ("restore",),
    "embedsearch.workspace.verifying": ("Problem", "VerifyReport", "verify"),
    "embedsearch.workspace.workspace": ("Workspace", "open"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ACCENTS",
    "CONFLICTS",
    "DIGITS",
    "ENCODING_ERRORS",
    "FORMATS",
    "KINDS",
    "METRICS",
    "SEARCH_MODES",
    "SPLITS",
    "TOKENIZERS",
    "TRAINERS",
    "VECTOR_FORMATS",
    "BackupReport",
    "Changes",
    "CompactReport",
    "CorpusEntry",
    "Documents",
    "Info",
    "LeftOut",
    "MigrateReport",
    "Problem",
    "Progress",
    "ReadSettings",
    "RepairReport",
    "Report",
    "TokenizerSettings",
    "TrainingReport",
    "VerifyReport",
    "Workspace",
    "add_vectors",
    "build",
    "create",
    "get_corpus",
    "import_vectors",
    "list_corpora",
    "migrate",
    "open",
    "opened_or_created",
    "repair",
    "resolve_stop_words",
    "restore",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
