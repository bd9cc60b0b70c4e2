"""The command-line reference: `python -m embedsearch.cli.reference > docs/cli.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch.cli.main import main
from embedsearch.cli.output import write

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 88
INTRODUCTION = """\
# The command line

This page is generated from `--help` by `python -m embedsearch.cli.reference > docs/cli.md`.

## What is written where

Data goes to standard output. Progress, notes and errors go to standard error.

| exit status | meaning |
|---|---|
| 0 | all went well |
| 1 | something could not be done; standard error has one line that begins with `Error:` |
| 2 | the command was typed wrongly |
| 130 | interrupted by Ctrl-C |
| 141 | the reader of standard output has gone, as in `embedsearch ... \\| head -1` |

## Forms of output

Every question takes `--table` (the default), `--json`, `--jsonl`, `--csv` or `--raw-csv`; the
last one given counts. A table is drawn in full on a terminal and is plain aligned text in a pipe.
Scores are rounded to six decimals in JSON and CSV, and to four in tables. A higher score is always
nearer.

| command | `--json` |
|---|---|
| `neighbors`, `analogy` | `[{"word", "score", "count", "low", "high"}, ...]`, surest first |
| `similarity` | `{"a", "b", "score"}` |
| `odd-one-out` | `{"word", "words"}`: the odd one, and all that were given |
| `closer` | `[{"word"}, ...]`, most frequent first |
| `rank` | `{"a", "b", "rank"}` |
| `words` | `[{"word", "count", "df"}, ...]`, in the order of `--sort` |
| `keywords`, `words --against` | `[{"word", "score", "count", "df", ...}, ...]`, best first |
| `concordance` | `[{"left", "match", "right", "id", "field", "offset"}, ...]` |
| `compare` | `[{"group", "documents", "df", "count", "per_million", "company"}, ...]` |
| `search`, `related` | `[{"id", "score", "title", "snippet", ...}, ...]`, best first |
| `search --group-by` | `[{"group", "hits", "id", "score", ...}, ...]`, best group first |
| `search --facet`, `list --facet` | `[{"value", "documents", "share"}, ...]`, most frequent first |
| `show` | `[{"id", "title", "text", "metadata", "source"}, ...]`, as they were named |
| `list`, `sample` | `[{"id", "title", "text", "metadata"}, ...]`, or the `--columns` |
| `delete` | `{"deleted", "dry_run"}` |
| `duplicates` | `[{"a", "b", "score", "title_a", "title_b"}, ...]`, best first |
| `duplicates --groups` | `[{"documents", "ids", "titles"}, ...]`, largest first |
| `info` | `{"path", "documents", ...}` |
| `corpora list` | `[{"name", "title", ...}, ...]` |
| `corpora show` | `{"name", "title", ...}` |

A document that was found also has its `"metadata"`, its `"source"` (a file, `-`, `corpus:NAME`,
or null), and `"highlights"`: for each word of the snippet that answers a word of the query
`"start"` and `"stop"` in characters, the `"query_word"`, and a `"score"`, 1 for the same word
and less for one that is near in meaning. With `--explain` it
has an `"explanation"`: its `"score"` is the sum of the `"contribution"` of all `"parts"` and of
the `"rest"`.

`--jsonl` writes the same objects one per line. `--csv` has the same names as its header; a cell
that is not a plain value, such as `metadata`, holds JSON.

Documents may come from anybody, so nothing in them, or in the name of a file, can drive the
terminal that it is shown on: control characters, and characters that reorder or hide text, are
written as escapes such as `\\x1b`, in JSON as `\\u001b`, which stands for the same value, and in a
table as `\N{REPLACEMENT CHARACTER}`. In `--csv` a text that a spreadsheet would run as a formula,
because it begins with `=`, `+`, `-`, `@`, a tab or a line break, has an apostrophe before it;
numbers have none. `--raw-csv` writes texts as they are: for programs, not for terminals and
spreadsheets.

## Many queries at once

With `-` in place of the query, every command that asks about words or documents reads queries
from standard input, one per line. Blank lines are left out. The answers carry their queries:

- `--json` writes `[{"query", "results": [...]}, ...]` when all are answered,
- `--jsonl` writes one such object per line, as soon as it is answered,
- `--csv` has `query` as its first column,
- `--table` writes a table below each query.

A query that cannot be answered, for example an unknown word, does not stop the others. The
message goes to standard error and, in JSON, into `"error"` in place of `"results"`; the exit
status is then 1. What else is said of a query goes to standard error and, in JSON, into `"notes"`.

## Environment variables

`EMBEDSEARCH_WORKSPACE` is the workspace where `-w` is not given. Every other option has a
variable too, named by its command: `EMBEDSEARCH_NEIGHBORS_TOPN=5`,
`EMBEDSEARCH_BUILD_VECTOR_SIZE=200`, `EMBEDSEARCH_SEARCH_OUTPUT=json`. `NO_COLOR` turns colours
off.

## Shell completion

Tab completes commands, options and their values, words, ids of documents, fields for `--where`,
corpora and languages after one of these lines, which belongs in the shell's start-up file. Words,
ids and fields are those of the workspace of `-w`, if that stands before them, or of
`EMBEDSEARCH_WORKSPACE`.

```
eval "$(embedsearch completion bash)"      # ~/.bashrc
eval "$(embedsearch completion zsh)"       # ~/.zshrc
embedsearch completion fish | source       # ~/.config/fish/config.fish
```
"""


def reference() -> str:
    """Return the whole page."""
    return "\n".join([INTRODUCTION, *_sections(main, "embedsearch", None)])


def _sections(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    ctx = click.Context(
        command, info_name=name, parent=parent, terminal_width=WIDTH, **command.context_settings
    )
    yield f"## {ctx.command_path}\n\n```\n{command.get_help(ctx)}\n```\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(ctx):
            found = command.get_command(ctx, child)
            if found is not None:
                yield from _sections(found, child, ctx)


if __name__ == "__main__":
    write(reference())
