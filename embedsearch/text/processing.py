"""From text to the tokens that are trained on, and from a query word to such a token."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError
from embedsearch.text.tokenizers.folding import compose, fold, strip_accents, without_dots

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedsearch.text.base import Tokenizer
    from embedsearch.text.phrases import PhraseTable
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.text.tokenizers.unicode import Edges

CACHED_TYPES = 1 << 18
_DIGIT = re.compile(r"\d")


class TextProcessor:
    """Turns text into tokens, the same way for a corpus and for queries.

    A token goes through these steps, each only where the settings ask for it: fold what looks
    alike (`embedsearch.text.tokenizers.folding`), white space inside to `_`, lower case,
    accents, stop words, digits, stem. Stop words are thus compared before stemming, without
    accents where these are stripped, and always without regard to case.

    Stems are PyStemmer's, which loads in milliseconds where NLTK takes seconds. It follows newer
    Snowball rules: of the words of the Lee corpus 0.2 % have another stem in NLTK
    (`international` is `internat`, not `intern`; `added` is `add`, not `ad`).

    Args:
        settings: What to do.
        phrases: Pairs of tokens that become one, after all other steps.

    Raises:
        ParameterError: There is no Snowball stemmer of this name. What is wrong with a
            tokenizer shows on the first text.
    """

    def __init__(self, settings: TokenizerSettings, phrases: PhraseTable | None = None) -> None:
        self.settings, self.phrases = settings, phrases
        self._stop_words = frozenset(self._spelling(word).lower() for word in settings.stop_words)
        self._stem = _stemmer(settings.stem) if settings.stem else None
        self._types = _Types(self.normalize)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the settings, made when first used."""
        from embedsearch.text.tokenizers import make_tokenizer

        return make_tokenizer(self.settings)

    @property
    def edges(self) -> Edges | None:
        """Where a text may be cut without changing what `process` gives, if that is known."""
        if self.settings.tokenizer != "unicode" or self.phrases:
            return None
        from embedsearch.text.tokenizers.unicode import EDGES

        return EDGES

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` as the tokenizer cuts them, not yet normalised."""
        return self.tokenizer.tokenize(fold(text, self.settings.folding))

    def process(self, text: str) -> list[str]:
        """Return the tokens to train on: `tokenize`, then `normalize`, without those dropped.

        Phrases are joined last.
        """
        tokens = self._process(text)
        return self.phrases.apply(tokens) if self.phrases else tokens

    def word(self, word: str) -> str | None:
        """Return what `normalize` does, faster, for a word of ASCII letters and digits."""
        if self.settings.lowercase:
            word = word.lower()
        return self._types[word] if self._does_more else word

    def _process(self, text: str) -> list[str]:
        if self.settings.tokenizer != "unicode":
            return self._normalized(self.tokenize(text))
        from embedsearch.text.tokenizers.unicode import cut_words

        folded = fold(text, self.settings.folding)
        if not self.settings.lowercase:
            words = cut_words(folded)
        elif (lowered := _lowered(folded)) is not None:
            words = cut_words(lowered)
        else:
            return self._normalized(cut_words(folded))
        return self._normalized(words) if self._does_more else words

    def normalize(self, word: str) -> str | None:
        """Return what a token becomes in the corpus, or None where it is dropped.

        Without a stem, doing it twice changes nothing more; a stem may have a stem of its own.
        """
        word = self._spelling(word)
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
        return list(filter(None, map(self._types.__getitem__, tokens)))

    def _spelling(self, word: str) -> str:
        if word.isascii() and word.isalnum():
            return word.lower() if self.settings.lowercase else word
        version = self.settings.folding
        word = "_".join(fold(word, version).split())
        if self.settings.lowercase:
            word = compose(word.lower() if version == 1 else without_dots(word.lower()))
        return strip_accents(word) if self.settings.accents == "strip" else word


class _Types(dict[str, "str | None"]):
    """Remembers what each type became; starts anew when it holds `CACHED_TYPES`."""

    def __init__(self, normalize: Callable[[str], str | None]) -> None:
        super().__init__()
        self._normalize = normalize

    def __missing__(self, token: str) -> str | None:
        if len(self) >= CACHED_TYPES:
            self.clear()
        became = self[token] = self._normalize(token)
        return became


def _lowered(folded: str) -> str | None:
    """Return the text in lower case, or None where its words must be lowered one by one."""
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
