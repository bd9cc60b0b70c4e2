"""The settings of search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How documents are to be found.

    Attributes:
        encoders: Encoders to plug in beside our own: `NAME` or `NAME:ARGUMENT` each.
        language: Whose stop words and stems the lexical index uses: "auto" finds out, "none"
            has neither.
    """

    encoders: tuple[str, ...] = ()
    language: str = "auto"


def changed_search(
    settings: SearchSettings,
    encoders: Sequence[str] | str | None = None,
    language: str | None = None,
) -> SearchSettings:
    """Return settings with those replaced that are given; None leaves one as it is."""
    if encoders is not None:
        named = (encoders,) if isinstance(encoders, str) else tuple(encoders)
        settings = replace(settings, encoders=named)
    return settings if language is None else replace(settings, language=language)
