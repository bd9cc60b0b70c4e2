r"""Folders of static embeddings, as model2vec and sentence-transformers save them; read only.

`model.safetensors` has a vector for each token, the tensor `embeddings` (model2vec) or
`embedding.weight` (sentence-transformers). Vectors may be shared: then `mapping` has the row of
each token, and `weights` what that row is multiplied by. Vectors in int8 are taken as they are:
their scale is not in the file, and cosines do not need it.

The tokens are in a `tokenizer.json` of Hugging Face:

- A token that begins a word is the plain word: the mark of a space before it (`▁` of SentencePiece,
  `Ġ` of byte-level BPE) is taken off, and further marks become spaces.
- A piece that only continues a word begins with `##`, as WordPiece has it.
- Special tokens such as `[PAD]`, the token for unknown words, and pieces that are nothing but a
  mark or a part of a character are left out.
"""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._errors import SourceFormatError, SourceNotFoundError
from embedsearch.vectors.formats.base import (
    Block,
    Reading,
    Rest,
    VectorFormat,
    as_float32,
    check_matrix,
    reading,
    row_slices,
)
from embedsearch.vectors.formats.safetensors import open_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.formats.base import LoadOptions


_VECTORS, _TOKENIZER = "model.safetensors", "tokenizer.json"
_TENSORS = ("embeddings", "embedding.weight")
_FOLDERS = (Path(), Path("0_StaticEmbedding"))
_CONTINUES = b"##"
_METASPACE, _BYTE_SPACE = "▁", "Ġ"
_LONE_BYTE = re.compile("<0x[0-9A-F]{2}>")


class Tokens(NamedTuple):
    """The tokens that are words or parts of words."""

    words: list[bytes]
    ids: list[int]  # ascending
    special: int  # special tokens, which were left out
    fragments: int  # tokens without a complete character, which were left out
    size: int  # one more than the highest id of any token


def _read_tokens(path: Path) -> Tokens:
    """Read the vocabulary: WordPiece, BPE, WordLevel or Unigram."""
    tokenizer = _parse_json(path)
    try:
        vocabulary, special = _vocabulary(tokenizer)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = f"its vocabulary is not that of a tokenizer ({type(error).__name__}: {error})"
        raise SourceFormatError(path, reason) from error
    spell = _speller(tokenizer, vocabulary)
    words, ids, fragments = [], [], 0
    for token, id in sorted(vocabulary.items(), key=lambda item: item[1]):
        if token in special:
            continue
        word = spell(token)
        if word is None:
            fragments += 1
        else:
            words.append(word)
            ids.append(id)
    return Tokens(words, ids, len(special), fragments, max(vocabulary.values(), default=-1) + 1)


def _parse_json(path: Path) -> Any:
    with reading(path):
        text = path.read_bytes()
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceFormatError(path, f"is not JSON ({error})") from error


def _vocabulary(tokenizer: Any) -> tuple[dict[str, int], set[str]]:
    model = tokenizer["model"]
    vocabulary, special = dict(_pairs(model["vocab"])), set()
    if isinstance(model.get("unk_token"), str):
        special.add(model["unk_token"])
    if type(model.get("unk_id")) is int:
        special.add(model["vocab"][model["unk_id"]][0])
    for added in tokenizer.get("added_tokens") or ():
        vocabulary[added["content"]] = added["id"]
        if added.get("special"):
            special.add(added["content"])
    for token, id in vocabulary.items():
        # A bool is not an id, though an int.
        if not isinstance(token, str) or type(id) is not int or id < 0:
            raise ValueError(f"the token {token!r} has the id {id!r}")
    return vocabulary, special.intersection(vocabulary)


def _pairs(vocabulary: Any) -> Iterator[tuple[str, int]]:
    if isinstance(vocabulary, dict):
        yield from vocabulary.items()
    else:
        # Unigram: pieces with their scores, in the order of their ids.
        yield from ((piece, id) for id, (piece, _) in enumerate(vocabulary))


def _speller(tokenizer: Any, vocabulary: dict[str, int]) -> Any:
    kinds = set(_kinds(tokenizer.get("pre_tokenizer"))) | set(_kinds(tokenizer.get("decoder")))
    if "ByteLevel" in kinds:
        return _spell_bytes
    # Some tokenizers of SentencePiece replace spaces by a normalizer instead.
    if "Metaspace" in kinds or any(token.startswith(_METASPACE) for token in vocabulary):
        return _spell_metaspace
    return _spell_plain


