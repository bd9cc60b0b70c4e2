"""What the small JSON files of a workspace must hold; `lexical.json` is `index.lexical`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedsearch._errors import WorkspaceDamagedError, WorkspaceVersionError
from embedsearch._io import checksum_holds
from embedsearch._schemas import (
    COUNT,
    HASH,
    POSITIVE,
    Anything,
    Fields,
    Listed,
    Named,
    Nullable,
    Number,
    Schema,
    Text,
    fault,
)
from embedsearch.workspace.layout import FORMAT_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHARE = Nullable(Number(0, 1))
_FILE_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}"
_FILES = Fields({"size": COUNT, "sha256": HASH})
_ANY_OBJECT = Named(Anything())
_COMMON: dict[str, Schema] = {
    "format": POSITIVE,
    "generation": POSITIVE,
    "change": COUNT,
    "files": Named(_FILES, _FILE_NAME),
}
_ASKED = Fields(
    {},
    {"spec": Text(), "recall": _SHARE, "memory": Nullable(Anything())},
)
_INDEX = Fields(
    {},
    {
        "settings": _ASKED,
        "spec": Text(),
        "parameters": Named(Number()),
        "recall": _SHARE,
        "bytes": COUNT,
        "digest": HASH,
    },
)
_TRAINING = Fields(
    {
        "trainer": Text(),
        "documents": COUNT,
        "tokens": COUNT,
        "vocabulary": COUNT,
        "parameters": Fields(
            {"vector_size": POSITIVE}, {"min_n": COUNT, "max_n": COUNT, "bucket": COUNT}
        ),
    },
    {"seconds": Number(0), "cpu_seconds": Number(0), "losses": Listed(Anything())},
)
_SEARCH = Fields(
    {
        "analyzer": Fields({"language": Text(), "tokenizer": _ANY_OBJECT}),
        "encoders": Listed(Fields({"name": Text(), "kind": Text(), "dimension": POSITIVE})),
        "plugged": Listed(Text()),
        "fusion": Fields(
            {"weights": Named(Number()), "feedback": COUNT}, {"evidence": _ANY_OBJECT}
        ),
        "settings": Fields({"encoders": Listed(Text()), "language": Text()}),
    },
    {"mean_length": Number(0)},
)

WORKSPACE = Fields(
    {"format": POSITIVE, "generation": Nullable(POSITIVE), "tokenizer": _ANY_OBJECT},
    {"vectors": Nullable(POSITIVE)},
)
GENERATION = Fields(
    {**_COMMON, "trained_change": COUNT, "tokenizer": _ANY_OBJECT, "training": _TRAINING},
    {
        "created": Text(),
        "expected_share": _SHARE,
        "fitted_documents": COUNT,
        "word_index": _INDEX,
        # Not there before there was search by meaning.
        "search": _SEARCH,
    },
)
VECTORS = Fields(
    {
        **_COMMON,
        "metric": Text("cosine|ip|euclidean", "cosine, ip or euclidean"),
        "count": COUNT,
        "dimension": POSITIVE,
        "following": COUNT,
        "built": COUNT,
        "index": _INDEX,
    },
    {"created": Text()},
)
BACKUP = Fields(
    {"format": POSITIVE, "files": Named(_FILES)},
    {"created": Text(), "documents": COUNT, "change": COUNT},
)


def check(
    values: Mapping[str, Any], schema: Schema, file: Path, workspace: Path, *, whole: bool = True
) -> None:
    """Raise unless a file holds what it must.

    Args:
        values: What was read.
        schema: What must be there.
        file: The file, for messages.
        workspace: Its workspace.
        whole: Compare its own checksum, too.

    Raises:
        WorkspaceVersionError: A newer embedsearch wrote it.
        WorkspaceDamagedError: It does not; the file and the field are named.
    """
    version = values.get("format")
    if type(version) is int and version > FORMAT_VERSION:
        raise WorkspaceVersionError(
            workspace,
            f"has format {version}, this embedsearch reads up to {FORMAT_VERSION}; "
            "upgrade embedsearch-engine",
        )
    if found := fault_of(values, schema, whole=whole):
        shown = file.relative_to(workspace) if file.is_relative_to(workspace) else file
        reason = f"{shown.as_posix()} is damaged: {found}; run `embedsearch repair`"
        raise WorkspaceDamagedError(workspace, reason)


def fault_of(values: Mapping[str, Any], schema: Schema, *, whole: bool = True) -> str | None:
    """Say what is wrong with the values of a file; None where nothing is."""
    if found := fault(values, schema):
        return found
    if whole and checksum_holds(values) is False:
        return "it is not what was written: its checksum is another"
    return None
