"""What scikit-learn hands over as X, as lists of strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import InputError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable


def as_texts(X: Iterable[str]) -> list[str]:
    """Return the texts of X: an iterable of them, or a table of one column.

    Raises:
        ParameterError: X is one text, or has several columns.
        InputError: Something in X is no text; the message says where.
    """
    texts = _as_column(X)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"X holds {text!r} at position {place}, where a text (str) is expected; "
                "replace missing texts by ''"
            )
    return texts


def as_words(X: Iterable[str | None]) -> list[str | None]:
    """Return the words of X: an iterable of them, or a table of one column; None if missing.

    Raises:
        ParameterError: X is one word, or has several columns.
        InputError: Something in X is neither a word nor missing; the message says where.
    """
    words: list[str | None] = []
    for place, word in enumerate(_as_column(X)):
        if isinstance(word, str):
            words.append(word)
        elif _is_missing(word):
            words.append(None)
        else:
            raise InputError(f"X holds {word!r} at position {place}, where a word is expected")
    return words


def _as_column(X: Any) -> list[Any]:
    if isinstance(X, str | bytes):
        raise ParameterError("X", "an iterable of texts, not one text", X)
    shape = getattr(X, "shape", None)
    if shape is not None and (len(shape) > 2 or (len(shape) == 2 and shape[1] != 1)):
        allowed = 'one column of texts (in a ColumnTransformer: "name", not ["name", "other"])'
        raise ParameterError("X", allowed, f"the shape {tuple(shape)}")
    if shape is not None and len(shape) == 2:
        return list(np.asarray(X).ravel())
    try:
        return list(X)
    except TypeError as error:
        raise ParameterError("X", "an iterable of texts", X) from error


def _is_missing(value: object) -> bool:
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    # pandas need not be installed to tell its values that stand for nothing.
    return value is None or type(value).__name__ in ("NAType", "NaTType")
