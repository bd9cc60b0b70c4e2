"""The settings of reading, of tokenizing and of phrases, checked where they enter."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from embedsearch._checks import (
    BOOLEAN,
    STRING,
    Choice,
    Instance,
    Interval,
    Optional,
    as_integer,
    check,
    check_fields,
)
from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedsearch._checks import Constraint

FORMATS = (
    "auto", "text", "jsonl", "csv", "tsv", "markdown", "html", "xml", "mediawiki", "pdf", "docx",
    "odt", "epub", "eml", "mbox", "notebook", "parquet",
)  # fmt: skip
SPLITS = ("file", "line", "paragraph")
CONFLICTS = ("rename", "error", "replace")
NO_ID_COLUMN = "none"
"""In place of a column: ids are made, whatever the source gives."""

DICTIONARIES = {"jieba": "chinese", "fugashi": "japanese", "pythainlp": "thai"}
"""Tokenizers that cut as "unicode" does, but one language by a dictionary; and their extras."""
TOKENIZERS = ("unicode", "regexp", "treebank", "tweet", "toktok", *DICTIONARIES)
PLUGIN_GROUP = "embedsearch.tokenizers"
"""The group of entry points by which other packages offer tokenizers."""
SEGMENTATIONS = ("words", "pairs")
ELIDED = {
    "catalan": ("d", "l", "m", "n", "s", "t"),
    "french": (
        *("c", "d", "j", "l", "m", "n", "qu", "s", "t"),
        *("jusqu", "lorsqu", "puisqu", "quoiqu"),
    ),
    "italian": (
        *("c", "d", "l", "m", "n", "s", "t", "un", "v", "all", "coll", "dall", "dell", "nell"),
        *("pell", "sull", "gl", "agl", "dagl", "degl", "negl", "sugl", "anch", "bell", "com"),
        *("dov", "nessun", "quell", "quest", "senz", "tutt"),
    ),
    "occitan": ("c", "d", "j", "l", "m", "n", "qu", "s", "t", "v"),
}
"""Words that lose their vowel before another one, by language, as they are then written."""
ELISIONS = ("auto", "none", *ELIDED)
ACCENTS = ("keep", "strip")
DIGITS = ("keep", "zero", "drop")
FOLDING = 2
"""The version of `embedsearch.text.folding.fold`; a workspace says by which one it was made."""

SCORINGS = ("default", "npmi")
MOST_CONNECTORS = 50
"""Few enough that two words and two connectors between them are one 64-bit key."""
CONNECTORS = {
    "english": (
        *("a", "an", "and", "as", "at", "by", "for", "from"),
        *("in", "of", "on", "or", "the", "to", "with"),
    ),
}
"""Lists of connectors that have a name."""
_MOST_PASSES = 5  # phrases of up to 32 words
_THRESHOLDS = {"default": 200.0, "npmi": 0.6}
_SCORES = {"default": Interval(0, 1e18), "npmi": Interval(-1, 1)}
_DELIMITERS = {
    "comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " "
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings:
    r"""How sources become documents.

    Attributes:
        format: One of `FORMATS`; "auto" goes by the file's name, then by its first bytes.
        split: What is a document in plain text: the file, a line or a paragraph.
        glob: Which files of a folder are read, for example `"**/*.txt"`; a pattern without `/`
            matches names at any depth.
        id_column: Column or JSON key with the id; None guesses (id, _id, docid, ...), and "none"
            makes ids, unless a column has that name.
        title_column: The same for the title; None guesses.
        text_column: The same for the text; None guesses (text, body, content, abstract, ...).
        metadata_columns: Columns to keep as metadata; None keeps all that are left.
        encoding: Of text files; None reads UTF-8 and detects anything else.
        delimiter: What separates the cells of a table: a character, or "comma", "semicolon",
            "tab" (also `\t`), "pipe" or "space"; becomes the character. None detects it, and is
            a tab in `.tsv`.
        id_prefix: Put before the ids of all new documents, given ones and made ones.
        on_conflict: What happens to a document whose id belongs to another source: "rename"
            gives it another id, "error" adds nothing at all, "replace" replaces the other one.
        skip_errors: Leave out sources that were named and cannot be read, as files of folders.
        strict: Nothing may be left out: a file that cannot be read is an error.
        all_notes: Pass every note on to the listener, not only the first few of each kind.
    """

    _CONSTRAINTS: ClassVar[Mapping[str, Constraint]] = {
        "format": Choice(FORMATS),
        "split": Choice(SPLITS),
        "glob": STRING,
        "id_column": Optional(STRING),
        "title_column": Optional(STRING),
        "text_column": Optional(STRING),
        "encoding": Optional(STRING),
        "on_conflict": Choice(CONFLICTS),
        "id_prefix": STRING,
        "all_notes": BOOLEAN,
    }

    format: str = "auto"
    split: str = "file"
    glob: str = "**/*"
    id_column: str | None = None
    title_column: str | None = None
    text_column: str | None = None
    metadata_columns: tuple[str, ...] | None = None
    encoding: str | None = None
    delimiter: str | None = None
    id_prefix: str = ""
    on_conflict: str = "rename"
    skip_errors: bool = False
    strict: bool = False
    all_notes: bool = False

    def __post_init__(self) -> None:
        check_fields(self, self._CONSTRAINTS)
        if self.delimiter is not None:
            object.__setattr__(self, "delimiter", _delimiter(self.delimiter))
        if self.strict and self.skip_errors:
            raise ParameterError("strict", "given without skip_errors", self.strict)


def _delimiter(given: object) -> str:
    mark = _DELIMITERS.get(given.lower(), given) if isinstance(given, str) else ""
    # What is part of words, around cells or between lines cannot separate cells too.
    in_rows = mark.isalnum() or (mark.isspace() and mark not in "\t ") or mark in "\0\"'\\"
    if len(mark) != 1 or in_rows:
        allowed = "one character that is no letter, digit, line end or quotation mark"
        names = ", ".join(filter(str.isalpha, _DELIMITERS))
        raise ParameterError("delimiter", f"{allowed}, or one of {names}", given)
    return mark


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseSettings:
    """How collocations are found.

    Attributes:
        scoring: "default" is `(count(ab) - min_count) / (count(a) * count(b)) * total`, as in
            word2phrase (Mikolov et al. 2013, "Distributed Representations of Words and Phrases
            and their Compositionality"); gensim multiplies by its distinct words and pairs in
            place of all tokens, so its thresholds are lower. "npmi" is normalised pointwise mutual
            information, from -1 to 1 (Bouma 2009, "Normalized (Pointwise) Mutual Information in
            Collocation Extraction").
        min_count: Rarer pairs are no phrases; neither are pairs of rarer words.
        threshold: Only pairs with a higher score are phrases; None is 200, or 0.6 for npmi.
        passes: After each, phrases are words: two passes give phrases of up to four.
        connectors: Words that may stand inside a phrase, up to two at a place, but neither
            begin nor end it: with `of` and `the`, `lord of the rings` is scored as a pair.
            `CONNECTORS` has a list.
    """

    scoring: str = "default"
    min_count: int = 10
    threshold: float | None = None
    passes: int = 1
    connectors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Errors use the names of `TokenizerSettings`, which are those that users give.
        check("phrases", self.scoring, Choice(SCORINGS))
        # Counts are 32-bit in the kernel.
        check("phrase_min_count", self.min_count, Interval(1, 2**31 - 1, whole=True))
        check("phrase_passes", self.passes, Interval(1, _MOST_PASSES, whole=True))
        check("phrase_threshold", self.threshold, Optional(_SCORES[self.scoring]))
        if len(set(self.connectors)) > MOST_CONNECTORS:
            allowed = f"at most {MOST_CONNECTORS} words"
            raise ParameterError("phrase_connectors", allowed, len(set(self.connectors)))

    @property
    def least_score(self) -> float:
        """The threshold in use."""
        return _THRESHOLDS[self.scoring] if self.threshold is None else self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerSettings:
    """How text becomes tokens; saved with the workspace, so that queries are treated alike.

    Attributes:
        tokenizer: One of `TOKENIZERS`, of which all but the first are NLTK's, or the name of
            an installed plug-in (`embedsearch.text.tokenizers.load_plugin`).
        pattern: The regular expression of a token, for `tokenizer="regexp"` alone; without
            capturing groups, and not one that matches nothing at all. Repeats inside repeats
            can take time without end: it is run as it is given.
        lowercase: Fold case (`str.lower`).
        accents: "keep", or "strip" combining marks (é becomes e).
        digits: "keep", "zero" (2026 becomes 0000) or "drop" tokens with digits and no letters.
        stop_words: Words left out, already resolved to a sorted tuple of words.
        stem: A Snowball language such as "english", or None.
        phrases: "default" or "npmi" joins words that often follow each other (`new_york`), by
            that score; None joins none. This and what follows is as in `PhraseSettings`.
        phrase_min_count: Rarer pairs are no phrases.
        phrase_threshold: Only pairs with a higher score are phrases.
        phrase_passes: Two passes give phrases of up to four words.
        segmentation: How the tokenizer "unicode" cuts Chinese, Japanese, Thai, Lao, Khmer and
            Burmese: into the "words" that a training finds in the corpus (overlapping pairs if
            it has little such text), or into overlapping "pairs". Search always has the pairs.
        elision: The language whose elided words are tokens of their own (`l'écran` is `l'` and
            `écran`): one of `ELIDED`, "none", or "auto", which a training replaces by the
            language of the corpus. Of "unicode" only.
        folding: The version of the spelling rules; there is one.
    """

    tokenizer: str = "unicode"
    pattern: str | None = None
    lowercase: bool = True
    accents: str = "keep"
    digits: str = "keep"
    stop_words: tuple[str, ...] = ()
    stem: str | None = None
    phrases: str | None = None
    phrase_min_count: int = 10
    phrase_threshold: float | None = None
    phrase_passes: int = 1
    segmentation: str = "words"
    elision: str = "auto"
    folding: int = FOLDING

    def __post_init__(self) -> None:
        if self.tokenizer not in TOKENIZERS:
            check("tokenizer", self.tokenizer, Choice(TOKENIZERS + plugin_names()))
        check_fields(
            self,
            {
                "accents": Choice(ACCENTS),
                "digits": Choice(DIGITS),
                "segmentation": Choice(SEGMENTATIONS),
                "elision": Choice(ELISIONS),
            },
        )
        if as_integer(self.folding) != FOLDING:
            raise ParameterError("folding", f"{FOLDING}, the only version", self.folding)
        if (self.pattern is not None) != (self.tokenizer == "regexp"):
            raise ParameterError(
                "pattern", 'given with tokenizer="regexp" and only then', self.pattern
            )
        if self.pattern is not None:
            _check_pattern(self.pattern)
        _ = self.phrase_settings

    @property
    def finds_words(self) -> bool:
        """Whether a training finds the words of scripts without spaces."""
        return self.tokenizer == "unicode" and self.segmentation == "words"

    @property
    def phrase_settings(self) -> PhraseSettings | None:
        """How phrases are found, or None."""
        if self.phrases is None:
            return None
        return PhraseSettings(
            scoring=self.phrases,
            min_count=self.phrase_min_count,
            threshold=self.phrase_threshold,
            passes=self.phrase_passes,
        )

    def describe(self) -> str:
        """Return one line for people, such as `unicode words, lower case, 174 stop words`."""
        words = f"pattern {self.pattern}" if self.pattern else f"{self.tokenizer} words"
        case = "lower case" if self.lowercase else "case kept"
        steps = {
            "accents stripped": self.accents == "strip",
            "digits as 0": self.digits == "zero",
            "numbers dropped": self.digits == "drop",
            f"{len(self.stop_words)} stop words": bool(self.stop_words),
            f"{self.stem} stems": self.stem is not None,
            "phrases": self.phrases is not None,
            f"{self.elision} elision": self.elision in ELIDED,
        }
        return ", ".join([words, case, *(step for step, is_done in steps.items() if is_done)])

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a manifest."""
        return {**asdict(self), "stop_words": list(self.stop_words)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TokenizerSettings:
        """Read what `to_json` wrote; names of later versions are a `ParameterError`."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ParameterError("tokenizer settings", "known names", sorted(unknown))
        # Where they are not named, the corpus was cut before there was a choice.
        before = {"segmentation": "pairs", "elision": "none"}
        stop_words = tuple(values.get("stop_words", ()))
        return cls(**{**before, **values, "stop_words": stop_words})


def plugin_names() -> tuple[str, ...]:
    """Return the names of tokenizers that installed packages offer, sorted."""
    # Importing it takes 20 ms, and only plug-ins need it.
    from importlib.metadata import entry_points

    return tuple(sorted(entry_points(group=PLUGIN_GROUP).names))


def _check_pattern(pattern: str) -> None:
    # NLTK compiles it with these flags.
    try:
        compiled = re.compile(pattern, re.MULTILINE | re.DOTALL)
    except (re.error, RecursionError, OverflowError) as error:
        raise ParameterError("pattern", f"a regular expression ({error})", pattern) from error
    if compiled.groups:
        raise ParameterError("pattern", "without capturing groups: write (?:...)", pattern)
    if compiled.match(""):
        raise ParameterError("pattern", "one that matches no empty text: + in place of *", pattern)


_TOKENIZER = Instance((TokenizerSettings, str), "TokenizerSettings, or the name of a tokenizer")


def apply_options(
    settings: TokenizerSettings | str, options: Mapping[str, Any], default: TokenizerSettings
) -> tuple[TokenizerSettings, dict[str, Any]]:
    """Return settings with the options that belong to them applied, and the other options.

    The name of a tokenizer alone changes `default`. An option of None is not applied.
    """
    check("tokenizer", settings, _TOKENIZER)
    own, rest = _split(TokenizerSettings, options)
    given = {name: value for name, value in own.items() if value is not None}
    if isinstance(settings, str):
        # Together, as some options go with one tokenizer only.
        settings, given = default, {"tokenizer": settings, **given}
    return replace(settings, **given), rest


def extract_settings(
    kind: Any, given: Any, options: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Return settings, those given or else made of the options for them, and the other options."""
    own, rest = _split(kind, options)
    if given is not None and own:
        reason = f"given inside {kind.__name__} or as options, not both"
        raise ParameterError("/".join(own), reason, own)
    if given is None:
        return kind(**own), rest
    check("settings", given, Instance(kind, f"{kind.__name__}, or None"))
    return given, rest


def _split(kind: Any, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    names = {field.name for field in fields(kind)}
    own = {name: value for name, value in options.items() if name in names}
    return own, {name: value for name, value in options.items() if name not in names}