def _kinds(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield str(part.get("type"))
        for name in ("pretokenizers", "decoders"):
            inner = part.get(name)
            for one in inner if isinstance(inner, list) else ():
                yield from _kinds(one)


def _spell_plain(token: str) -> bytes | None:
    # JSON can hold half a character; its bytes are then reported as not UTF-8.
    return token.encode("utf-8", "surrogatepass") or None


def _spell_metaspace(token: str) -> bytes | None:
    if _LONE_BYTE.fullmatch(token):
        return None
    text = token.removeprefix(_METASPACE).replace(_METASPACE, " ")
    word = text.encode("utf-8", "surrogatepass")
    if not word or token.startswith(_METASPACE):
        return word or None
    return _CONTINUES + word


def _spell_bytes(token: str) -> bytes | None:
    alphabet = _byte_alphabet()
    if any(letter not in alphabet for letter in token):
        return _spell_plain(token)  # a token that was added later is written as it is
    word = bytes(alphabet[letter] for letter in token.removeprefix(_BYTE_SPACE))
    try:
        word.decode()
    except UnicodeDecodeError:
        return None
    if not word or token.startswith(_BYTE_SPACE):
        return word or None
    return _CONTINUES + word


@cache
def _byte_alphabet() -> dict[str, int]:
    """Return the character that stands for each byte in byte-level BPE (Radford et al. 2019)."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet = {chr(byte): byte for byte in shown}
    hidden = (byte for byte in range(256) if byte not in set(shown))
    return alphabet | {chr(256 + place): byte for place, byte in enumerate(hidden)}


class _Table(NamedTuple):
    """Vectors, and for each token its row and its weight."""

    vectors: NDArray[Any]
    mapping: NDArray[Any] | None
    weights: NDArray[Any] | None

    def rows(self, ids: IntVector) -> FloatMatrix:
        """Take the vectors of tokens, `(len(ids), d)`."""
        rows = self.vectors[ids if self.mapping is None else self.mapping[ids]]
        if self.weights is None:
            return as_float32(rows)
        return as_float32(rows * self.weights[ids].astype(np.float64)[:, np.newaxis])


def _read(path: Path, options: LoadOptions) -> Reading:
    folder = _folder(path)
    tokens = _read_tokens(folder / _TOKENIZER)
    table = _table(folder / _VECTORS, tokens)
    words, ids = tokens.words[: options.limit], np.array(tokens.ids[: options.limit], np.int64)
    if not words:
        raise SourceFormatError(folder / _TOKENIZER, "holds no words")
    rest = Rest(notes=_notes(tokens, table))
    return Reading(table.vectors.shape[1], len(words), _blocks(words, ids, table), rest)


def _recognises(path: Path, _head: bytes) -> bool:
    return any((path / inner / _TOKENIZER).is_file() for inner in _FOLDERS)


def _folder(path: Path) -> Path:
    if not path.exists():
        raise SourceNotFoundError(path, "there is no such folder")
    found = [path / inner for inner in _FOLDERS if (path / inner / _VECTORS).is_file()]
    if not path.is_dir() or not found:
        reason = f"is not a folder with {_VECTORS} and {_TOKENIZER}"
        raise SourceFormatError(path, reason)
    return found[0]


def _table(path: Path, tokens: Tokens) -> _Table:
    tensors, _ = open_file(path)
    name = next((name for name in _TENSORS if name in tensors), None)
    if name is None:
        found = ", ".join(map(repr, islice(tensors, 3))) or "nothing"
        reason = f"has no tensor 'embeddings' but {found}; only static embeddings can be read"
        raise SourceFormatError(path, reason)
    vectors, mapping, weights = tensors[name], tensors.get("mapping"), tensors.get("weights")
    check_matrix(path, vectors, len(vectors) if vectors.ndim else 0)
    table = _Table(vectors, mapping, weights)
    _check_size(path, table, tokens)
    return table


def _check_size(path: Path, table: _Table, tokens: Tokens) -> None:
    mapping, weights, rows = table.mapping, table.weights, len(table.vectors)
    if mapping is not None and (mapping.dtype.kind not in "iu" or mapping.ndim != 1):
        raise SourceFormatError(path, "the tensor 'mapping' must be whole numbers in one row")
    if weights is not None and (weights.dtype.kind != "f" or weights.ndim != 1):
        raise SourceFormatError(path, "the tensor 'weights' must be real numbers in one row")
    sizes = {"vectors": rows} if mapping is None else {"mapping": len(mapping)}
    if weights is not None:
        sizes["weights"] = len(weights)
    for name, size in sizes.items():
        if size < tokens.size:
            reason = f"{tokens.size:,} tokens, but {name} only for {size:,}"
            raise SourceFormatError(path, f"{reason}; tokenizer.json is not its own")
    if mapping is not None and len(mapping) and not 0 <= mapping.min() <= mapping.max() < rows:
        raise SourceFormatError(path, f"the tensor 'mapping' names rows beyond its {rows:,}")


def _notes(tokens: Tokens, table: _Table) -> list[str]:
    notes = [
        "tokens are words: those that begin a word are written plain, pieces that continue one "
        "begin with ##"
    ]
    if tokens.special:
        notes.append(f"{tokens.special:,} special tokens were left out")
    if tokens.fragments:
        notes.append(f"{tokens.fragments:,} tokens that hold no whole character were left out")
    if table.vectors.dtype.kind != "f":
        notes.append(f"the vectors are {table.vectors.dtype} numbers without their scale")
    return notes


def _blocks(words: list[bytes], ids: IntVector, table: _Table) -> Iterator[Block]:
    for part in row_slices(len(words), table.vectors.shape[1]):
        yield Block(words[part], table.rows(ids[part]), part.start + 1)


FORMAT = VectorFormat("model2vec", "static embeddings folder", (), _read, recognises=_recognises)
