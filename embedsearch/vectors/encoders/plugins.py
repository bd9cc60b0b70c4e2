"""Encoders by name: our adapters, and what other installed packages bring.

A package offers one by an entry point of the group `embedsearch.encoders`, whose name is what
users choose and whose object returns an `embedsearch.vectors.base.Encoder`. It is called
without arguments for the specification `NAME`, and with one string for `NAME:ARGUMENT`. Only
what is installed under this group is ever imported.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from embedsearch._errors import EmbedSearchError, ParameterError
from embedsearch.vectors.encoders.checked import FAILURES, CheckedEncoder

GROUP = "embedsearch.encoders"
_HOME = "embedsearch.vectors.encoders"
_OURS = (
    EntryPoint("model2vec", f"{_HOME}.model2vec:Model2VecEncoder", GROUP),
    EntryPoint(
        "sentence-transformers",
        f"{_HOME}.sentence_transformers:SentenceTransformersEncoder",
        GROUP,
    ),
)


def encoder_names() -> tuple[str, ...]:
    """Return the names of our encoders and of what installed packages offer, sorted."""
    return tuple(sorted({found.name for found in (*_OURS, *entry_points(group=GROUP))}))


def load_encoder(spec: str, vector_size: int | None = None) -> CheckedEncoder:
    """Make the encoder that `spec` names; its errors will call it `spec`.

    Args:
        spec: `NAME` or `NAME:ARGUMENT`, such as `sentence-transformers:models/minilm`.
        vector_size: The dimensions that it must have; None takes those that it has.

    Raises:
        ParameterError: No such encoder is installed, it cannot be loaded, or it is none.
        MissingExtraError: It is one of our adapters, and what it adapts is not installed.
    """
    name, colon, argument = spec.partition(":")
    for found in (*_OURS, *entry_points(group=GROUP)):
        if found.name == name:
            made = _made(found, spec, [argument] if colon else [])
            return _checked(made, found, spec, vector_size)
    allowed = f"NAME or NAME:ARGUMENT, with a name of {', '.join(encoder_names())}"
    raise ParameterError("encoder", allowed, spec)


def _made(found: EntryPoint, spec: str, arguments: list[str]) -> Any:
    try:
        factory = found.load()
    except (ImportError, AttributeError) as error:
        allowed = f"one that can be loaded ({found.value}: {error})"
        raise ParameterError("encoder", allowed, spec) from error
    try:
        return factory(*arguments)
    except EmbedSearchError:
        raise
    except TypeError as error:
        written = found.name if arguments else f"{found.name}:ARGUMENT"
        allowed = f"one that can be made of this; perhaps it is written {written} ({error})"
        raise ParameterError("encoder", allowed, spec) from error
    except FAILURES as error:
        allowed = f"one that can be made ({found.value}: {type(error).__name__}: {error})"
        raise ParameterError("encoder", allowed, spec) from error


def _checked(made: Any, found: EntryPoint, spec: str, vector_size: int | None) -> CheckedEncoder:
    try:
        return CheckedEncoder(made, spec, vector_size=vector_size)
    except ParameterError as error:
        allowed = f"a plug-in with {error.name}: {error.allowed} ({found.value})"
        raise ParameterError("encoder", allowed, spec) from error
