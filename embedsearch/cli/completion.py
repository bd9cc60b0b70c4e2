"""`completion`, and what Tab completes: words, ids, fields, corpora, languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
)

from embedsearch import workspace as facade
from embedsearch._errors import EmbedSearchError
from embedsearch.cli.output import write
from embedsearch.cli.streams import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CORPUS = "corpus:"


class ColonBashComplete(BashComplete):
    """Bash cuts words at colons, which ids and corpora have; it replaces what is after the last."""

    _before = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one at the cursor, and that, with their colons."""
        args, last = super().get_completion_args()
        words = [""]
        for word in [*args, last]:
            if word == ":" or words[-1].endswith(":"):
                words[-1] += word
            else:
                words.append(word)
        *args, incomplete = words[1:]
        self._before = incomplete.removesuffix(last.lstrip(":"))
        return args, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return what bash puts in the place of the word."""
        value = item.value.removeprefix(self._before)
        return super().format_completion(CompletionItem(value, item.type))


add_completion_class(ColonBashComplete)

# By the names of parameters: what a workspace has, and what every workspace has.
_OF_WORKSPACE: dict[str, Callable[[str, str], list[str]]] = {
    **dict.fromkeys(("word", "words", "a", "b"), lambda *given: facade.complete_words(*given)),
    **dict.fromkeys(("id", "ids", "less"), lambda *given: facade.complete_ids(*given)),
    **dict.fromkeys(
        ("what", "minus"),
        lambda *given: [*facade.complete_words(*given), *facade.complete_ids(*given)],
    ),
    "where": lambda *given: facade.complete_fields(*given),
}
_OF_ALL: dict[str, Callable[[str], Sequence[str]]] = {
    "trainer": lambda _: facade.TRAINERS,
    "tokenizer": lambda _: facade.TOKENIZERS,
    "name": lambda _: [entry.name for entry in facade.list_corpora()],
    "language": lambda beginning: ["auto", "none", *facade.complete_languages(beginning)],
    "stop_words": lambda beginning: facade.complete_languages(beginning),
    "stem": lambda beginning: facade.complete_languages(beginning, stems=True),
}


def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what a parameter may be; nothing if that cannot be found out."""
    name, found = str(param.name), list[str]()
    path = ctx.params.get("workspace")
    try:
        if name in _OF_WORKSPACE and path is not None:
            found = _OF_WORKSPACE[name](path, incomplete)
        elif name in _OF_ALL:
            found = [one for one in _OF_ALL[name](incomplete) if one.startswith(incomplete)]
    except (EmbedSearchError, OSError, UnicodeDecodeError):
        # There is nobody to read an error.
        return []
    # An id with a line break would look like two.
    return [CompletionItem(one) for one in found if one == one_line(one)]


def complete_corpora(incomplete: str) -> list[CompletionItem]:
    """Return the corpora of the catalogue as sources; none unless one has begun."""
    if not incomplete.startswith(CORPUS):
        return []
    names = (f"{CORPUS}{entry.name}" for entry in facade.list_corpora())
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Write the script that makes Tab complete in a shell.

    It completes commands, options, words, ids, fields of conditions, corpora and languages.

    \b
    eval "$(embedsearch completion bash)"      in ~/.bashrc
    eval "$(embedsearch completion zsh)"       in ~/.zshrc
    embedsearch completion fish | source       in ~/.config/fish/config.fish
    """  # noqa: D301 - click ends its own wrapping at a backspace
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has these
    root = ctx.find_root().command
    write(kind(root, {}, "embedsearch", "_EMBEDSEARCH_COMPLETE").source() + "\n")
