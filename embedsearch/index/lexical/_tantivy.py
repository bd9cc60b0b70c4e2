"""tantivy, its fields, and its errors made ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from embedsearch._errors import (
    EmbedSearchError,
    StorageError,
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceLockedError,
    WorkspaceReadOnlyError,
)
from embedsearch.index.lexical.analysis import HOLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT, TITLE, STOPS, NUMBER = "text", "title", "stops", "number"
_TOKENIZER = "spaces"


def load_tantivy() -> Any:
    """Import tantivy, which takes some milliseconds, when it is first needed."""
    import tantivy

    return tantivy


def make_schema() -> Any:
    """Return the fields: title and text together, the title alone, stop words, the number."""
    builder = load_tantivy().SchemaBuilder()
    for name in (TEXT, TITLE, STOPS):
        builder.add_text_field(name, tokenizer_name=_TOKENIZER, index_option="position")
    # With an unsigned field, deletion by a Python integer silently deletes nothing.
    builder.add_integer_field(NUMBER, indexed=True, fast=True)
    return builder.build()


def prepare(index: Any) -> None:
    """Set up an opened index: cut at spaces, let holes pass, reload only when told to."""
    tantivy = load_tantivy()
    spaces = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
    index.register_tokenizer(
        _TOKENIZER, spaces.filter(tantivy.Filter.custom_stopword([HOLE])).build()
    )
    index.config_reader(reload_policy="manual")


@contextmanager
def reading_errors(folder: Path) -> Iterator[None]:
    """Raise `WorkspaceDamagedError` for what tantivy raises when it reads a damaged index."""
    try:
        yield
    except EmbedSearchError:
        raise
    except (ValueError, OSError) as error:
        raise _damaged(folder, error) from error
    except BaseException as error:
        if not _is_panic(error):
            raise
        raise _damaged(folder, error) from error


@contextmanager
def writing_errors(folder: Path) -> Iterator[None]:
    """Raise our error for what tantivy raises when it cannot write."""
    try:
        yield
    except EmbedSearchError:
        raise
    except (ValueError, OSError) as error:
        raise _unwritable(folder, error) from error
    except BaseException as error:
        if not _is_panic(error):
            raise
        raise _damaged(folder, error) from error


def _is_panic(error: BaseException) -> bool:
    # Its class is made inside the extension and cannot be imported.
    return type(error).__name__ == "PanicException"


def _damaged(folder: Path, error: BaseException) -> WorkspaceDamagedError:
    reason = f"the lexical index is damaged and must be built again ({_first_line(error)})"
    return WorkspaceDamagedError(folder, reason)


def _unwritable(folder: Path, error: Exception) -> WorkspaceError:
    message = str(error)
    if "LockBusy" in message:
        return WorkspaceLockedError(folder, "another process is writing to the lexical index")
    if any(sign in message for sign in ("PermissionDenied", "ReadOnlyFilesystem")):
        return WorkspaceReadOnlyError(folder, "the lexical index cannot be written to")
    if "corrupt" in message or "DoesNotExist" in message:
        return _damaged(folder, error)
    reason = f"the lexical index cannot be written; is the disk full? ({_first_line(error)})"
    return StorageError(folder, reason)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
