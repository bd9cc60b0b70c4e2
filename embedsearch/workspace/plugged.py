"""The encoders that a workspace was told to use, as far as they can be loaded here."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from embedsearch._errors import EmbedSearchError, ParameterError, WorkspaceError
from embedsearch.vectors.encoders import (
    CheckedEncoder,
    PlaceholderEncoder,
    encoder_names,
    load_encoder,
)

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch.search.options import SearchSettings
    from embedsearch.text.settings import TokenizerSettings


def load_or_stand_in(spec: str, vector_size: int, workspace: Path) -> CheckedEncoder:
    """Load an encoder; where that fails, return one that says so when it is asked.

    Args:
        spec: `NAME` or `NAME:ARGUMENT`.
        vector_size: Its dimensions.
        workspace: What is searched with it.
    """
    try:
        return load_encoder(spec, vector_size)
    except EmbedSearchError as error:
        without = f"embedsearch index -w {shlex.quote(str(workspace))} --encoder none"
        reason = (
            f"its documents are found with the encoder {spec!r}, which cannot be loaded here: "
            f"{error}. Questions about words and mode 'lexical' go without it; to go without "
            f"it for good: {without}"
        )
        missing = WorkspaceError(workspace, reason)
        missing.__cause__ = error
        return CheckedEncoder(PlaceholderEncoder(vector_size, missing), spec)


def load_encoders(settings: SearchSettings) -> list[CheckedEncoder]:
    """Load the encoders that settings name; see `load_encoder`."""
    return [load_encoder(spec) for spec in settings.encoders]


def check_search(settings: SearchSettings, tokenizer: TokenizerSettings) -> None:
    """Raise `ParameterError` for an encoder or a language that is not known; load nothing."""
    from embedsearch.index.lexical import LexicalAnalyzer

    for spec in settings.encoders:
        if not isinstance(spec, str) or spec.partition(":")[0] not in encoder_names():
            allowed = f"NAME or NAME:ARGUMENT, with a name of {', '.join(encoder_names())}"
            raise ParameterError("encoder", allowed, spec)
    if len(set(settings.encoders)) < len(settings.encoders):
        raise ParameterError("encoders", "different ones", list(settings.encoders))
    if settings.language != "auto":
        LexicalAnalyzer.for_language(settings.language, tokenizer)
