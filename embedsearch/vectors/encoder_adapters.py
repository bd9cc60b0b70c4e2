"""Adapters for the encoders of other packages: model2vec and sentence-transformers."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import MissingExtraError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedsearch._types import FloatMatrix


class Model2VecEncoder:
    """A static model of model2vec: a text is the mean of the vectors of its tokens.

    `model` is a folder, as model2vec saves it, or a name on the Hugging Face Hub. Texts are cut
    where the model says, after 512 tokens unless it says otherwise.
    """

    batch_size = 1024

    def __init__(self, model: str) -> None:
        try:
            from model2vec import StaticModel
        except ImportError as error:
            raise MissingExtraError("the encoder model2vec", "model2vec") from error
        with _model_errors(model, "model2vec model"):
            self._model: Any = StaticModel.from_pretrained(model, force_download=False)

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts: (n, d), zeros where no token is known."""
        # It would start processes of its own from within ours.
        vectors: FloatMatrix = self._model.encode(list(texts), use_multiprocessing=False)
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts as documents are."""
        return self.encode_documents(texts)


class SentenceTransformersEncoder:
    """A model of sentence-transformers, with the prompts that it has for either side.

    Code that a model brings along is never run: such a model cannot be loaded. Texts longer
    than the model reads are cut by it. `model` is a folder or a name on the Hugging Face Hub;
    `device` is one of torch ("cpu", "cuda:1", "mps").
    """

    # It sorts what it is given by length, so that short texts need not wait for long ones.
    batch_size = 2048

    def __init__(self, model: str, device: str = "cpu", model_batch_size: int = 32) -> None:
        missing = MissingExtraError(
            "the encoder sentence-transformers (5.0 or newer)", "sentence-transformers"
        )
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise missing from error
        if not hasattr(SentenceTransformer, "encode_query"):
            raise missing
        # Else the hub is asked for a folder of the same name.
        local = Path(model).is_dir()
        with _model_errors(model, "model"):
            self._model: Any = SentenceTransformer(
                model, device=device, trust_remote_code=False, local_files_only=local
            )
        self._options: dict[str, Any] = {
            "batch_size": model_batch_size,
            "normalize_embeddings": True,
            "show_progress_bar": False,
            "convert_to_numpy": True,
        }

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts with the model's prompt for documents: (n, d), unit rows."""
        vectors: FloatMatrix = self._model.encode_document(list(texts), **self._options)
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts with the model's prompt for queries: (n, d), unit rows."""
        vectors: FloatMatrix = self._model.encode_query(list(texts), **self._options)
        return vectors


@contextmanager
def _model_errors(model: str, kind: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # torch, transformers, the hub's client and the readers of its files raise their own.
        first = str(error).partition("\n")[0]
        allowed = f"a folder or a name of a {kind} ({type(error).__name__}: {first})"
        raise ParameterError("model", allowed, model) from error
