"""Vectors of texts, inferred from what gensim's Doc2Vec has learned."""

from __future__ import annotations

import copy
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.training.doc2vec_state import in_pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.training.doc2vec_state import Doc2VecState


class Inference:
    """Infers vectors as gensim's `infer_vector` does, but always the same for the same words.

    There, the start depends on Python's hash of the text, which differs between processes, and
    the noise on what was inferred before. Here both come from a checksum of the words.

    Args:
        state: What was learned.
    """

    def __init__(self, state: Doc2VecState) -> None:
        self._settings = state.settings
        model = state.settings.untrained()
        model.build_vocab_from_freq(dict(zip(state.words, state.counts.tolist(), strict=True)))
        model.wv.vectors, model.syn1neg = state.inputs, state.outputs
        self._model, self._rows = model, model.wv.key_to_index

    def known(self, tokens: Sequence[str]) -> list[str]:
        """Return the tokens that were learned."""
        return [token for token in tokens if token in self._rows]

    def vector(self, known: Sequence[str], epochs: int) -> FloatVector:
        """Infer the vector of known words `(d,)` in so many passes; zeros where there is none."""
        vector = np.zeros((1, self._settings.vector_size), np.float32)
        if known:
            # A copy, as other threads may infer at the same time.
            model = copy.copy(self._model)
            model.random = self._random(known)
            vector[0] = (model.random.random_sample(vector.shape[1]) - 0.5) / vector.shape[1]
            self._descend(model, in_pieces(known), vector, epochs)
        inferred: FloatVector = vector[0]
        return inferred

    def _random(self, known: Sequence[str]) -> np.random.RandomState:
        rows = np.fromiter(map(self._rows.__getitem__, known), "<i8", len(known))
        # NumPy promises never to change the numbers of this generator.
        return np.random.RandomState(zlib.crc32(rows.tobytes(), self._settings.seed))

    def _descend(
        self, model: Any, pieces: list[Sequence[str]], vector: FloatMatrix, epochs: int
    ) -> None:
        from gensim.models.doc2vec import train_document_dbow, train_document_dm

        settings = self._settings
        step = train_document_dm if settings.dm else train_document_dbow
        fixed: dict[str, Any] = {"learn_words": False, "learn_hidden": False}
        fixed |= {"doctag_vectors": vector, "doctags_lockf": np.ones(1, np.float32)}
        # Working memory must be given: what gensim takes itself, it frees before it is used.
        for name in ("work", "neu1")[: 1 + settings.dm]:
            fixed[name] = np.zeros(settings.vector_size, np.float32)
        for alpha in np.linspace(settings.alpha, settings.min_alpha, epochs).tolist():
            for piece in pieces:
                step(model, piece, [0], alpha, **fixed)
