"""Models of the package sentence-transformers: networks that read a text as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import MissingExtraError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import FloatMatrix


class SentenceTransformersEncoder:
    """A model of sentence-transformers, with the prompts that it has for either side.

    Code that a model brings along is never run: such a model cannot be loaded. Texts longer
    than the model reads are cut by it.

    Args:
        model: A folder, as sentence-transformers saves it, or a name on the Hugging Face Hub,
            which is downloaded unless it was before.
        device: Where it runs: "cpu", "cuda", "cuda:1", "mps".
        model_batch_size: Texts that go through the network together.

    Raises:
        MissingExtraError: sentence-transformers is not installed, or older than 5.0.
        ParameterError: There is no such model, or it cannot be loaded.
    """

    # It sorts what it is given by length, so that short texts need not wait for long ones.
    batch_size = 2048

    def __init__(self, model: str, device: str = "cpu", model_batch_size: int = 32) -> None:
        self._options: dict[str, Any] = {
            "batch_size": model_batch_size,
            "normalize_embeddings": True,
            "show_progress_bar": False,
            "convert_to_numpy": True,
        }
        self._model = _load(model, device)

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts with the model's prompt for documents: (n, d), unit rows."""
        made: FloatMatrix = self._model.encode_document(list(texts), **self._options)
        return made

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts with the model's prompt for queries: (n, d), unit rows."""
        made: FloatMatrix = self._model.encode_query(list(texts), **self._options)
        return made


def _load(model: str, device: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise _missing() from error
    if not hasattr(SentenceTransformer, "encode_query"):
        raise _missing()
    local = Path(model).is_dir()
    try:
        return SentenceTransformer(
            model, device=device, trust_remote_code=False, local_files_only=local
        )
    except Exception as error:
        # torch, transformers and the hub's client each have errors of their own.
        said = str(error).partition("\n")[0]
        allowed = f"a folder or a name of a model ({type(error).__name__}: {said})"
        raise ParameterError("model", allowed, model) from error


def _missing() -> MissingExtraError:
    return MissingExtraError(
        "the encoder sentence-transformers (5.0 or newer)", "sentence-transformers"
    )
