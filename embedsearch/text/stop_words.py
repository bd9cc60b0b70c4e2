"""Words to leave out, by language, from a file, or as given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, SourceFormatError, SourceNotFoundError
from embedsearch.text.tokenizers.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterable


def resolve_stop_words(spec: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the words that `spec` means, folded, in lower case and sorted.

    Args:
        spec: A language by its name or code ("english", "en"), from the stop-words package;
            "@FILE", a UTF-8 file with a word on each line; the words themselves; or None for
            no words.

    Raises:
        ParameterError: There is no list for this language.
        SourceNotFoundError: The file does not exist or cannot be opened.
        SourceFormatError: The file is not text in UTF-8.
    """
    if spec is None:
        return ()
    words = _named(spec) if isinstance(spec, str) else spec
    folded = (fold(word).strip().lower() for word in words)
    return tuple(sorted({word for word in folded if word}))


def _named(spec: str) -> list[str]:
    return _from_file(Path(spec[1:])) if spec.startswith("@") else _of_language(spec)


def _from_file(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SourceFormatError(path, "stop words must be text in UTF-8") from error
    except OSError as error:
        reason = f"the file of stop words cannot be opened ({error.strerror})"
        raise SourceNotFoundError(path, reason) from error


def _of_language(language: str) -> list[str]:
    from stop_words import LANGUAGE_MAPPING, StopWordError, get_stop_words

    try:
        return list(get_stop_words(language.lower()))
    except StopWordError as error:
        known = ", ".join(sorted(LANGUAGE_MAPPING.values()))
        allowed = f"@FILE, a list of words, or one of {known}"
        raise ParameterError("stop_words", allowed, language) from error
