"""From text to tokens: the tokenizers, and what becomes of a token in a corpus or a query."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from embedsearch._errors import (
    InputError,
    MissingExtraError,
    ParameterError,
    SourceFormatError,
    SourceNotFoundError,
)
from embedsearch.text.folding import compose, fold, strip_accents, without_dots
from embedsearch.text.phrases import PhraseTable
from embedsearch.text.settings import DICTIONARIES, ELIDED, PLUGIN_GROUP
from embedsearch.text.unspaced import space_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from embedsearch.text.settings import TokenizerSettings

    Segment = Callable[[str], Sequence[str]]


class Tokenizer(Protocol):
    """Cuts text into tokens; what becomes of a token is the processor's business.

    The text has been folded (`embedsearch.text.folding`) and keeps its case.
    """

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` in order; an empty text has none."""


def make_tokenizer(settings: TokenizerSettings) -> Tokenizer:
    """Return the tokenizer that `settings` name; all but the default import a package."""
    name = settings.tokenizer
    if name == "unicode":
        return UnicodeTokenizer()
    if name in DICTIONARIES:
        return UnicodeTokenizer(_dictionary(name))
    return NltkTokenizer(name, settings.pattern) if name in _NLTK else load_plugin(name)


# Hyphen, apostrophe, the middle dot of Catalan, geresh and gershayim of Hebrew.
_JOINER = "[-'\u00b7\u05f3\u05f4]"
# A flag is two regional indicators.
_EMOJI = "[\U0001f1e6-\U0001f1ff]{2}|[\u2600-\u26ff\u2702-\u27b0\U0001f300-\U0001faff]"
# In Latin letters and punctuation are no marks, and no script without spaces.
_BEYOND_LATIN = re.compile("[^\x00-\u02ff\u2000-\u20cf]")
# Nearly no text has these, and the pattern with them takes twice the time.
_BEYOND = re.compile("[\u2600-\u27bf\U00010000-\U0001ffff]")


class Edges(NamedTuple):
    """ASCII characters at which a text may be cut without changing its tokens."""

    separators: str  # these separate tokens whatever stands next to them
    leading: str  # at the start of a text, or behind a separator, these are in no token
    trailing: str  # the same at the end, or before a separator; all of them are leading too


# Left out are < = > (a stroke that follows makes one sign of them), and ^ and `, over which
# lower case looks when it asks whether a sigma is the last letter.
EDGES = Edges("".join(map(chr, range(33))) + '\x7f!"$%&()*/;?@[\\]{|}~', "-'.,:+#", "-'.,:")


