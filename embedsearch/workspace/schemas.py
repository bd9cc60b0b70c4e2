"""What the small JSON files of a workspace must hold; `index.lexical` checks `lexical.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedsearch._checks import BOOLEAN, Interval
from embedsearch._errors import WorkspaceDamagedError, WorkspaceVersionError
from embedsearch._io import REPAIR, checksum_holds
from embedsearch._schemas import (
    COUNT,
    HASH,
    POSITIVE,
    Anything,
    Fields,
    Listed,
    Named,
    Nullable,
    Schema,
    Text,
    fault,
)
from embedsearch.workspace.layout import FORMAT_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHARE = Nullable(Interval(0, 1))
_FILE_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}"
_FILE = Fields({"size": COUNT, "sha256": HASH})
_ANY_OBJECT = Named(Anything())
_PUBLISHED: dict[str, Schema] = {
    "format": POSITIVE,
    "generation": POSITIVE,
    "created": Text(),
    "change": COUNT,
    "files": Named(_FILE, _FILE_NAME),
}
_INDEX = Fields(
    {
        "settings": Fields(
            {"spec": Text(), "recall": _SHARE, "memory": Nullable(Anything())}, {"for_": Text()}
        ),
        "spec": Text(),
        "parameters": Named(Interval()),
        "recall": _SHARE,
        "bytes": COUNT,
        "digest": HASH,
    }
)
_TRAINING = Fields(
    {
        "trainer": Text(),
        "documents": COUNT,
        "tokens": COUNT,
        "vocabulary": COUNT,
        # Only trainers with n-grams have the optional ones.
        "parameters": Fields(
            {"vector_size": POSITIVE}, {"min_n": COUNT, "max_n": COUNT, "bucket": COUNT}
        ),
        "seconds": Interval(0),
        "cpu_seconds": Interval(0),
        "losses": Listed(Anything()),
    }
)
_SEARCH = Fields(
    {
        "analyzer": Fields({"language": Text(), "tokenizer": _ANY_OBJECT}),
        "encoders": Listed(Fields({"name": Text(), "kind": Text(), "dimension": POSITIVE})),
        "plugged": Listed(Text()),
        "settings": Fields({"encoders": Listed(Text()), "language": Text()}, {"search": BOOLEAN}),
        "mean_length": Interval(0),
    }
)

WORKSPACE = Fields(
    {
        "format": POSITIVE,
        "generation": Nullable(POSITIVE),
        "vectors": Nullable(POSITIVE),
        "tokenizer": _ANY_OBJECT,
    }
)
SPACE_RESULT = Fields({"generation": POSITIVE, "change": COUNT, "facts": _ANY_OBJECT})
JUDGEMENT = Fields({"query": Text(), "id": Text(), "relevant": BOOLEAN})
PREFERENCES = Fields(
    {
        "format": POSITIVE,
        "judgements": Listed(JUDGEMENT),
        "tuning": Nullable(
            Fields(
                {
                    "kept": BOOLEAN,
                    "queries": COUNT,
                    "before": Interval(0, 1),
                    "after": Interval(0, 1),
                    "weights": Named(Interval(0, 1_000)),
                },
                {"missing": COUNT},
            )
        ),
    }
)
GENERATION = Fields(
    {
        **_PUBLISHED,
        "trained_change": COUNT,
        "tokenizer": _ANY_OBJECT,
        "training": _TRAINING,
        "word_index": _INDEX,
    },
    {
        # A repair leaves it out if it is not sure: nothing else gives it.
        "expected_share": _SHARE,
        # Absent from the words that a repair publishes on their way to a whole generation.
        "fitted_documents": COUNT,
        "search": _SEARCH,
    },
)
VECTORS = Fields(
    {
        **_PUBLISHED,
        "metric": Text("cosine|ip|euclidean", "cosine, ip or euclidean"),
        "count": COUNT,
        "dimension": POSITIVE,
        "following": COUNT,
        "built": COUNT,
        "index": _INDEX,
    }
)
BACKUP = Fields(
    {
        "format": POSITIVE,
        "kind": Text(),
        "created": Text(),
        "documents": COUNT,
        "change": COUNT,
        "files": Named(_FILE),
    }
)


def check(
    values: Mapping[str, Any], schema: Schema, file: Path, workspace: Path, *, checksum: bool = True
) -> None:
    """Raise unless a file holds what it must; the error names the file and the field.

    With `checksum`, that of the file itself is compared, too.
    """
    if found := version_fault(values):
        raise WorkspaceVersionError(workspace, found)
    if found := fault_of(values, schema, checksum=checksum):
        shown = file.relative_to(workspace) if file.is_relative_to(workspace) else file
        reason = f"{shown.as_posix()} is damaged: {found}; {REPAIR}"
        raise WorkspaceDamagedError(workspace, reason)


def version_fault(values: Mapping[str, Any]) -> str | None:
    """Say which other format a file has, and what to do about it."""
    version = values.get("format")
    if type(version) is not int or version == FORMAT_VERSION or version < 1:
        return None
    if version > FORMAT_VERSION:
        reads = f"this embedsearch reads format {FORMAT_VERSION}"
        return f"has format {version}, {reads}; upgrade embedsearch-engine"
    made = "made by an earlier, unreleased version, which cannot be read or replaced"
    advice = "move it away or remove it, then build it again from its sources"
    return f"has format {version}, {made}; {advice}"


def fault_of(values: Mapping[str, Any], schema: Schema, *, checksum: bool = True) -> str | None:
    """Say what is wrong with the values of a file, its own checksum included."""
    if found := fault(values, schema):
        return found
    if checksum and not checksum_holds(values):
        return "it is not what was written: its checksum does not match"
    return None
