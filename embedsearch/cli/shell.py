"""Lines typed on a terminal, with history and completion where Python has readline."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from contextlib import contextmanager
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsearch._checks import Choice, check
from embedsearch._errors import QueryError
from embedsearch.cli import listing, questions
from embedsearch.cli.info import facts_of
from embedsearch.cli.options import on_workspace, output_options, topn_option
from embedsearch.cli.output import UNANSWERABLE, echo_err, echo_error, read_lines, show, terminal
from embedsearch.cli.streams import one_line
from embedsearch.workspace import SEARCH_MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from embedsearch.cli.output import Answer
    from embedsearch.workspace import Workspace


HISTORY_LINES = 1000


def edited_lines(prompt: str, completions: Callable[[str], list[str]]) -> Iterator[str]:
    """Yield the lines that are typed, until Ctrl-D; Ctrl-C drops the line being typed."""
    with _readline(completions):
        while True:
            try:
                line = input(prompt)
            except KeyboardInterrupt:
                echo_err("")
                continue
            except EOFError:
                echo_err("")
                return
            yield line


def history_file() -> Path:
    """Return where the lines are remembered: in the user's folder for this program."""
    return Path(click.get_app_dir("embedsearch")) / "history"


@contextmanager
def _readline(completions: Callable[[str], list[str]]) -> Iterator[None]:
    try:
        import readline
    except ImportError:  # Windows has none, and edits lines itself
        yield
        return
    found: list[str] = []

    def complete(text: str, state: int) -> str | None:
        if state == 0:
            # readline itself writes them on the terminal.
            found[:] = [word for word in completions(text) if word == one_line(word)]
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    # The usual delimiters would cut words at hyphens.
    readline.set_completer_delims(" \t\n\"'")
    # On macOS, Python may have libedit in place of readline: it binds keys by another syntax.
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
    path = history_file()
    _attempt(readline.read_history_file, path)
    try:
        yield
    finally:
        readline.set_history_length(HISTORY_LINES)
        if _attempt(lambda folder: folder.mkdir(parents=True, exist_ok=True), path.parent):
            _attempt(readline.write_history_file, path)


def _attempt(act: Callable[[Path], None], path: Path) -> bool:
    """Try something with the history, without which the shell works, too."""
    try:
        act(path)
    except OSError:
        return False
    return True


HELP = """\
WORD                    the words nearest to it
king - man + woman      analogy: the words nearest to a sum
? TEXT                  the documents nearest to a text (also: search TEXT, or several words)
related A B ... - C ... the documents like A, B, ..., and less like C, ...
similarity A B          how similar two words are
odd A B C ...           the word that fits the others least
show ID                 a document
list                    the first documents
sample N                documents at random
facet FIELD             how many documents have each value of a field
info                    what the workspace holds
topn N                  show N from now on
mode NAME               search so from now on: auto, lexical, latent, hybrid or rrf
where CONDITION         find only such documents from now on; `where off` finds all
help                    this text
quit                    end (also: exit, Ctrl-D)

neighbors WORD and analogy EXPRESSION ask for words that are also commands."""
# readline asks before it lists more.
MOST_COMPLETIONS = 100
_OPERATOR = re.compile(r"(^|\s)[+-](\s|$)|\*")


