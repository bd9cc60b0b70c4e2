"""The folder on disk and the facade that every surface uses.

Names are imported when they are first used, so that a word query does not pay for training.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.evaluation.base import Report
    from embedsearch.search.options import SEARCH_MODES
    from embedsearch.store.documents import Changes
    from embedsearch.text.corpora import CorpusEntry, get_corpus, list_corpora
    from embedsearch.text.processing import resolve_stop_words
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
    from embedsearch.text.source_stream import LeftOut
    from embedsearch.training.base import TrainingReport
    from embedsearch.training.trainers import TRAINERS
    from embedsearch.vectors.formats.base import ENCODING_ERRORS
    from embedsearch.vectors.formats.registry import VECTOR_FORMATS
    from embedsearch.workspace.building import (
        add_vectors,
        build,
        create,
        import_vectors,
        open,
        opened_or_created,
    )
    from embedsearch.workspace.choices import KINDS, METRICS
    from embedsearch.workspace.collection import Documents
    from embedsearch.workspace.info import Info
    from embedsearch.workspace.maintenance.backup import BackupReport
    from embedsearch.workspace.maintenance.compact import CompactReport
    from embedsearch.workspace.maintenance.migrate import MigrateReport, migrate
    from embedsearch.workspace.maintenance.repair import RepairReport
    from embedsearch.workspace.maintenance.verify import Problem, VerifyReport, verify
    from embedsearch.workspace.offline import repair, restore
    from embedsearch.workspace.workspace import Workspace

_HOMES = {
    "embedsearch._progress": ("Progress",),
    "embedsearch.evaluation.base": ("Report",),
    "embedsearch.store.documents": ("Changes",),
    "embedsearch.text.corpora": ("CorpusEntry", "get_corpus", "list_corpora"),
    "embedsearch.text.source_stream": ("LeftOut",),
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
    "embedsearch.text.processing": ("resolve_stop_words",),
    "embedsearch.training.base": ("TrainingReport",),
    "embedsearch.training.trainers": ("TRAINERS",),
    "embedsearch.vectors.formats.base": ("ENCODING_ERRORS",),
    "embedsearch.vectors.formats.registry": ("VECTOR_FORMATS",),
    "embedsearch.workspace.building": (
        "add_vectors",
        "build",
        "create",
        "import_vectors",
        "open",
        "opened_or_created",
    ),
    "embedsearch.search.options": ("SEARCH_MODES",),
    "embedsearch.workspace.choices": ("KINDS", "METRICS"),
    "embedsearch.workspace.maintenance.backup": ("BackupReport",),
    "embedsearch.workspace.collection": ("Documents",),
    "embedsearch.workspace.maintenance.compact": ("CompactReport",),
    "embedsearch.workspace.info": ("Info",),
    "embedsearch.workspace.maintenance.migrate": ("MigrateReport", "migrate"),
    "embedsearch.workspace.maintenance.repair": ("RepairReport",),
    "embedsearch.workspace.maintenance.verify": ("Problem", "VerifyReport", "verify"),
    "embedsearch.workspace.offline": ("repair", "restore"),
    "embedsearch.workspace.workspace": ("Workspace",),
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
