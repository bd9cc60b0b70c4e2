"""Which language a corpus is in, and what the tokenizer takes from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from embedsearch.text.settings import ELIDED
from embedsearch.text.tokenizers import UnicodeTokenizer, resolve_stop_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedsearch.text.settings import TokenizerSettings

NONE = "none"
# Measured: the English list covers 41 to 44 % of English text, 26 % of titles of papers, 5 % of
# titles of an encyclopaedia. Of English text the next list, the Slovak, covers up to 25 %.
LEAST_SHARE, SURE_SHARE = 0.12, 0.25
# Of fewer distinct words, one or two that a list happens to have would choose the language.
_FEWEST_WORDS = 6
_ELIDED = frozenset(chain(*ELIDED.values()))
SAMPLED_TEXTS = 1_000
SAMPLED_CHARACTERS = 2_000
# Of 95 samples of keywords, titles, names and code in 18 languages, pieces of 100 characters gave
# none another language from 200 characters on; names and addresses count as of their country.
_PIECE, _FEWEST, _MOST_PIECES, _AGREEING = 100, 200, 400, 0.8
# ISO 639-1 codes of languages with stems that the lists of stop words lack or name otherwise.
_STEMMED = {
    "cs": "czech",
    "el": "greek",
    "et": "estonian",
    "eo": "esperanto",
    "eu": "basque",
    "fa": "persian",
    "ga": "irish",
    "hy": "armenian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "no": "norwegian",
    "sr": "serbian",
    "ta": "tamil",
}


def detect_language(texts: Iterable[str]) -> str:
    """Return the language that a sample is in, by its stop words or by its other words.

    It is the language whose stop words make up 25 % of the words, if 6 or more differ. If there is
    none, as in titles and keywords, the distinct words are cut into pieces of 100 characters, each
    is classified by byte n-grams (langid: Lui and Baldwin 2012), and the language is that of 80 %
    of the pieces, if it has stop words or stems. Below 200 characters, 12 % of stop words are
    enough. Otherwise it is "none". Of the first 1,000 texts, 2,000 characters each are read.
    """
    counts = _sample(texts)
    total = sum(counts.values()) if len(counts) >= _FEWEST_WORDS else 0
    shares = {
        language: sum(counts[word] for word in resolve_stop_words(language))
        for language in stop_word_languages()
    }
    best = max(shares, key=shares.__getitem__, default=NONE)
    if total and shares[best] >= SURE_SHARE * total:
        return best
    pieces = _pieces(counts)
    if sum(map(len, pieces)) >= _FEWEST:
        return _classified(pieces)
    return best if total and shares[best] >= LEAST_SHARE * total else NONE


def _pieces(words: Iterable[str]) -> list[str]:
    """Join words without digits to pieces; of many, take some from all over."""
    pieces, piece = list[str](), ""
    for word in words:
        if not any(map(str.isdigit, word)):
            piece = f"{piece} {word}" if piece else word
        if len(piece) >= _PIECE:
            pieces.append(piece)
            piece = ""
    pieces += [piece] if piece else []
    return pieces[:: len(pieces) // _MOST_PIECES + 1]


def _classified(pieces: list[str]) -> str:
    import py3langid
    from stop_words import LANGUAGE_MAPPING

    lengths: defaultdict[str, int] = defaultdict(int)
    for piece in pieces:
        lengths[py3langid.classify(piece)[0]] += len(piece)
    code = max(lengths, key=lengths.__getitem__)
    if lengths[code] < _AGREEING * sum(lengths.values()):
        return NONE
    return str({**LANGUAGE_MAPPING, **_STEMMED}.get(code, NONE))


def stop_word_languages() -> tuple[str, ...]:
    """Return the languages that have a list of stop words, sorted."""
    from stop_words import LANGUAGE_MAPPING

    return tuple(sorted(set(LANGUAGE_MAPPING.values())))


def _sample(texts: Iterable[str]) -> Counter[str]:
    tokenize = UnicodeTokenizer().tokenize
    counts: Counter[str] = Counter()
    for text in islice(texts, SAMPLED_TEXTS):
        tokens = tokenize(text[:SAMPLED_CHARACTERS].lower())
        counts.update(part for token in tokens for part in _parts(token))
    return counts


def _parts(token: str) -> tuple[str, ...]:
    """Part what may be an elided word, as lists of stop words have it: l, d, qu."""
    first, apostrophe, rest = token.replace("’", "'").partition("'")
    return (first, rest) if apostrophe and first in _ELIDED else (token,)


def settle_elision(
    settings: TokenizerSettings, texts: Iterable[str], language: str = "auto"
) -> TokenizerSettings:
    """Replace the elision "auto" by that of a language, "auto" being the one that is detected."""
    if settings.elision != "auto":
        return settings
    if settings.tokenizer != "unicode":
        return replace(settings, elision=NONE)
    language = detect_language(texts) if language == "auto" else language
    return replace(settings, elision=language if language in ELIDED else NONE)