class Conversation:
    """Answers lines, one after the other, until `ended`."""

    def __init__(self, ws: Workspace, topn: int = 10, output: str | None = None) -> None:
        self._ws, self._topn, self._output = ws, topn, output
        self._mode = SEARCH_MODES[0]
        self._where: str | None = None
        self.ended = False
        self._alone: dict[str, Callable[[], None]] = {
            "help": lambda: echo_err(*HELP.splitlines()),
            "info": lambda: self._show(facts_of(ws)),
            "list": lambda: self._show(listing.listed(ws, self._topn, where=self._where)),
            "quit": self._end,
            "exit": self._end,
        }
        self._verbs: dict[str, Callable[[str], None]] = {
            "neighbors": lambda word: self._ask(questions.neighbors, word, self._topn),
            "analogy": lambda rest: self._ask(questions.analogy, rest, self._topn),
            "search": self._search,
            "?": self._search,
            "related": self._related,
            "similarity": lambda rest: self._ask(questions.similarity, rest),
            "odd": lambda rest: self._ask(questions.odd_one_out, rest),
            "show": lambda rest: self._ask(listing.show, self._ids(rest)),
            "sample": self._sample,
            "facet": lambda field: self._show(
                listing.listed(ws, self._topn, where=self._where, facet=field)
            ),
            "topn": self._set_topn,
            "mode": self._set_mode,
            "where": self._set_where,
        }

    def answer(self, line: str) -> None:
        """Answer one line."""
        line = line.strip()
        verb, rest = ("?", line[1:]) if line.startswith("?") else _cut(line)
        if line in self._alone:
            self._alone[line]()
        elif verb in self._verbs and rest.strip():
            self._verbs[verb](rest.strip())
        elif _OPERATOR.search(line):
            self._verbs["analogy"](line)
        elif rest:
            self._search(line)
        elif line:
            self._verbs["neighbors"](line)

    def completions(self, beginning: str) -> list[str]:
        """Give the commands and words that begin so, at most `MOST_COMPLETIONS`."""
        commands = [name for name in (*self._verbs, *self._alone) if name.startswith(beginning)]
        start = bisect_left(self._sorted_words, beginning)
        candidates = self._sorted_words[start : start + MOST_COMPLETIONS]
        return [*commands, *takewhile(lambda word: word.startswith(beginning), candidates)]

    @cached_property
    def _sorted_words(self) -> Sequence[str]:
        return [] if self._ws.goes_by_vectors else sorted(self._ws.words.index_to_key)

    def _show(self, answer: Answer) -> None:
        show(answer, self._output)

    def _ask(self, question: questions.Question, query: str, *options: Any) -> None:
        self._show(question.ask(self._ws, query, *options))

    def _search(self, text: str) -> None:
        self._ask(questions.search, text, self._topn, self._mode, self._where)

    def _related(self, rest: str) -> None:
        like, less = [rest], list[str]()
        # An id may have blanks.
        if rest not in self._ws.documents:
            given = questions.split_words(rest)
            cut = given.index("-") if "-" in given else len(given)
            like, less = given[:cut], given[cut + 1 :]
        self._ask(questions.related, "\t".join(like), self._topn, less, (), self._where)

    def _ids(self, rest: str) -> str:
        # An id may have blanks.
        return rest if rest in self._ws.documents else "\t".join(questions.split_words(rest))

    def _sample(self, rest: str) -> None:
        self._show(listing.sampled(self._ws, _whole("sample", rest), where=self._where))

    def _set_topn(self, rest: str) -> None:
        self._topn = _whole("topn", rest)

    def _set_mode(self, rest: str) -> None:
        check("mode", rest, Choice(SEARCH_MODES))
        self._mode = rest

    def _set_where(self, rest: str) -> None:
        self._where = None if rest == "off" else rest

    def _end(self) -> None:
        self.ended = True


def _cut(line: str) -> tuple[str, str]:
    verb, _, rest = line.partition(" ")
    return verb, rest


def _whole(verb: str, rest: str) -> int:
    if not rest.isdecimal() or int(rest) < 1:
        raise QueryError(f"{verb} needs a whole number from 1, got {rest!r}")
    return int(rest)


PROMPT = "embedsearch> "


@click.command()
@on_workspace()
@topn_option
@output_options
def shell(ws: Workspace, topn: int, output: str | None) -> None:
    """Ask questions interactively; `help` lists them.

    On a terminal, Tab completes commands and words, and lines are remembered. Elsewhere every
    line of standard input is answered; the command ends with 1 if one could not be.
    """
    conversation = Conversation(ws, topn=topn, output=output)
    if sys.stdin.isatty() and terminal().isatty():
        _converse(conversation)
    elif not _answer_lines(conversation):
        click.get_current_context().exit(1)


def _converse(conversation: Conversation) -> None:
    echo_err("Ask for a word, or `help`. Ctrl-D ends.")
    for line in edited_lines(PROMPT, conversation.completions):
        _try(conversation, line)
        if conversation.ended:
            return


def _answer_lines(conversation: Conversation) -> bool:
    good = True
    for line in read_lines():
        good = _try(conversation, line) and good
        if conversation.ended:
            break
    return good


def _try(conversation: Conversation, line: str) -> bool:
    """Answer a line; return whether that was possible."""
    try:
        conversation.answer(line)
    except UNANSWERABLE as error:
        echo_error(error)
        return False
    return True
