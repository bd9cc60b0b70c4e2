"""The options and arguments of commands; what is not given is None and left to the library."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import reduce, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsearch import workspace as facade
from embedsearch.cli.progress import make_progress
from embedsearch.workspace import (
    ACCENTS,
    CONFLICTS,
    DIGITS,
    ELISIONS,
    FORMATS,
    SEGMENTATIONS,
    SPLITS,
    TOKENIZERS,
)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Text(click.types.StringParamType):
    """Text that can be stored and compared: not what a shell passes on of broken UTF-8."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text, or fail if it is not Unicode."""
        text = str(super().convert(value, param, ctx))
        decoded = _decoded(text)
        if decoded is None:
            self.fail(f"{text!r} is not text in UTF-8.", param, ctx)
        return decoded

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return what may be meant, by the name of the parameter."""
        from embedsearch.cli.completion import complete

        return complete(ctx, param, incomplete)


class Source(click.Path):
    """A file, a folder, or a corpus of the catalogue."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the corpora for `corpus:`, else let the shell complete files."""
        from embedsearch.cli.completion import complete_corpora

        return complete_corpora(incomplete) or super().shell_complete(ctx, param, incomplete)


def _decoded(text: str) -> str | None:
    """Return text without lone surrogates; None where they stand for no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        pass
    else:
        return text
    try:
        # In the locale C, Python passes on every byte beyond ASCII so.
        return os.fsencode(text).decode()
    except UnicodeError:
        return None


def refuse_broken_text(command: click.Command) -> None:
    """Let all arguments of a command that are text be `Text`; names of files may be any bytes."""
    for parameter in command.params:
        if isinstance(parameter.type, click.types.StringParamType):
            parameter.type = Text()
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            refuse_broken_text(inner)


Decorator = Callable[[Any], Any]
Check = Callable[..., "str | None"]
"""Options by their names to what is wrong with them together; None for nothing."""

_FORMAT_HELP = {
    "json": "Write one JSON value.",
    "jsonl": "Write JSON Lines, one object per line.",
    "csv": "Write CSV with a header, safe for terminals and spreadsheets.",
    "raw-csv": "Write CSV with texts as they are.",
    "table": "Write a table (the default).",
}


def together(*decorators: Decorator) -> Decorator:
    """Make one decorator of several, applied so that the help has their order."""

    def decorate(command: Any) -> Any:
        return reduce(lambda inner, decorator: decorator(inner), reversed(decorators), command)

    return decorate


workspace_option = click.option(
    "-w",
    "--workspace",
    type=click.Path(file_okay=False),
    required=True,
    envvar="EMBEDSEARCH_WORKSPACE",
    show_envvar=True,
    help="Folder of the workspace.",
)


wait_for_build_option = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Wait up to this long if it is being built.  [fail at once]",
)


def on_workspace(mode: str | Callable[..., str] = "r", check: Check | None = None) -> Decorator:
    """Add `--workspace`, and give the command the open workspace in its place.

    To open it also takes `--wait`, which readers get here, and `--durability`, where the command
    has it. `mode` may go by the options; `check` is called before it is opened.
    """

    def decorate(command: Callable[..., Any]) -> Any:
        @wraps(command)
        def run(workspace: str, **options: Any) -> None:
            if check is not None and (message := check(**options)):
                click.get_current_context().fail(message)
            # Only commands that write have `durability`.
            how = {name: options.pop(name) for name in ("wait", "durability") if name in options}
            own = mode if isinstance(mode, str) else mode(**options)
            # In the shell one is open already.
            opened = click.get_current_context().find_object(facade.Workspace)
            if opened is not None and own == opened.mode and opened.path == Path(workspace):
                command(opened, **options)
                return
            with facade.Workspace(workspace, own, **how) as ws:
                command(ws, **options)

        return workspace_option(wait_for_build_option(run) if mode == "r" else run)

    return decorate


def count_option(*flags: str, default: int, help: str, least: int = 1) -> Decorator:  # noqa: A002 - click's name
    """Make an option that counts, with a default that its help shows."""
    kind = click.IntRange(min=least)
    return click.option(
        *flags, type=kind, default=default, show_default=True, metavar="N", help=help
    )


def feedback_option(help: str) -> Decorator:  # noqa: A002 - click's name
    """Make the option of how many hits move a query."""
    return click.option("--feedback", type=click.IntRange(min=0), metavar="N", help=help)


def lean_option(help: str) -> Decorator:  # noqa: A002 - click's name
    """Make the option of how far to lean from words to meaning."""
    steps = click.IntRange(-2, 2)
    return click.option("--lean", type=steps, metavar="STEP", default=0, help=help)


USUAL_SPACE = "lsa-100; words for words alone"
"""The space of points if none is named."""


def encoder_option(usual: str) -> Decorator:
    """Make the option of a space of points; `usual` says which is taken without it."""
    help = f"Whose space: lsa-100, lsa-300, words, ...  [{usual}]"  # noqa: A001 - click's name
    return click.option("--encoder", metavar="NAME", help=help)


def of_option(help: str, kinds: tuple[str, ...] = facade.POINTS) -> Decorator:  # noqa: A002
    """Make the option of which kind of points is meant."""
    kind = click.Choice(kinds)
    return click.option("--of", type=kind, default=kinds[0], show_default=True, help=help)


seed_option = count_option("--seed", default=0, least=0, help="Of the random numbers.")

topn_option = count_option("-k", "--topn", default=10, help="How many to show.")

where_option = click.option(
    "--where",
    metavar="CONDITION",
    help="Only documents whose metadata meet it, such as \"year > 1990 and lang = 'en'\".",
)

method_option = click.option(
    "--method",
    type=click.Choice(["3cosadd", "3cosmul"]),
    default="3cosadd",
    show_default=True,
    help="Add cosines, or multiply them (Levy and Goldberg, 2014).",
)

output_options = together(
    *(
        click.option(f"--{name}", "output", flag_value=name, help=_FORMAT_HELP[name])
        for name in _FORMAT_HELP
    )
)

json_option = click.option("--json", "as_json", is_flag=True, help="Write one JSON value.")

wait_option = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Wait up to this long if another process is writing.  [fail at once]",
)

durability_option = click.option(
    "--durability",
    type=click.Choice(("full", "relaxed")),
    default="full",
    show_default=True,
    help="When a change counts as saved: on the disk, or with the operating system. With relaxed, "
    "the last changes may be lost if the power fails, but not if the process dies.",
)


def quiet_option(command: Callable[..., Any]) -> Any:
    """Add `--quiet`, and give the command a `progress` that keeps to it."""

    @click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
    @wraps(command)
    def run(*arguments: Any, quiet: bool, **options: Any) -> None:
        command(*arguments, progress=make_progress(quiet=quiet), **options)

    return run


sources_argument = click.argument(
    # One that cannot be read is an error of ours, which --skip-errors may leave out.
    "sources",
    nargs=-1,
    required=True,
    type=Source(allow_dash=True, readable=False),
    metavar="SOURCE...",
)

read_options = together(
    click.option("--format", type=click.Choice(FORMATS), help="Format of the sources. [auto]"),
    click.option("--split", type=click.Choice(SPLITS), help="A document of plain text. [file]"),
    click.option("--glob", metavar="PATTERN", help="Which files of a folder to read. [**/*]"),
    click.option(
        "--id-column",
        metavar="NAME",
        help="Column or key of the id; none makes ids from file and row. [guessed]",
    ),
    click.option("--title-column", metavar="NAME", help="Column or key of the title. [guessed]"),
    click.option("--text-column", metavar="NAME", help="Column or key of the text. [guessed]"),
    click.option(
        "--metadata-column",
        "metadata_columns",
        multiple=True,
        metavar="NAME",
        help="Column to keep as metadata; repeat it for more. [all others]",
    ),
    click.option("--encoding", metavar="NAME", help="Encoding of text files. [UTF-8 or detected]"),
    click.option(
        "--delimiter",
        metavar="CHARACTER",
        help="Between the cells of CSV and TSV: a character, or tab, space, ... [detected]",
    ),
)

source_options = together(
    click.option("--id-prefix", metavar="TEXT", help="Prefix of the ids of new documents."),
    click.option(
        "--on-conflict",
        type=click.Choice(CONFLICTS),
        help="If an id belongs to a document of another source: give the new one another id, "
        "fail, or replace the other. [rename]",
    ),
    click.option(
        "--skip-errors",
        is_flag=True,
        default=None,
        help="Leave out a SOURCE that cannot be read, like files of folders.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        default=None,
        help="Fail if any file cannot be read, or not to its end.",
    ),
    click.option(
        "--all-notes",
        is_flag=True,
        default=None,
        help="Name every file that is left out or unusual, not only the first three.",
    ),
    click.option(
        "--report",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Write what could not be read to FILE, as JSON Lines.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Write a report of the changes as JSON."),
)


def _number(flag: str, kind: type, help: str) -> Decorator:  # noqa: A002 - click's name
    return click.option(flag, type=kind, metavar="N", help=help)


tokenizer_options = together(
    click.option("--tokenizer", metavar="NAME", help=f"{', '.join(TOKENIZERS)}. [unicode]"),
    click.option("--pattern", metavar="REGEX", help="A token, for --tokenizer regexp."),
    click.option(
        "--segmentation",
        type=click.Choice(SEGMENTATIONS),
        help="Chinese, Japanese, Thai, Lao, Khmer, Burmese: words that are found in the text, "
        "or pairs of characters. [words]",
    ),
    click.option(
        "--elision",
        type=click.Choice(ELISIONS),
        help="Part l'eau into l' and eau, as the language does. [auto: that of the text]",
    ),
    click.option("--lowercase/--no-lowercase", default=None, help="Fold case. [lowercase]"),
    click.option("--accents", type=click.Choice(ACCENTS), help="Keep or strip accents. [keep]"),
    click.option(
        "--digits",
        type=click.Choice(DIGITS),
        help="Keep digits, make each a zero, or drop numbers. [keep]",
    ),
    click.option(
        "--stop-words",
        metavar="LANGUAGE|@FILE",
        help="Leave out the stop words of a language, or of a file with one word per line.",
    ),
    click.option("--stem", metavar="LANGUAGE", help="Cut words to their Snowball stems."),
    click.option(
        "--phrases",
        metavar="SCORE",
        help="Join words that often occur together (new_york): default or npmi. [none]",
    ),
    _number("--phrase-min-count", int, "Rarer pairs are no phrases. [10]"),
    _number("--phrase-threshold", float, "Least score of a phrase. [200, or 0.6 for npmi]"),
    _number("--phrase-passes", int, "2 gives phrases of up to four words. [1]"),
)


training_options = together(
    click.option(
        "--trainer",
        metavar="NAME",
        help="auto, word2vec, fasttext, ppmi, gensim or gensim-fasttext. [auto]",
    ),
    _number("--vector-size", int, "Dimensions of a vector. [by corpus]"),
    _number("--window", int, "Largest distance between a word and its context. [by corpus]"),
    _number("--min-count", int, "Rarer words get no vector. [by corpus]"),
    _number("--max-final-vocab", int, "At most this many words. [no limit]"),
    _number("--epochs", int, "Passes over the corpus. [by corpus]"),
    click.option("--sg/--cbow", default=None, help="Skip-gram or CBOW. [sg]"),
    click.option("--hs/--no-hs", default=None, help="Hierarchical softmax (gensim). [no-hs]"),
    _number("--negative", int, "Noise words for each word. [by corpus]"),
    _number("--ns-exponent", float, "Power of the counts that noise is drawn by. [0.75]"),
    click.option("--cbow-mean/--cbow-sum", default=None, help="Context of CBOW. [mean]"),
    _number("--sample", float, "Thin out words more frequent than this share. [by corpus]"),
    _number("--alpha", float, "Learning rate at the start. [by corpus]"),
    _number("--min-alpha", float, "Learning rate at the end. [0.0001]"),
    _number("--workers", int, "Threads. [1 for small corpora, else all processors]"),
    click.option(
        "--deterministic/--no-deterministic",
        default=None,
        help="The same vectors on every run even with several workers, at a third of the speed.",
    ),
    _number("--patience", int, "Stop after this many epochs without a better loss. [never]"),
    _number("--seed", int, "Seed of the random numbers. [1]"),
    _number("--min-n", int, "Shortest character n-gram of FastText. [3]"),
    _number("--max-n", int, "Longest character n-gram of FastText. [6]"),
    _number("--bucket", int, "Rows for FastText's n-grams. [by corpus]"),
)


search_options = together(
    click.option(
        "--encoder",
        "encoders",
        multiple=True,
        metavar="NAME[:ARGUMENT]",
        help="Encoder to search with, beside our own: model2vec:FOLDER, "
        "sentence-transformers:MODEL, or one of an installed package. Repeat it for more; "
        "none removes them. [none]",
    ),
    click.option(
        "--language",
        metavar="NAME",
        help="Language of stop words and stems in search, such as english, or none. [detected]",
    ),
)

index_options = together(
    click.option(
        "--spec",
        metavar="NAME",
        help="Index of words and vectors: auto, flat, hnsw, ivf, int8, fp16, pq, ivfpq, rabitq, "
        "or a string of FAISS. [auto]",
    ),
    click.option(
        "--recall",
        type=click.FloatRange(min=0, max=1, min_open=True),
        metavar="SHARE",
        help="Of the 10 nearest, what share auto must find. Without, it is exact up to 100 million "
        "numbers.",
    ),
    click.option(
        "--memory", metavar="SIZE", help="The most that auto may use, such as 500MB. [no limit]"
    ),
    click.option(
        "--for",
        "for_",
        type=click.Choice(["single", "batch"]),
        help="What auto makes fast: queries one at a time, or many at once. [single]",
    ),
)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Keep the options that were given, with stop words resolved to words."""
    kept = {name: value for name, value in options.items() if value not in (None, ())}
    if kept.get("encoders") == ("none",):
        kept["encoders"] = ()
    if "stop_words" in kept:
        kept["stop_words"] = facade.resolve_stop_words(kept["stop_words"])
    return kept
