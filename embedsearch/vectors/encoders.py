"""Encoders of texts: their protocol, checks of what they return, how they are found, two adapters.

A package offers an encoder by an entry point of the group `embedsearch.encoders`, whose name is
what users choose and whose object returns an `Encoder`. It is called without arguments for the
specification `NAME`, and with one string for `NAME:ARGUMENT`. Only what is installed under this
group is ever imported.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from embedsearch._checks import COUNT, check
from embedsearch._errors import EmbedSearchError, MissingExtraError, ParameterError, VectorError
from embedsearch.vectors.arrays import as_measured_matrix, unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from importlib.metadata import EntryPoint

    from embedsearch._types import FloatMatrix

GROUP = "embedsearch.encoders"
BATCH_SIZE = 256
# Not declared as entry points: they are found without an installation, too.
_ADAPTERS = {
    "model2vec": "Model2VecEncoder",
    "sentence-transformers": "SentenceTransformersEncoder",
}
# What clients of APIs and of models raise when they cannot answer.
_FAILURES = (OSError, RuntimeError, ValueError, TypeError, LookupError)


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors; a query and a text that answers it get vectors near each other.

    Many models treat the two sides differently; one that does not gives both methods the same
    body. `CheckedEncoder` checks, converts and scales what they return, so lists of numbers will
    do.

    An encoder may have an attribute `batch_size`, the most texts that it takes at once, such as
    the limit of an API; without it that is 256.

    A class of the user's own, here for a service that answers over HTTP:

    ```python
    class HouseEncoder:
        batch_size = 96

        def __init__(self, address="http://127.0.0.1:8080"):
            self.address = address

        def encode_documents(self, texts):
            return self.ask("passage", texts)

        def encode_queries(self, texts):
            return self.ask("query", texts)

        def ask(self, kind, texts):
            body = json.dumps({"kind": kind, "texts": texts}).encode()
            with urlopen(Request(self.address, body)) as answer:
                return json.load(answer)["vectors"]
    ```

    A package that offers it by name has this in its `setup.cfg`:

    ```
    [options.entry_points]
    embedsearch.encoders =
        house = my_package:HouseEncoder
    ```

    It is then chosen as `house`, or as `house:http://10.0.0.5:8080`: what follows the first
    colon is given to the class.
    """

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts that are searched: (n, d), a row for each, always the same d."""

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts that are searched for: (n, d), of the same d as documents."""


