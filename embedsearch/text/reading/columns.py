"""Which columns of a table, or keys of JSON objects, hold the id, the title and the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from embedsearch._errors import SourceFormatError
from embedsearch.text.reading.values import text_value
from embedsearch.text.settings import NO_ID_COLUMN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedsearch.text.settings import ReadSettings

_Value = TypeVar("_Value")

ID_NAMES = ("id", "_id", "docid", "doc_id", "docno", "document_id", "identifier", "uuid", "guid")
TITLE_NAMES = ("title", "headline", "heading", "subject", "name")
TEXT_NAMES = (
    "text", "body", "content", "contents", "abstract", "document", "article", "passage",
    "description", "message", "review", "comment", "sentence", "summary",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one source.

    Attributes:
        text: Holds the text.
        id: Holds the id, or None where ids are made.
        title: Holds the title, or None.
        metadata: Kept as metadata; None keeps all others.
    """

    text: str
    id: str | None = None
    title: str | None = None
    metadata: tuple[str, ...] | None = None

    def __str__(self) -> str:
        """Say which columns were chosen, as in `text from 'body', title from 'headline'`."""
        roles = {"text": self.text, "title": self.title, "id": self.id}
        return ", ".join(f"{role} from {name!r}" for role, name in roles.items() if name)


def chosen_metadata(facts: Mapping[str, _Value], settings: ReadSettings) -> dict[str, _Value]:
    """Return those facts about a document that the settings keep as metadata."""
    names = facts if settings.metadata_columns is None else settings.metadata_columns
    return {name: facts[name] for name in names if name in facts}


def given_id(id: str, settings: ReadSettings) -> str:
    """Return the id that a source gives, or nothing if the settings want ids to be made."""
    return "" if settings.id_column == NO_ID_COLUMN else id


def choose_columns(
    source: str,
    names: Sequence[str],
    sample: Sequence[Mapping[str, object]],
    settings: ReadSettings,
) -> Columns:
    """Choose columns: those that the settings name, else well-known names, else long text.

    Args:
        source: The file, for the error.
        names: The columns that there are, in their order.
        sample: The first records; where no name is known, the text is the column that has the
            longest values in them on average.
        settings: The wishes of the user.

    Raises:
        SourceFormatError: A column that was asked for is missing; names those that exist.
    """
    wanted = (settings.id_column, settings.title_column, settings.text_column)
    for name in (*wanted, *(settings.metadata_columns or ())):
        if name is not None:
            require_column(source, name, names)
    text = settings.text_column or _text(names, sample, [settings.id_column, settings.title_column])
    if text is None:
        raise missing_column(source, "no column holds text", names)
    title = settings.title_column or _known(names, TITLE_NAMES, [text, settings.id_column])
    id_ = settings.id_column or _known(names, ID_NAMES, [text, title])
    return Columns(text, id_, title, settings.metadata_columns)


def require_column(source: str, name: str, names: Sequence[str], line: int | None = None) -> None:
    """Raise `SourceFormatError` unless `name` is among `names`."""
    if name not in names:
        raise missing_column(source, f"has no column {name!r}", names, line)


def missing_column(
    source: str, problem: str, names: Sequence[str], line: int | None = None
) -> SourceFormatError:
    """Return the error that names the columns that exist."""
    there = f"its columns are {', '.join(map(repr, names))}" if names else "it has no columns"
    return SourceFormatError(source, f"{problem}; {there}", line)


def _text(
    names: Sequence[str], sample: Sequence[Mapping[str, object]], taken: Sequence[str | None]
) -> str | None:
    known = _known(names, TEXT_NAMES, taken)
    if known or not names:
        return known
    title, id_ = _known(names, TITLE_NAMES, taken), _known(names, ID_NAMES, taken)
    rest = [name for name in names if name not in (*taken, title, id_)]
    return _longest(rest, sample) or title


def _known(names: Sequence[str], known: Sequence[str], taken: Sequence[str | None]) -> str | None:
    free = [name for name in names if name not in taken]
    ranks = {name: known.index(key) for name in free if (key := name.strip().lower()) in known}
    return min(ranks, key=ranks.__getitem__, default=None)


def _longest(names: Sequence[str], sample: Sequence[Mapping[str, object]]) -> str | None:
    lengths = {name: sum(_length(record.get(name)) for record in sample) for name in names}
    best = max(names, key=lengths.__getitem__, default=None)
    return best if best is not None and (lengths[best] or not sample) else None


def _length(value: object) -> int:
    is_text = isinstance(value, str) or (isinstance(value, list) and value)
    return len(text_value(value) or "") if is_text else 0
