"""The settings of reading and of tokenizing, checked where they enter."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedsearch.text.phrase_settings import PhraseSettings

FORMATS = (
    "auto", "text", "jsonl", "csv", "tsv", "markdown", "html", "xml", "mediawiki", "pdf", "docx",
    "odt", "epub", "eml", "mbox", "notebook", "parquet",
)  # fmt: skip
SPLITS = ("file", "line", "paragraph")
TOKENIZERS = ("unicode", "regexp", "treebank", "tweet", "toktok")
ACCENTS = ("keep", "strip")
DIGITS = ("keep", "zero", "drop")
FOLDING = 2
"""The version of `fold` that new workspaces are made with."""
_DELIMITERS = {
    "comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " "
}  # fmt: skip
CONFLICTS = ("rename", "error", "replace")
NO_ID_COLUMN = "none"
"""In place of a column: ids are made, whatever the source gives."""


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise `ParameterError` unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ParameterError(name, f"one of {', '.join(allowed)}", value)


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
        delimiter: What stands between the cells of a table: a character, or "comma",
            "semicolon", "tab" (also `\t`), "pipe" or "space"; becomes the character. None
            detects it, and is a tab in `.tsv`.
        id_prefix: Put before the ids of all documents that are new, given ones and made ones.
        on_conflict: What happens to a document whose id belongs to another source: "rename"
            gives it another id, "error" adds nothing at all, "replace" puts it in the place of
            the other.
        skip_errors: Leave out sources that were named and cannot be read, as files of folders.
        strict: Nothing may be left out: if any file cannot be read, that is an error.
    """

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

    def __post_init__(self) -> None:
        check_choice("format", self.format, FORMATS)
        check_choice("split", self.split, SPLITS)
        if self.delimiter is not None:
            object.__setattr__(self, "delimiter", _delimiter(self.delimiter))
        check_choice("on_conflict", self.on_conflict, CONFLICTS)
        if not isinstance(self.id_prefix, str):
            raise ParameterError("id_prefix", "a string", self.id_prefix)
        if self.strict and self.skip_errors:
            raise ParameterError("strict", "given without skip_errors", self.strict)


