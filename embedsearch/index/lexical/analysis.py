"""From text to index terms: words, stop words, and the position of each."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from embedsearch._errors import ParameterError
from embedsearch.text.folding import fold, fold_aligned, in_lower_case, strip_accents
from embedsearch.text.languages import NONE, stop_word_languages
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.tokenizers import CACHED_TYPES, EDGES, TextProcessor, resolve_stop_words
from embedsearch.text.unspaced import runs, units

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from embedsearch._types import Document
    from embedsearch.text.phrases import PhraseTable

# The fields of a document: title and text together, the title alone, stop words.
TEXT, TITLE, STOPS = "text", "title", "stops"

# Takes the place of a token in a field that does not hold it, so that positions stay true.
GAP = "\x00"
LONGEST = 65_530
"""Bytes of a term; tantivy drops longer ones, so what is behind them is cut off."""

CACHED_TERMS = 1 << 16
# Quotes, dashes and dots are in no word either.
_SEPARATORS = EDGES.separators + "\u00ab\u00bb\u2013\u2014\u201c\u201d\u201e\u2026"
_BEFORE, _BEHIND = _SEPARATORS + EDGES.leading, _SEPARATORS + EDGES.trailing
_BLANKS = str.maketrans(dict.fromkeys(EDGES.separators, " "))
_JOINTS = re.compile("[-_']")
_ONE_TOKEN = re.compile(r"[A-Za-z0-9]+(?:[-_'][A-Za-z0-9]+)*|[0-9]+(?:[.,:][0-9]+)*")


class Term(NamedTuple):
    """One token as it is indexed."""

    text: str  # what is looked up: a stem, or a stop word as it is; `GAP` if the token is dropped
    stop: bool
    spelling: str  # the token before stemming


Located = tuple[str, int, int, bool]
"""A term as it is looked up, where its word starts and stops, and whether it is a stop word."""


class Fields(NamedTuple):
    """A text as two token streams of equal length, separated by spaces."""

    words: str  # the terms that are scored; a gap for each stop word
    stops: str  # the stop words; a gap for each other term


class LexicalAnalyzer:
    """Turns text into index terms, the same way for documents and for queries.

    The workspace's tokenizer cuts the text. Words joined by hyphens, underscores or apostrophes
    are then split (`boundary-layer` is found by `layer`, `l'avion` by `avion`; a single letter
    next to an apostrophe is dropped), stop words go to a field of their own, the rest is stemmed,
    and accents are removed from the stems. On SciFact splitting words at hyphens raises nDCG@10
    from 0.670 to 0.700. Phrases that the tokenizer's settings would join are not joined. Of scripts
    without spaces search has overlapping pairs, which find a word whatever it was taken for; words
    are counted by the lexicon that a training found: `words` has it, and no phrases.
    """

    def __init__(
        self, settings: TokenizerSettings, language: str = NONE, words: PhraseTable | None = None
    ) -> None:
        self.settings = replace(settings, phrases=None, segmentation="pairs", elision="none")
        self.language, self.finds_words = language, words is not None
        cutting = replace(self.settings, stop_words=(), stem=None, accents="keep", digits="keep")
        self.cutter = TextProcessor(cutting, words)
        self._cut = self.cutter.process
        # Whether what stands between blanks has the same terms by itself.
        self._parted = self.cutter.edges is not None
        self._forms = _Forms(self.settings)

    @classmethod
    def for_language(
        cls, language: str, settings: TokenizerSettings | None = None
    ) -> LexicalAnalyzer:
        """Make the analyser of a language: its stop words, and its Snowball stems if it has any.

        Stop words and a stem that `settings` name win over those of the language.
        """
        settings = settings or TokenizerSettings()
        if language == NONE:
            return cls(settings)
        import Stemmer

        stem = language if language in Stemmer.algorithms() else None
        known = stop_word_languages()
        if stem is None and language not in known:
            raise ParameterError("language", f"none or one of {', '.join(known)}", language)
        words = resolve_stop_words(language) if language in known else ()
        own = replace(settings, stop_words=settings.stop_words or words, stem=settings.stem or stem)
        return cls(own, language)

    def fields(self, text: str) -> Fields:
        """Return the token streams of a text."""
        self._forms.trim()
        tokens = self._cut(text)
        words = " ".join(map(self._forms.__getitem__, tokens))
        if not self.settings.stop_words:
            return Fields(words, "")
        stop_of = self._forms.stops.get
        return Fields(words, " ".join([stop_of(token, GAP) for token in tokens]))

    def forms(self, token: str) -> Fields:
        """Return what one of the `tokens` is in the two streams."""
        self._forms.trim()
        return Fields(self._forms[token], self._forms.stops.get(token, GAP))

    def document_fields(
        self, document: Document, fields: Callable[[str], Fields] | None = None
    ) -> dict[str, str]:
        """Return the token stream of each field of a document; `fields` cuts its texts."""
        fields = fields or self.fields
        title = fields(document.title) if document.title else Fields("", "")
        body = fields(document.text)
        if not title.words:
            return {TITLE: "", TEXT: body.words, STOPS: body.stops}
        # The gap keeps a phrase from running on from the title into the text.
        return {
            TITLE: title.words,
            TEXT: f"{title.words} {GAP} {body.words}",
            STOPS: f"{title.stops} {GAP} {body.stops}",
        }

    def tokens(self, text: str) -> list[str]:
        """Return the words of a text in order, spelled as they are, stop words among them."""
        return self._cut(text)

    def terms_of(self, token: str) -> list[Term]:
        """Return the terms of one of the `tokens`, gaps included."""
        self._forms.trim()
        return self._forms.terms(token)

    def is_stop_word(self, token: str) -> bool:
        """Whether nothing of a token is scored."""
        return all(term.stop or term.text == GAP for term in self.terms_of(token))

    def terms(self, text: str) -> list[Term]:
        """Return the terms of a text in order, gaps included: the index is the position."""
        self._forms.trim()
        return [term for token in self._cut(text) for term in self._forms.terms(token)]

    def words(self, text: str) -> list[str]:
        """Return the terms of a text that are scored, in order."""
        self._forms.trim()
        forms = map(self._forms.__getitem__, self._cut(text))
        return [term for form in forms for term in form.split(" ") if term not in ("", GAP)]

    def parts(self, text: str) -> list[str]:
        """Cut a text at blanks into parts that have the same terms by themselves.

        It is one part if the tokenizer looks over blanks.
        """
        return text.split() if self._parted else [text]

    def plain_parts(self, text: str) -> list[str]:
        """Return `parts` with the same terms, most of them as they are spelled in `tokens`.

        There are fewer different ones.
        """
        if self._parted and text.isascii():
            text = text.lower() if self.settings.lowercase else text
            text = text.translate(_BLANKS).replace(", ", " ").replace(". ", " ")
        return self.parts(text)

    def plain_part(self, part: str) -> str:
        """Return what `plain_parts` makes of one of the `parts`."""
        if not (self._parted and part.isascii()):
            return part
        part = part.lstrip(_BEFORE).rstrip(_BEHIND)
        return part.lower() if self.settings.lowercase else part

    def terms_of_part(self, part: str) -> list[tuple[str, bool]]:
        """Return the terms of a plain part without gaps, and whether each is a stop word."""
        if not (self._parted and _ONE_TOKEN.fullmatch(part)):
            return [(term.text, term.stop) for term in self.terms(part) if term.text != GAP]
        # Most parts are one token, which need not be cut.
        form = self._forms[part]
        if form != GAP and " " not in form:
            return [(form, False)]
        return [(term.text, term.stop) for term in self._forms.terms(part) if term.text != GAP]

    def located(self, text: str, among: Container[str] | None = None) -> Iterator[Located]:
        """Yield the terms of a text and their places, without gaps; only of parts `among` some."""
        self._forms.trim()
        stop = 0
        for part in self.parts(text):
            start = text.index(part, stop)
            stop = start + len(part)
            if among is None or part in among:
                for term, first, end, is_stop in self._located_part(part):
                    yield term, start + first, start + end, is_stop

    def located_terms(self, text: str) -> Iterator[tuple[Term, int, int]]:
        """Yield the terms of a text in order, and where the word of each starts and stops in it."""
        # Most texts are folded as they are, and need no place for each character.
        if fold(text) == text:
            for term, first in _located(text, self.terms(text), not self.finds_words):
                yield term, first, first + len(term.spelling)
            return
        # Terms are spelled as in the folded text, which may be shorter or longer.
        folded, places = fold_aligned(text)
        for term, first in _located(folded, self.terms(folded), not self.finds_words):
            yield term, places[first][0], places[first + len(term.spelling) - 1][1]

    def _located_part(self, part: str) -> tuple[Located, ...]:
        """Return the terms of what stands between blanks, and their places in it."""
        word = part.lstrip(_BEFORE)
        start, word = len(part) - len(word), word.rstrip(_BEHIND)
        if not (self._parted and word.isascii() and word.isalnum()):
            located = self.located_terms(part)
            return tuple((t.text, i, j, t.stop) for t, i, j in located if t.text != GAP)
        # Most parts are one word, which need not be looked for.
        token = word.lower() if self.settings.lowercase else word
        form = self._forms[token]
        if form != GAP:
            return ((form, start, start + len(word), False),)
        stops = [term.text for term in self._forms.terms(token) if term.stop]
        return tuple((text, start, start + len(word), True) for text in stops)

    def term_counts(self, text: str) -> dict[str, tuple[int, str]]:
        """Count the terms of a text that are scored; with each goes its first spelling."""
        self._forms.trim()
        tokens = self._cut(text)
        forms = list(map(self._forms.__getitem__, tokens))
        spellings = dict(zip(reversed(forms), reversed(tokens), strict=True))
        counts: dict[str, tuple[int, str]] = {}
        for form, count in Counter(forms).items():
            for term, spelling in self._split(form, spellings[form]):
                before, first = counts.get(term, (0, spelling))
                counts[term] = before + count, first
        return counts

    def _split(self, form: str, token: str) -> list[tuple[str, str]]:
        if " " not in form:
            return [] if form == GAP else [(form, token)]
        terms = self._forms.terms(token)
        return [(t.text, t.spelling) for t in terms if not t.stop and t.text != GAP]

    def to_json(self) -> dict[str, Any]:
        """Return plain values to store with the index."""
        return {"language": self.language, "tokenizer": self.settings.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> LexicalAnalyzer:
        """Read what `to_json` wrote."""
        return cls(TokenizerSettings.from_json(values["tokenizer"]), values["language"])


class _Forms(dict[str, str]):
    """What each token is in the field of words; `stops` has those that are not just a gap there."""

    def __init__(self, settings: TokenizerSettings) -> None:
        super().__init__()
        self.stops: dict[str, str] = {}
        self._terms: dict[str, list[Term]] = {}
        self._stop_words = frozenset(settings.stop_words)
        self._normalize = TextProcessor(replace(settings, accents="keep")).normalize

    def __missing__(self, token: str) -> str:
        if token.isascii() and token.isalnum() and token.lower() not in self._stop_words:
            # Most words are one term, which is spelled as it is stored.
            form = self._normalize(token) or GAP
            # Some stems gain accents, as Turkish ones that end in ç.
            words = self[token] = _storable(form if form.isascii() else strip_accents(form))
            return words
        terms = self.terms(token)
        stops = " ".join([term.text if term.stop else GAP for term in terms])
        if stops != GAP:
            self.stops[token] = stops
        words = self[token] = " ".join([GAP if term.stop else term.text for term in terms])
        return words

    def terms(self, token: str) -> list[Term]:
        terms = self._terms.get(token)
        if terms is None:
            terms = self._terms[token] = list(map(self._term, self._parts(token)))
        return terms

    def trim(self) -> None:
        """Empty caches that have grown large."""
        if len(self) >= CACHED_TYPES:
            self.clear()
            self.stops.clear()
        if len(self._terms) >= CACHED_TERMS:
            self._terms.clear()

    def _parts(self, token: str) -> list[str]:
        if token.lower() in self._stop_words or not _JOINTS.search(token):
            return [token]
        parts = [part for part in _JOINTS.split(token) if part]
        if "'" not in token:
            return parts
        return [part for part in parts if len(part) > 1 or part.isdigit()] or parts

    def _term(self, part: str) -> Term:
        lowered = part.lower()
        if lowered in self._stop_words:
            return Term(_storable(lowered), True, part)
        return Term(_storable(strip_accents(self._normalize(part) or GAP)), False, part)


def _located(text: str, terms: Iterable[Term], paired: bool) -> Iterator[tuple[Term, int]]:
    """Yield terms and where they stand in the folded text that they were cut from.

    `paired` is whether scripts without spaces are cut into pairs, which overlap.
    """
    lowered = in_lower_case(text)
    start, stop, shared = -1, 0, 0
    for term in terms:
        spelling = term.spelling.lower()
        two = units(spelling) if paired and runs(spelling) == [spelling] else ""
        place = start + shared
        if not (shared and len(two) == 2 and lowered.startswith(spelling, place)):
            place = lowered.find(spelling, stop)
        shared = len(two[0]) if len(two) == 2 else 0
        if place >= 0:
            start, stop = place, place + len(spelling)
            yield term, place


def _storable(term: str) -> str:
    if term.isascii():
        return term[:LONGEST]
    return term.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore")
