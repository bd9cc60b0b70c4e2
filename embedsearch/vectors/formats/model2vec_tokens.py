r"""The tokens of a `tokenizer.json` of Hugging Face as words.

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
from typing import TYPE_CHECKING, Any, NamedTuple

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.opening import check_file, reading_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONTINUES = b"##"
_METASPACE, _BYTE_SPACE = "▁", "Ġ"
_LONE_BYTE = re.compile("<0x[0-9A-F]{2}>")


class Tokens(NamedTuple):
    """The tokens that are words or parts of words.

    Attributes:
        words: Their spelling, UTF-8.
        ids: Their numbers, ascending.
        special: How many special tokens were left out.
        fragments: How many tokens without a whole character were left out.
        size: One more than the highest number of any token.
    """

    words: list[bytes]
    ids: list[int]
    special: int
    fragments: int
    size: int


def read_tokens(path: Path) -> Tokens:
    """Read the vocabulary: WordPiece, BPE, WordLevel or Unigram.

    Raises:
        SourceFormatError: Not such a file, or one without a vocabulary.
    """
    tokenizer = _load(path)
    try:
        vocabulary, special = _vocabulary(tokenizer)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = f"its vocabulary is not that of a tokenizer ({type(error).__name__}: {error})"
        raise SourceFormatError(path, reason) from error
    spell = _speller(tokenizer, vocabulary)
    words, ids, fragments = [], [], 0
    for token, number in sorted(vocabulary.items(), key=lambda item: item[1]):
        if token in special:
            continue
        word = spell(token)
        if word is None:
            fragments += 1
        else:
            words.append(word)
            ids.append(number)
    return Tokens(words, ids, len(special), fragments, max(vocabulary.values(), default=-1) + 1)


def _load(path: Path) -> Any:
    with reading_errors(path):
        check_file(path)
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
    for token, number in vocabulary.items():
        if not isinstance(token, str) or type(number) is not int or number < 0:
            raise ValueError(f"the token {token!r} has the number {number!r}")
    return vocabulary, special.intersection(vocabulary)


def _pairs(vocabulary: Any) -> Iterator[tuple[str, int]]:
    if isinstance(vocabulary, dict):
        yield from vocabulary.items()
    else:
        # Unigram: pieces with their scores, numbered as they come.
        yield from ((piece, number) for number, (piece, _) in enumerate(vocabulary))


def _speller(tokenizer: Any, vocabulary: dict[str, int]) -> Any:
    kinds = set(_kinds(tokenizer.get("pre_tokenizer"))) | set(_kinds(tokenizer.get("decoder")))
    if "ByteLevel" in kinds:
        return _spell_bytes
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