def _delimiter(given: object) -> str:
    mark = _DELIMITERS.get(given.lower(), given) if isinstance(given, str) else ""
    # What stands in words, around cells or between lines cannot stand between cells too.
    in_rows = mark.isalnum() or (mark.isspace() and mark not in "\t ") or mark in "\0\"'\\"
    if len(mark) != 1 or in_rows:
        allowed = "one character that is no letter, digit, line end or quotation mark"
        names = ", ".join(filter(str.isalpha, _DELIMITERS))
        raise ParameterError("delimiter", f"{allowed}, or one of {names}", given)
    return mark


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerSettings:
    """How text becomes tokens; recorded with the workspace, so queries are treated alike.

    Attributes:
        tokenizer: One of `TOKENIZERS`, of which all but the first are NLTK's, or the name of
            an installed plug-in (`embedsearch.text.tokenizers.plugins`).
        pattern: The regular expression of a token, for `tokenizer="regexp"` alone; without
            capturing groups, and not one that matches nothing at all. Repeats inside repeats
            can take time without end: it is run as it is given.
        lowercase: Fold case (`str.lower`).
        accents: "keep", or "strip" combining marks (é becomes e).
        digits: "keep", "zero" (2026 becomes 0000) or "drop" tokens with digits and no letters.
        stop_words: Words left out, already resolved to a sorted tuple of words.
        stem: A Snowball language such as "english", or None.
        phrases: "default" or "npmi" joins words that often stand together (`new_york`), by
            that score; None joins none. See `embedsearch.text.phrase_settings`.
        phrase_min_count: Rarer pairs are no phrases.
        phrase_threshold: Only pairs with a higher score are phrases; None is 200, or 0.6 for
            "npmi".
        phrase_passes: Two passes give phrases of up to four words.
        folding: The version of `fold`, which makes alike what looks alike; 1 is that of
            workspaces that were made before there were two.
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
    folding: int = FOLDING

    def __post_init__(self) -> None:
        _check_tokenizer(self.tokenizer)
        check_choice("accents", self.accents, ACCENTS)
        check_choice("digits", self.digits, DIGITS)
        if self.folding not in range(1, FOLDING + 1) or isinstance(self.folding, bool):
            raise ParameterError("folding", f"a version from 1 to {FOLDING}", self.folding)
        if (self.pattern is not None) != (self.tokenizer == "regexp"):
            raise ParameterError(
                "pattern", 'given with tokenizer="regexp" and only then', self.pattern
            )
        if self.pattern is not None:
            _check_pattern(self.pattern)
        if self.phrases is not None:
            _ = self.phrase_settings

    @property
    def phrase_settings(self) -> PhraseSettings | None:
        """How phrases are found, or None.

        Raises:
            ParameterError: A setting of phrases is out of its range.
        """
        from embedsearch.text.phrase_settings import PhraseSettings

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
        cut = f"pattern {self.pattern}" if self.pattern else f"{self.tokenizer} words"
        case = "lower case" if self.lowercase else "case kept"
        said = {
            "accents stripped": self.accents == "strip",
            "digits as 0": self.digits == "zero",
            "numbers dropped": self.digits == "drop",
            f"{len(self.stop_words)} stop words": bool(self.stop_words),
            f"{self.stem} stems": self.stem is not None,
            "phrases": self.phrases is not None,
        }
        return ", ".join([cut, case, *(words for words, holds in said.items() if holds)])

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a manifest."""
        values = {**asdict(self), "stop_words": list(self.stop_words)}
        if self.folding == 1:
            # As the first version was written, so that what was made with it still compares equal.
            del values["folding"]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TokenizerSettings:
        """Read what `to_json` wrote, in earlier versions too; names of later ones are an error."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ParameterError("tokenizer settings", "known names", sorted(unknown))
        stop_words = tuple(values.get("stop_words", ()))
        return cls(**{"folding": 1, **values, "stop_words": stop_words})


def _check_tokenizer(name: str) -> None:
    if name in TOKENIZERS:
        return
    from embedsearch.text.tokenizers.plugins import plugin_names

    check_choice("tokenizer", name, TOKENIZERS + plugin_names())


def _check_pattern(pattern: str) -> None:
    try:
        compiled = re.compile(pattern, re.MULTILINE | re.DOTALL)
    except (re.error, RecursionError, OverflowError) as error:
        raise ParameterError("pattern", f"a regular expression ({error})", pattern) from error
    if compiled.groups:
        raise ParameterError("pattern", "without capturing groups: write (?:...)", pattern)
    if compiled.match(""):
        raise ParameterError("pattern", "one that matches no empty text: + in place of *", pattern)


def changed(
    settings: TokenizerSettings | str, options: Mapping[str, Any], default: TokenizerSettings
) -> tuple[TokenizerSettings, dict[str, Any]]:
    """Apply the options that belong to tokenizing; return the settings and the other options.

    Args:
        settings: What to change; the name of a tokenizer alone changes `default`.
        options: By name; None counts as not given.
        default: See `settings`.
    """
    own, rest = _split(TokenizerSettings, options)
    if isinstance(settings, str):
        settings = replace(default, tokenizer=settings)
    given = {name: value for name, value in own.items() if value is not None}
    return replace(settings, **given), rest


def taken_out(kind: Any, given: Any, options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Take the options that belong to a kind of settings out of others.

    Args:
        kind: `ReadSettings` or `TokenizerSettings`.
        given: Such settings, or None; then they are made of the options.
        options: By name.

    Returns:
        The settings, and the other options.
    """
    own, rest = _split(kind, options)
    if given is not None and own:
        reason = f"given inside {kind.__name__} or as options, not both"
        raise ParameterError("/".join(own), reason, own)
    return given if given is not None else kind(**own), rest


def _split(kind: Any, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options that are settings of a kind, and the others."""
    names = {field.name for field in fields(kind)}
    own = {name: value for name, value in options.items() if name in names}
    return own, {name: value for name, value in options.items() if name not in names}