class UnicodeTokenizer:
    """Cuts text into words, numbers and emoji; other punctuation and symbols are left out.

    - A word is a run of letters, marks and digits. Hyphens, apostrophes and underscores inside
      it are part of it (`mother-in-law`, `don't`, `new_york`), those around it are not.
    - A number keeps its inner points, commas and colons (`3.14`, `1,000`, `10:30`); so do single
      letters with points between them, without the last one (`U.S.A`, `e.g`).
    - `C++` and `C#`, a letter with that sign behind it, are words; `.NET` is `NET`.
    - Addresses and tags are cut like other text: `jane@example.com` is `jane`, `example`, `com`.
    - An emoji is a token, and so is a flag; joined sequences give their parts.
    - Chinese, Japanese, Thai, Lao, Khmer and Burmese are cut by `segment`, which is given runs of
      these scripts; None makes overlapping pairs (`embedsearch.text.unspaced`). Katakana and
      Korean words stay whole.

    No word is left out for its length, and every letter of the folded text is in some token.
    """

    def __init__(self, segment: Segment | None = None) -> None:
        self.segment = segment

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` in order, slices of `fold(text)`."""
        return cut_words(fold(text), self.segment)


def cut_words(folded: str, segment: Segment | None = None) -> list[str]:
    """Return the tokens of a text that `fold` has been through already."""
    if folded.isascii() or not _BEYOND_LATIN.search(folded):
        return _letters().findall(folded)
    spaced = space_out(folded, segment)
    words = _every_word() if _BEYOND.search(spaced) else _plane_words()
    return words.findall(spaced)


@cache
def _letters() -> re.Pattern[str]:
    """Words of letters and digits, without marks; the others take a while to compile."""
    return re.compile(_word_pattern(r"\w"))


@cache
def _plane_words() -> re.Pattern[str]:
    """Words of the basic plane; letters beyond it are words too, but their marks are not."""
    return re.compile(_word_pattern(r"A-Za-z0-9\w" + _marks(0, 0x10000)))


@cache
def _every_word() -> re.Pattern[str]:
    # Python tests the ranges beyond the basic plane one by one: less than half the speed.
    return re.compile(_word_pattern(r"A-Za-z0-9\w" + _marks(0, 0x20000)) + "|" + _EMOJI)


def _word_pattern(inside: str) -> str:
    """Return the expression of a word whose characters after the first are `[inside]`."""
    part = rf"[^\W_][{inside}]*"
    number = r"[.,:](?<=\d.)(?=\d)"
    initials = rf"\.(?<=\b[^\W\d_]\.)(?=[^\W\d_](?![{inside}]))"
    sign = r"(?:\+\+(?<=\b[^\W\d_]\+\+)|\#(?<=\b[^\W\d_]\#))(?![^\W\d])"
    return rf"{part}(?:(?:{_JOINER}|{number}|{initials}){part})*(?<!_)(?:{sign})?"


def _marks(start: int, stop: int) -> str:
    """Return the combining marks from `start` to `stop` as the inside of a character class.

    For Python a word has letters and digits, but not the marks that Indian vowels are
    written with.
    """
    marks = (code for code in range(start, stop) if unicodedata.category(chr(code))[0] == "M")
    ranges: list[list[int]] = []
    for code in marks:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def _dictionary(name: str) -> Segment:
    """Return what cuts a run of text by the dictionary of another package."""
    try:
        if name == "jieba":
            jieba = import_module("jieba")
            jieba.setLogLevel("WARNING")
            return _strings(jieba.cut)
        if name == "fugashi":
            tagger = import_module("fugashi").Tagger()
            return lambda run: [word.surface for word in tagger(run)]
        return _strings(import_module("pythainlp.tokenize").word_tokenize)
    except (ImportError, RuntimeError) as error:
        # Without a dictionary beside it, fugashi raises a RuntimeError.
        raise MissingExtraError(f"the tokenizer {name}", DICTIONARIES[name]) from error


def _strings(cut: Callable[[str], Iterable[str]]) -> Segment:
    return lambda run: list(cut(run))


# NLTK gives a call five seconds, so a long text is handed over in pieces.
PIECE = 100_000
_PIECES = re.compile(rf"[\s\S]{{1,{PIECE}}}(?=\s|\Z)|\s*\S+")
# Enough for what treebank and toktok do at the end of a sentence: they cut off the full stop.
_SENTENCE_END = re.compile(r"(?<=\w\w[.!?])\s+|\n+")
_NLTK = {
    "regexp": "RegexpTokenizer",
    "treebank": "TreebankWordTokenizer",
    "tweet": "TweetTokenizer",
    "toktok": "ToktokTokenizer",
}


class NltkTokenizer:
    """One of NLTK's tokenizers that work without downloaded data."""

    def __init__(self, name: str, pattern: str | None = None) -> None:
        import nltk.tokenize

        self._name, self._pattern = _NLTK[name], pattern
        self._split = sentences if name in ("treebank", "toktok") else pieces
        make: Any = getattr(nltk.tokenize, self._name)
        try:
            self._cut = (make() if pattern is None else make(pattern)).tokenize
            self._cut("")  # NLTK compiles a pattern on the first text
        except re.error as error:
            raise ParameterError("pattern", f"a regular expression ({error})", pattern) from error

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens in order."""
        try:
            return [token for part in self._split(text) for token in self._cut(part)]
        except TimeoutError as error:
            if self._pattern is None:
                reason = f"a text took NLTK's {self._name} too long; use another tokenizer"
                raise InputError(reason) from error
            allowed = "an expression without repeats inside repeats (this one took too long)"
            raise ParameterError("pattern", allowed, self._pattern) from error


def pieces(text: str) -> Iterator[str]:
    """Yield `text` in pieces of 100,000 characters, longer only where there is no white space."""
    if len(text) <= PIECE:
        yield text
        return
    for piece in _PIECES.finditer(text):
        yield piece[0]


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of `text`, which end with a mark or a line."""
    for piece in pieces(text):
        yield from _SENTENCE_END.split(piece)


def load_plugin(name: str) -> Tokenizer:
    """Import a tokenizer that another package offers, and make one.

    Such a package has an entry point of the group `embedsearch.tokenizers`, such as
    `sudachi = my_package:SudachiTokenizer`, whose object returns a `Tokenizer` if it is called
    without arguments. A workspace saves the name alone, and nothing else is ever imported.
    """
    from importlib.metadata import entry_points

    for found in entry_points(group=PLUGIN_GROUP, name=name):
        try:
            tokenizer = found.load()()
        except (ImportError, AttributeError, TypeError) as error:
            allowed = f"a plug-in that can be loaded ({found.value}: {error})"
            raise ParameterError("tokenizer", allowed, name) from error
        if callable(getattr(tokenizer, "tokenize", None)):
            plugin: Tokenizer = tokenizer
            return plugin
        raise ParameterError("tokenizer", f"a plug-in with tokenize(text) ({found.value})", name)
    raise ParameterError("tokenizer", f"installed in the group {PLUGIN_GROUP}", name)


CACHED_TYPES = 1 << 18
"""Distinct tokens whose form is remembered; about 200 bytes each."""
_DIGIT = re.compile(r"\d")


class TextProcessor:
    """Turns text into tokens, the same way for a corpus and for queries.

    A token goes through these steps, each only if the settings ask for it: fold what looks
    alike (`embedsearch.text.folding`), white space inside to `_`, lower case, accents, stop
    words, digits, stem. Stop words are thus compared before stemming, without accents if these
    are stripped, and always without regard to case.
    """

    def __init__(
        self,
        settings: TokenizerSettings,
        phrases: PhraseTable | None = None,
        *,
        cached_types: int = CACHED_TYPES,
    ) -> None:
        self.settings = settings
        self.phrases = PhraseTable() if phrases is None else phrases
        self._join = self.phrases.apply if self.phrases else None
        stop_words = {self._spelling(word).lower() for word in settings.stop_words}
        self._elided = frozenset(ELIDED.get(settings.elision, ()))
        self._stop_words = stop_words | {f"{word}'" for word in stop_words & self._elided}
        self._stem = _stemmer(settings.stem) if settings.stem else None
        self._forms = _FormCache(self.normalize, cached_types)

    def __reduce__(self) -> tuple[Any, ...]:
        # A stemmer cannot be copied.
        return type(self), (self.settings, self.phrases)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the settings, made when first used."""
        if self.phrases.lexicon:
            return UnicodeTokenizer(self.phrases.lexicon.cut)
        return make_tokenizer(self.settings)

    @property
    def edges(self) -> Edges | None:
        """Where a text may be cut without changing the result of `process`, if that is known."""
        return EDGES if self.settings.tokenizer == "unicode" and not self._join else None

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` as the tokenizer cuts them, not yet normalised."""
        return self._elide(self.tokenizer.tokenize(fold(text)))

    def process(self, text: str) -> list[str]:
        """Return the tokens to train on: `tokenize`, then `normalize`; phrases are joined last."""
        tokens = self._process(text)
        return self._join(tokens) if self._join else tokens

    def word(self, word: str) -> str | None:
        """Do what `normalize` does, faster, for a word of ASCII letters and digits."""
        if self.settings.lowercase:
            word = word.lower()
        return self._forms[word] if self._does_more else word

    def _process(self, text: str) -> list[str]:
        if not isinstance(self.tokenizer, UnicodeTokenizer):
            return self._normalized(self.tokenize(text))
        folded, segment = fold(text), self.tokenizer.segment
        lowered = _lowered(folded) if self.settings.lowercase else folded
        words = self._elide(cut_words(folded if lowered is None else lowered, segment))
        return self._normalized(words) if lowered is None or self._does_more else words

    def _elide(self, tokens: list[str]) -> list[str]:
        """Cut tokens behind a word that has lost its vowel: `d'un` is `d'` and `un`."""
        if not self._elided or not any("'" in token for token in tokens):
            return tokens
        return [part for token in tokens for part in self._elided_parts(token)]

    def _elided_parts(self, token: str) -> list[str]:
        first, apostrophe, rest = token.partition("'")
        if not rest or first.lower() not in self._elided:
            return [token]
        return [first + apostrophe, *self._elided_parts(rest)]

    def lookup(self, word: str) -> str | None:
        """Return what a word that is asked for is in the corpus; of `l'écran`, the last word."""
        parts = self._elided_parts(fold(word)) if self._elided else [word]
        return self.normalize(parts[-1])

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
    # It loads in milliseconds where NLTK takes seconds, and follows newer Snowball rules: 0.2 % of
    # the words of the Lee corpus have another stem in NLTK.
    import Stemmer

    if language not in Stemmer.algorithms():
        raise ParameterError("stem", f"one of {', '.join(Stemmer.algorithms())}", language)
    stem: Callable[[str], str] = Stemmer.Stemmer(language, 0).stemWord
    return stem


def resolve_stop_words(spec: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the words that `spec` means, folded, in lower case and sorted.

    Args:
        spec: A language by its name or code ("english", "en"), from the stop-words package;
            "@FILE", a UTF-8 file with a word on each line; the words themselves; or None.

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
