"""Static models of model2vec: a text is the mean of the vectors of its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedsearch._errors import MissingExtraError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import FloatMatrix


class Model2VecEncoder:
    """A model of the package model2vec; documents and queries are encoded alike.

    Texts are cut where the model says, after 512 tokens unless it says otherwise.

    Args:
        model: A folder, as model2vec saves it, or a name on the Hugging Face Hub, which is
            downloaded unless it was before.

    Raises:
        MissingExtraError: model2vec is not installed.
        ParameterError: There is no such model, or it cannot be loaded.
    """

    batch_size = 1024

    def __init__(self, model: str) -> None:
        self._model = _load(model)

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts: (n, d), zeros where no token is known."""
        # Processes of its own would be started from within ours.
        made: FloatMatrix = self._model.encode(list(texts), use_multiprocessing=False)
        return made

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts as documents are."""
        return self.encode_documents(texts)


def _load(model: str) -> Any:
    try:
        from model2vec import StaticModel
    except ImportError as error:
        raise MissingExtraError("the encoder model2vec", "model2vec") from error
    try:
        return StaticModel.from_pretrained(model, force_download=False)
    except Exception as error:
        # The hub's client and the readers of its files each have errors of their own.
        said = str(error).partition("\n")[0]
        allowed = f"a folder or a name of a model2vec model ({type(error).__name__}: {said})"
        raise ParameterError("model", allowed, model) from error
