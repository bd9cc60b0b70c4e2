"""What the lines of the shell mean."""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

from embedsearch._errors import QueryError
from embedsearch.cli import queries
from embedsearch.cli.inspection import facts_of
from embedsearch.cli.output import show, tell
from embedsearch.workspace import SEARCH_MODES
from embedsearch.workspace.choices import check_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedsearch.cli.answers import Answer
    from embedsearch.workspace import Workspace

HELP = """\
WORD                    the words nearest to it
king - man + woman      analogy: the words nearest to a sum
? TEXT                  the documents nearest to a text (also: search TEXT, or several words)
related A B ... - C ... the documents like A, B, ..., and less like C, ...
similarity A B          how similar two words are
odd A B C ...           the word that fits the others least
info                    what the workspace holds
topn N                  show N from now on
mode NAME               search so from now on: auto, lexical, latent, hybrid or rrf
where CONDITION         find only such documents from now on; `where off` finds all
help                    this text
quit                    end (also: exit, Ctrl-D)

neighbors WORD and analogy EXPRESSION ask for words that are also commands."""
MOST_COMPLETIONS = 100
_OPERATOR = re.compile(r"(^|\s)[+-](\s|$)|\*")


class Conversation:
    """Answers lines, one after the other.

    Args:
        ws: The workspace that is asked.
        topn: How many to show, until a line changes it.
        output: As for `embedsearch.cli.output.show`.

    Attributes:
        ended: A line has asked to end.
    """

    def __init__(self, ws: Workspace, topn: int = 10, output: str | None = None) -> None:
        self._ws, self._topn, self._output = ws, topn, output
        self._mode = SEARCH_MODES[0]
        self._where: str | None = None
        self.ended = False
        self._alone: dict[str, Callable[[], None]] = {
            "help": lambda: tell(*HELP.splitlines()),
            "info": lambda: self._show(facts_of(ws)),
            "quit": self._end,
            "exit": self._end,
        }
        self._verbs: dict[str, Callable[[str], None]] = {
            "neighbors": lambda word: self._show(queries.neighbors(ws, word, self._topn)),
            "analogy": lambda sum_: self._show(queries.analogy(ws, sum_, self._topn)),
            "search": self._search,
            "?": self._search,
            "related": self._related,
            "similarity": lambda rest: self._show(queries.similarity(ws, *queries.pair(rest))),
            "odd": self._odd_one_out,
            "topn": self._set_topn,
            "mode": self._set_mode,
            "where": self._set_where,
        }

    def answer(self, line: str) -> None:
        """Answer one line.

        Raises:
            InputError: The line makes no sense.
            UnknownKeyError: A word or a document is not there.
        """
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

    def _search(self, text: str) -> None:
        self._show(queries.search(self._ws, text, self._topn, self._mode, self._where))

    def _related(self, rest: str) -> None:
        like, less = [rest], list[str]()
        if rest not in self._ws.documents:
            given = queries.split_words(rest)
            cut = given.index("-") if "-" in given else len(given)
            like, less = given[:cut], given[cut + 1 :]
        self._show(queries.related(self._ws, like, self._topn, less, where=self._where))

    def _odd_one_out(self, rest: str) -> None:
        self._show(queries.odd_one_out(self._ws, queries.split_words(rest)))

    def _set_topn(self, rest: str) -> None:
        if not rest.isdecimal() or int(rest) < 1:
            raise QueryError(f"topn needs a whole number from 1, got {rest!r}")
        self._topn = int(rest)

    def _set_mode(self, rest: str) -> None:
        check_mode(rest)
        self._mode = rest

    def _set_where(self, rest: str) -> None:
        self._where = None if rest == "off" else rest

    def _end(self) -> None:
        self.ended = True


def _cut(line: str) -> tuple[str, str]:
    verb, _, rest = line.partition(" ")
    return verb, rest
