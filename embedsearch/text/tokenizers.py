"""Tokenizers: text into tokens."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from embedsearch._errors import InputError, ParameterError
from embedsearch.text.folding import fold
from embedsearch.text.settings import PLUGIN_GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from embedsearch.text.settings import TokenizerSettings


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
    if settings.pattern is not None:
        return regexp_tokenizer(settings.pattern)
    return _NLTK[name]() if name in _NLTK else load_plugin(name)


# Hyphen, apostrophe, the middle dot of Catalan, geresh and gershayim of Hebrew.
_JOINER = "[-'\u00b7\u05f3\u05f4]"
# A flag is two regional indicators.
_EMOJI = "[\U0001f1e6-\U0001f1ff]{2}|[\u2600-\u26ff\u2702-\u27b0\U0001f300-\U0001faff]"
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
    - Chinese, Japanese, Thai, Lao, Khmer and Burmese come out as overlapping pairs (see
      `space_out`); katakana and Korean words stay whole.

    No word is left out for its length, and every letter of the folded text is in some token.
    """

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` in order; they are slices of `fold(text)`."""
        return cut_words(fold(text))


def cut_words(folded: str) -> list[str]:
    """Return the tokens of a text that `fold` has been through already."""
    if folded.isascii():
        return _ascii_words().findall(folded)
    spaced = space_out(folded)
    words = _every_word() if _BEYOND.search(spaced) else _plane_words()
    return words.findall(spaced)


@cache
def _ascii_words() -> re.Pattern[str]:
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


_IDEOGRAPHS = (
    "\u3005-\u3007\u3041-\u309a\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af"
)
_SYLLABIC = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ece\u0edc-\u0edf"  # Lao
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a-\uaa7f"
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer; the line above is Burmese
)
# The long vowel sign belongs to katakana, but is written among hiragana too.
_RUN = re.compile(f"[{_IDEOGRAPHS}{_SYLLABIC}][{_IDEOGRAPHS}{_SYLLABIC}\u30fc]*")
_OF_ONE_KIND = re.compile(f"[{_SYLLABIC}]+|[^{_SYLLABIC}]+")
_BEFORE, _AFTER = "\u0e40-\u0e44\u0ec0-\u0ec4", "\u0e30\u0e32\u0e33\u0e45\u0e46\u0eb0\u0eb2\u0eb3"
_STACK, _ASAT = "\u1039\u17d2", "\u103a"
# In these scripts `\w` is a letter and anything else of a run is a mark.
_SYLLABLE = re.compile(
    rf"[{_BEFORE}]?\w[^\w{_STACK}]*(?:[{_STACK}]\w[^\w{_STACK}]*)*"
    rf"(?:[\u1000-\u1021][^\w{_ASAT}{_STACK}]*{_ASAT}[^\w{_STACK}]*(?![{_STACK}]))*"
    rf"[{_AFTER}]*|."
)


def space_out(text: str) -> str:
    """Return `text` with each run of a script without spaces replaced by its pairs, spaced.

    No dictionary is used. Chinese characters and hiragana are paired as Lucene's CJK analyser
    does; Thai, Lao, Khmer and Burmese are paired by written syllable: a consonant with all that
    is attached to it (vowel letters before or after it, its marks, the consonants stacked
    below it, a Burmese consonant silenced by asat). Words of two syllables are therefore tokens;
    longer ones are chains of tokens. A lone character, or a lone syllable, stays as it is.
    """
    return _RUN.sub(_paired, text)


def _paired(run: re.Match[str]) -> str:
    return f" {' '.join(map(_pairs, _OF_ONE_KIND.findall(run[0])))} "


def _pairs(run: str) -> str:
    units = _SYLLABLE.findall(run) if re.match(f"[{_SYLLABIC}]", run) else run
    if len(units) == 1:
        return run
    return " ".join(map(str.__add__, units, units[1:]))


# NLTK gives a call five seconds, so a long text is handed over in pieces.
PIECE = 100_000
_PIECES = re.compile(rf"[\s\S]{{1,{PIECE}}}(?=\s|\Z)|\s*\S+")
# Enough for what treebank and toktok do at the end of a sentence: they cut off the full stop.
_SENTENCE_END = re.compile(r"(?<=\w\w[.!?])\s+|\n+")


class NltkTokenizer:
    """One of NLTK's tokenizers that work without downloaded data; `split` cuts what it can take."""

    def __init__(
        self,
        cut: Callable[[str], list[str]],
        too_slow: Callable[[], InputError],
        split: Callable[[str], Iterable[str]],
    ) -> None:
        self._cut, self._too_slow, self._split = cut, too_slow, split

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens in order."""
        try:
            return [token for part in self._split(text) for token in self._cut(part)]
        except TimeoutError as error:
            raise self._too_slow() from error


def regexp_tokenizer(pattern: str) -> Tokenizer:
    """Return a tokenizer of what a pattern matches, with NLTK's flags (MULTILINE, DOTALL)."""
    from nltk.tokenize import RegexpTokenizer

    tokenizer: Any = RegexpTokenizer(pattern)
    try:
        # NLTK compiles on the first text.
        tokenizer.tokenize("")
    except re.error as error:
        raise ParameterError("pattern", f"a regular expression ({error})", pattern) from error
    allowed = "an expression without repeats inside repeats (this one took too long)"
    return NltkTokenizer(
        tokenizer.tokenize, lambda: ParameterError("pattern", allowed, pattern), pieces
    )


def _tweet_tokenizer() -> Tokenizer:
    """Return a tokenizer that keeps emoticons, handles, hashtags and addresses whole."""
    from nltk.tokenize import TweetTokenizer

    tokenizer: Any = TweetTokenizer()
    return NltkTokenizer(tokenizer.tokenize, lambda: _too_slow("TweetTokenizer"), pieces)


def _sentence_tokenizer(name: str) -> Tokenizer:
    """Return a tokenizer that NLTK made for sentences, given one after the other."""
    import nltk.tokenize

    tokenizer: Any = getattr(nltk.tokenize, name)()
    return NltkTokenizer(tokenizer.tokenize, lambda: _too_slow(name), sentences)


def _too_slow(name: str) -> InputError:
    return InputError(f"a text took NLTK's {name} too long; use another tokenizer")


_NLTK: dict[str, Callable[[], Tokenizer]] = {
    "tweet": _tweet_tokenizer,
    "treebank": lambda: _sentence_tokenizer("TreebankWordTokenizer"),
    "toktok": lambda: _sentence_tokenizer("ToktokTokenizer"),
}


def pieces(text: str) -> Iterator[str]:
    """Yield `text` in pieces of 100,000 characters or a little less, cut before white space.

    A longer run without white space stays whole.
    """
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

    Such a package has an entry point of the group `embedsearch.tokenizers`, whose name is what
    users choose and whose object, called without arguments, returns a `Tokenizer`:

    ```
    [options.entry_points]
    embedsearch.tokenizers =
        sudachi = my_package:SudachiTokenizer
    ```

    A workspace saves the name alone. Only what is installed under this group is ever imported.

    Raises:
        ParameterError: It is not installed, cannot be imported, or is no tokenizer.
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
