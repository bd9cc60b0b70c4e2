"""From text to the tokens that are trained on, and from a query word to such a token."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, SourceFormatError, SourceNotFoundError
from embedsearch.text.folding import compose, fold, strip_accents, without_dots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from embedsearch.text.phrases import PhraseTable
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.text.tokenizers import Edges, Tokenizer

CACHED_TYPES = 1 << 18
"""Distinct tokens whose form is remembered; about 200 bytes each."""
_DIGIT = re.compile(r"\d")


class TextProcessor:
    """Turns text into tokens, the same way for a corpus and for queries.

    A token goes through these steps, each only if the settings ask for it: fold what looks
    alike (`embedsearch.text.folding`), white space inside to `_`, lower case, accents, stop
    words, digits, stem. Stop words are thus compared before stemming, without accents if these
    are stripped, and always without regard to case.

    Stems are PyStemmer's, which loads in milliseconds where NLTK takes seconds. It follows newer
    Snowball rules: of the words of the Lee corpus 0.2 % have another stem in NLTK
    (`international` is `internat`, not `intern`; `added` is `add`, not `ad`). What is wrong with a
    tokenizer shows on the first text.
    """

    def __init__(
        self,
        settings: TokenizerSettings,
        phrases: PhraseTable | None = None,
        *,
        cached_types: int = CACHED_TYPES,
    ) -> None:
        self.settings, self.phrases = settings, phrases
        self._stop_words = frozenset(self._spelling(word).lower() for word in settings.stop_words)
        self._stem = _stemmer(settings.stem) if settings.stem else None
        self._forms = _FormCache(self.normalize, cached_types)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the settings, made when first used."""
        from embedsearch.text.tokenizers import make_tokenizer

        return make_tokenizer(self.settings)

    @property
    def edges(self) -> Edges | None:
        """Where a text may be cut without changing the result of `process`, if that is known."""
        if self.settings.tokenizer != "unicode" or self.phrases:
            return None
        from embedsearch.text.tokenizers import EDGES

        return EDGES

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` as the tokenizer cuts them, not yet normalised."""
        return self.tokenizer.tokenize(fold(text))

    def process(self, text: str) -> list[str]:
        """Return the tokens to train on: `tokenize`, then `normalize`, without those dropped.

        Phrases are joined last.
        """
        tokens = self._process(text)
        return self.phrases.apply(tokens) if self.phrases else tokens

    def word(self, word: str) -> str | None:
        """Do what `normalize` does, faster, for a word of ASCII letters and digits."""
        if self.settings.lowercase:
            word = word.lower()
        return self._forms[word] if self._does_more else word

    def _process(self, text: str) -> list[str]:
        if self.settings.tokenizer != "unicode":
            return self._normalized(self.tokenize(text))
        from embedsearch.text.tokenizers import cut_words

        folded = fold(text)
        if not self.settings.lowercase:
            words = cut_words(folded)
        elif (lowered := _lowered(folded)) is not None:
            words = cut_words(lowered)
        else:
            return self._normalized(cut_words(folded))
        return self._normalized(words) if self._does_more else words

    def normalize(self, word: str) -> str | None:
        """Return what a token becomes in the corpus, or None if it is dropped.

        Without a stem, doing it twice changes nothing more; a stem may have a stem of its own.
        """
        # Most words are plain, and this is done to each of a text.
        if not (word.isascii() and word.isalnum()):
            word = self._spelling(word)
        elif self.settings.lowercase:
            word = word.lower()
        if not word or word.lower() in self._stop_words:
            return None
        if self.settings.digits != "keep":
            if self.settings.digits == "drop" and _is_number(word):
                return None
            if self.settings.digits == "zero":
                word = _DIGIT.sub("0", word)
        return self._stem(word) or word if self._stem else word

    @cached_property
    def _does_more(self) -> bool:
        settings = self.settings
        left_alone = settings.accents == settings.digits == "keep"
        return not left_alone or bool(settings.stop_words or settings.stem)

    def _normalized(self, tokens: list[str]) -> list[str]:
        return list(filter(None, map(self._forms.__getitem__, tokens)))

    def _spelling(self, word: str) -> str:
        word = "_".join(fold(word).split())
        if self.settings.lowercase:
            word = compose(without_dots(word.lower()))
        return strip_accents(word) if self.settings.accents == "strip" else word


class _FormCache(dict[str, "str | None"]):
    """Remembers the form of each token; forgets all when it is full."""

    def __init__(self, normalize: Callable[[str], str | None], limit: int) -> None:
        super().__init__()
        self._normalize, self._limit = normalize, limit

    def __missing__(self, token: str) -> str | None:
        if len(self) >= self._limit:
            self.clear()
        form = self[token] = self._normalize(token)
        return form


def _lowered(folded: str) -> str | None:
    """Return the text in lower case, or None if its words must be lowered one by one."""
    # The lower case of a final sigma depends on what follows; dots above i and j go; and a
    # capital may compose with its mark only when it is small.
    if not folded.isascii() and any(mark in folded for mark in "\u03a3\u0130\u0307"):
        return None
    lowered = folded.lower()
    return lowered if compose(lowered) is lowered else None


def _is_number(word: str) -> bool:
    return bool(_DIGIT.search(word)) and not any(map(str.isalpha, word))


def _stemmer(language: str) -> Callable[[str], str]:
    import Stemmer

    if language not in Stemmer.algorithms():
        raise ParameterError("stem", f"one of {', '.join(Stemmer.algorithms())}", language)
    stem: Callable[[str], str] = Stemmer.Stemmer(language, 0).stemWord
    return stem


def resolve_stop_words(spec: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the words that `spec` means, folded, in lower case and sorted.

    Args:
        spec: A language by its name or code ("english", "en"), from the stop-words package;
            "@FILE", a UTF-8 file with a word on each line; the words themselves; or None for
            no words.

    Raises:
        ParameterError: There is no list for this language.
        SourceNotFoundError: The file does not exist or cannot be opened.
        SourceFormatError: The file is not text in UTF-8.
    """
    if spec is None:
        return ()
    if isinstance(spec, str):
        spec = _from_file(Path(spec[1:])) if spec.startswith("@") else _of_language(spec)
    folded = (fold(word).strip().lower() for word in spec)
    return tuple(sorted({word for word in folded if word}))


def _from_file(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SourceFormatError(path, "stop words must be text in UTF-8") from error
    except OSError as error:
        reason = f"the file of stop words cannot be opened ({error.strerror})"
        raise SourceNotFoundError(path, reason) from error


def _of_language(language: str) -> list[str]:
    from stop_words import LANGUAGE_MAPPING, StopWordError, get_stop_words

    try:
        return list(get_stop_words(language.lower()))
    except StopWordError as error:
        known = ", ".join(sorted(LANGUAGE_MAPPING.values()))
        allowed = f"@FILE, a list of words, or one of {known}"
        raise ParameterError("stop_words", allowed, language) from error
