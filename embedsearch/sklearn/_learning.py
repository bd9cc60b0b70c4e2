"""Where the word vectors of an encoder come from: texts, a file, or a workspace."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import NotTrainedError, ParameterError
from embedsearch._progress import SilentProgress
from embedsearch.text.phrases import PhraseTable
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import TokenizerSettings, apply_options
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """Word vectors, and how text becomes their words.

    Attributes:
        vectors: The vocabulary and its vectors.
        tokenizer: How text is cut.
        phrases: The words that are joined.
    """

    vectors: WordVectors
    tokenizer: TokenizerSettings
    phrases: PhraseTable

    @property
    def processor(self) -> TextProcessor:
        """Cuts text as that of the vocabulary was cut."""
        return TextProcessor(self.tokenizer, self.phrases)


def learn(texts: list[str], trainer: str, options: Mapping[str, Any]) -> Learned:
    """Train word vectors on texts.

    Args:
        texts: Documents.
        trainer: One of `embedsearch.TRAINERS`.
        options: Settings of training and of tokenizing; None counts as not given.

    Raises:
        CorpusTooSmallError: Fewer than two words are frequent enough.
        ParameterError: A setting is unknown or out of range.
    """
    from embedsearch.training.settings import training_settings
    from embedsearch.training.texts import learn_texts

    tokenizer, rest = _tokenizer(options)
    settings = training_settings(**rest)
    model, phrases = learn_texts(texts, trainer, tokenizer, settings, SilentProgress())
    return Learned(model.vectors, tokenizer, phrases)


def given(vectors: object, options: Mapping[str, Any]) -> Learned:
    """Take word vectors that there are.

    Args:
        vectors: The vectors themselves, a file of them, or the folder of a workspace, whose
            way of cutting text comes with it.
        options: As for `learn`; those of tokenizing say how text is cut, unless a workspace
            says so.

    Raises:
        ParameterError: It is none of these.
        NotTrainedError: The workspace has no vectors.
    """
    if isinstance(vectors, WordVectors):
        return Learned(vectors, _tokenizer(options)[0], PhraseTable())
    if not isinstance(vectors, str | os.PathLike):
        allowed = "WordVectors, or the path of a file of vectors or of a workspace"
        raise ParameterError("vectors", allowed, vectors)
    path = Path(vectors)
    if (path / "workspace.json").exists():
        return _of_workspace(path)
    from embedsearch.vectors.formats.loading import load_vectors

    return Learned(load_vectors(path), _tokenizer(options)[0], PhraseTable())


def _of_workspace(path: Path) -> Learned:
    from embedsearch.workspace.generation import Generation
    from embedsearch.workspace.layout import Layout
    from embedsearch.workspace.state import load_state

    layout = Layout(path)
    state = load_state(layout)
    if state.generation is None:
        advice = f"train it with: embedsearch train -w {path}"
        raise NotTrainedError(path, f"has no word vectors yet; {advice}")
    generation = Generation(layout, state.generation)
    return Learned(generation.vectors, generation.tokenizer, generation.phrases)


def _tokenizer(options: Mapping[str, Any]) -> tuple[TokenizerSettings, dict[str, Any]]:
    """Return the settings of tokenizing that `options` make, and the other options."""
    own = {name: value for name, value in options.items() if value is not None}
    return apply_options(own.pop("tokenizer", "unicode"), own, TokenizerSettings())