class CheckedEncoder:
    """Gives texts to an encoder in batches; checks what comes back and scales it to length 1.

    It is an `Encoder` itself. `batch_size` and `vector_size` are those of the encoder if they are
    not given.
    """

    def __init__(
        self,
        encoder: Encoder,
        name: str,
        batch_size: int | None = None,
        vector_size: int | None = None,
    ) -> None:
        for method in ("encode_documents", "encode_queries"):
            if not callable(getattr(encoder, method, None)):
                raise ParameterError("encoder", f"one with {method}(texts)", name)
        if batch_size is None:
            batch_size = getattr(encoder, "batch_size", BATCH_SIZE)
        check("batch_size", batch_size, COUNT)
        self.encoder, self.name, self.batch_size = encoder, name, int(batch_size)
        self._vector_size = vector_size

    def __repr__(self) -> str:
        return f"CheckedEncoder({self.name!r})"

    @property
    def vector_size(self) -> int:
        """The number of dimensions, d; one word is encoded to find it out, unless it is known."""
        # APIs have no other way to say it.
        if self._vector_size is None:
            self.encode_documents(["word"])
        return self._vector_size or 0

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts that are searched: (n, d) float32, unit rows, or zeros where it gave zeros.

        Raises:
            VectorError: The encoder failed, or returned another number of vectors, other
                dimensions than before, or no finite numbers; the message names it.
        """
        return self._encode(self.encoder.encode_documents, texts)

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts that are searched for, as `encode_documents` does."""
        return self._encode(self.encoder.encode_queries, texts)

    def _encode(self, encode: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> FloatMatrix:
        checked = _as_texts(texts)
        if not checked:
            return np.zeros((0, self.vector_size), np.float32)
        starts = range(0, len(checked), self.batch_size)
        return np.concatenate([self._batch(encode, checked, start) for start in starts])

    def _batch(
        self, encode: Callable[[Sequence[str]], Any], texts: list[str], start: int
    ) -> FloatMatrix:
        batch = texts[start : start + self.batch_size]
        try:
            returned = encode(batch)
        except EmbedSearchError:
            raise
        except _FAILURES as error:
            reason = f"{type(error).__name__}: {error}"
            raise VectorError(f"the encoder {self.name!r} failed ({reason})") from error
        what = f"what the encoder {self.name!r} returned for the texts from {start} on"
        matrix, norms = as_measured_matrix(returned, what, self._vector_size)
        if len(matrix) != len(batch):
            raise VectorError(
                f"the encoder {self.name!r} returned {len(matrix)} vectors for {len(batch)} texts"
            )
        self._vector_size = matrix.shape[1]
        return unit_rows(matrix, norms)


class PlaceholderEncoder:
    """Stands in for an encoder that cannot be loaded: documents get zeros, a query raises.

    What needs no encoder still works: questions about words, and lexical search.
    """

    def __init__(self, vector_size: int, error: EmbedSearchError) -> None:
        self.vector_size, self.error = vector_size, error

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return zeros, (n, d)."""
        return np.zeros((len(texts), self.vector_size), np.float32)

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:  # noqa: ARG002 - a protocol
        """Raise the error."""
        raise self.error


def missing_encoders(encoders: Iterable[CheckedEncoder]) -> list[str]:
    """Return the names of the encoders that could not be loaded."""
    return [checked.name for checked in encoders if isinstance(checked.encoder, PlaceholderEncoder)]


def check_available(encoders: Iterable[CheckedEncoder]) -> None:
    """Raise the error of the first encoder that could not be loaded."""
    for checked in encoders:
        if isinstance(checked.encoder, PlaceholderEncoder):
            raise checked.encoder.error


def encoder_names() -> tuple[str, ...]:
    """Return the names of our encoders and of what installed packages offer, sorted."""
    return tuple(sorted({point.name for point in _entry_points()}))


def check_encoder(spec: object) -> None:
    """Raise `ParameterError` unless `spec` names an encoder; load nothing."""
    names = encoder_names()
    if not isinstance(spec, str) or spec.partition(":")[0] not in names:
        allowed = f"NAME or NAME:ARGUMENT, with a name of {', '.join(names)}"
        raise ParameterError("encoder", allowed, spec)


def load_encoder(spec: str, vector_size: int | None = None) -> CheckedEncoder:
    """Make the encoder that `spec` names; its errors will call it `spec`."""
    check_encoder(spec)
    name, colon, argument = spec.partition(":")
    point = next(point for point in _entry_points() if point.name == name)
    encoder = _instantiate(point, spec, [argument] if colon else [])
    try:
        return CheckedEncoder(encoder, spec, vector_size=vector_size)
    except ParameterError as error:
        allowed = f"a plug-in with {error.name}: {error.allowed} ({point.value})"
        raise ParameterError("encoder", allowed, spec) from error


def _entry_points() -> Iterator[EntryPoint]:
    # Whoever has no encoder of this kind does not pay for the import.
    from importlib.metadata import EntryPoint, entry_points

    yield from (EntryPoint(name, f"{__name__}:{cls}", GROUP) for name, cls in _ADAPTERS.items())
    yield from entry_points(group=GROUP)


def _instantiate(point: EntryPoint, spec: str, arguments: list[str]) -> Any:
    try:
        factory = point.load()
    except (ImportError, AttributeError) as error:
        allowed = f"one that can be loaded ({point.value}: {error})"
        raise ParameterError("encoder", allowed, spec) from error
    try:
        return factory(*arguments)
    except EmbedSearchError:
        raise
    except TypeError as error:
        usage = point.name if arguments else f"{point.name}:ARGUMENT"
        allowed = f"one that accepts these arguments; perhaps it is written {usage} ({error})"
        raise ParameterError("encoder", allowed, spec) from error
    except _FAILURES as error:
        allowed = f"one that can be started ({point.value}: {type(error).__name__}: {error})"
        raise ParameterError("encoder", allowed, spec) from error


def _as_texts(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise ParameterError("texts", "a list of texts, not one text", texts)
    checked = list(texts)
    for text in checked:
        if not isinstance(text, str):
            raise ParameterError("every text", "a str", text)
    return checked


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


_OPTIONS: dict[str, Any] = {
    "batch_size": 32,
    "normalize_embeddings": True,
    "show_progress_bar": False,
    "convert_to_numpy": True,
}


class SentenceTransformersEncoder:
    """A model of sentence-transformers, with the prompts that it has for either side.

    Code that a model brings along is never run: such a model cannot be loaded. Texts longer
    than the model reads are cut by it. `model` is a folder or a name on the Hugging Face Hub.
    """

    # It sorts what it is given by length, so that short texts need not wait for long ones.
    batch_size = 2048

    def __init__(self, model: str) -> None:
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
                model, device="cpu", trust_remote_code=False, local_files_only=local
            )

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts with the model's prompt for documents: (n, d), unit rows."""
        vectors: FloatMatrix = self._model.encode_document(list(texts), **_OPTIONS)
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts with the model's prompt for queries: (n, d), unit rows."""
        vectors: FloatMatrix = self._model.encode_query(list(texts), **_OPTIONS)
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
