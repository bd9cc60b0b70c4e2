"""Lines typed on a terminal, with history and completion where Python has readline."""

from __future__ import annotations

import re
import shlex
import sys
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from embedsearch._checks import Choice, check
from embedsearch._errors import EmbedSearchError, InputError, NotTrainedError, QueryError
from embedsearch._messages import counted
from embedsearch.cli.main import ALIASES, SECTIONS, main, unknown_command
from embedsearch.cli.options import on_workspace, output_options, topn_option
from embedsearch.cli.output import echo_err, echo_error, read_lines, terminal
from embedsearch.cli.streams import READER_GONE, one_line
from embedsearch.workspace import SEARCH_MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from embedsearch.workspace import Workspace


HISTORY_LINES = 1000


def edited_lines(prompt: str, complete: Callable[[str, str], list[str]]) -> Iterator[str]:
    """Yield the lines that are typed, until Ctrl-D; Ctrl-C drops the line being typed.

    `complete` gets what stands before the word at the cursor, and that word.
    """
    with _readline(complete):
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
def _readline(completions: Callable[[str, str], list[str]]) -> Iterator[None]:
    try:
        import readline
    except ImportError:  # Windows has none, and edits lines itself
        yield
        return
    found: list[str] = []

    def complete(text: str, state: int) -> str | None:
        if state == 0:
            before = readline.get_line_buffer()[: readline.get_begidx()]
            # readline itself writes them on the terminal.
            found[:] = [word for word in completions(before, text) if word == one_line(word)]
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


# Commands that ask: all of these families but those that talk to a user themselves.
_ASKING = (
    "Ask about words",
    "Count words",
    "Ask about documents",
    "Measure, exchange",
    "Look around",
)
_NOT_HERE = frozenset({"shell", "demo", "import", "completion"})
VERBS = tuple(v for name in _ASKING for v in SECTIONS[name] if v not in _NOT_HERE)
_ELSEWHERE = frozenset(v for section in SECTIONS.values() for v in section) - {*VERBS}
_SETTINGS = ("topn", "mode", "lean", "where", "output")
_FORMS = ("table", "json", "jsonl", "csv", "raw-csv")
_OWN = (*_SETTINGS, "help", "quit", "exit")

HELP = """\
VERB ...                a command as on the command line, with its options; -w is not needed:
                        {verbs}
WORD                    the words nearest to it
king - man + woman      analogy: the words nearest to a sum
? TEXT                  the documents nearest to a text, which is taken as it is
several words           the same

topn N                  show N from now on
mode NAME               search so from now on: {modes}
lean STEP               from words alone, -2, to meaning alone, 2; 0 is the balance of both
where CONDITION         find only such documents from now on; `where off` finds all
output FORM             write so from now on: {forms}
help, help VERB         this text, or what a command does and its options
quit                    end (also: exit, Ctrl-D)

On a command's line, a text with several blanks, or a condition, stands in quotes:
search heat flow -k 3 --where "year > 1990"; a query that begins with - goes after --.
neighbors WORD asks for words that are also commands."""
# readline asks before it lists more.
MOST_COMPLETIONS = 100
_OPERATOR = re.compile(r"(^|\s)[+-](\s|$)|\*")
_OPTION = re.compile(r"--[a-z][a-z-]*(=.*)?|-[kwh]")


class Conversation:
    """Answers lines, one after the other, until `ended`."""

    def __init__(self, ws: Workspace, topn: int | None = None, output: str | None = None) -> None:
        self._ws = ws
        # What holds for every command that has such an option.
        self._given: dict[str, str | None] = {
            "topn": None if topn is None else str(topn),
            "mode": None,
            "lean": None,
            "where": None,
            "output": output,
        }
        self.ended = False
        self._root = click.Context(main, obj=ws, **main.context_settings)

    def answer(self, line: str) -> bool:
        """Answer one line; return whether the command that it was did so, too."""
        line = line.strip()
        verb, rest = ([*line.split(maxsplit=1), "", ""])[:2]
        if line.startswith("?"):
            return self._run("search", ["--", line[1:].strip()] if line[1:].strip() else [])
        if verb in ("quit", "exit") and not rest:
            self.ended = True
        elif verb == "help":
            self._help(rest)
        elif verb in _SETTINGS:
            self._set(verb, rest)
        elif self._verb(verb):
            return self._run(verb, _arguments(rest))
        elif line:
            return self._run(*self._understood(line, verb, rest))
        return True

    def _understood(self, line: str, verb: str, rest: str) -> tuple[str, list[str]]:
        """Return the command, and its arguments, that a line without one stands for."""
        options = [token for token in line.split() if _OPTION.fullmatch(token)]
        near = get_close_matches(verb.casefold(), (*VERBS, *ALIASES, *_OWN), n=2, cutoff=0.75)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        as_text = f"to search for these words: ? {line}"
        if rest and verb in _ELSEWHERE:
            reason = f"`{verb}` is no command of the shell; use `embedsearch {verb}`"
            raise QueryError(f"{reason}; {as_text}")
        if options:
            advice = meant or f"; search for it: search {line}"
            reason = f"{options[0]} is an option, and {verb!r} is no command"
            raise QueryError(f"{reason}{advice}")
        if _OPERATOR.search(line):
            return "analogy", ["--", line]
        if not rest:
            return "neighbors", ["--", line]
        if near and not self._is_word(verb):
            raise QueryError(f"no such command {verb!r}{meant} ({as_text})")
        return "search", ["--", line]

    def _is_word(self, text: str) -> bool:
        try:
            return text in self._ws.words
        except NotTrainedError:
            return False

    def completions(self, before: str, beginning: str) -> list[str]:
        """Give what may stand in place of the word at the cursor, at most `MOST_COMPLETIONS`."""
        verb, *given = before.split() or [""]
        if verb == "help":
            found: Sequence[str] = VERBS
        elif verb == "mode":
            found = SEARCH_MODES
        elif verb == "output":
            found = _FORMS
        elif self._verb(verb):
            # A condition in quotes is one argument, whatever blanks it has.
            if before.count('"') % 2 and "--where" in given:
                given = given[: given.index("--where") + 1]
            found = self._completed(verb, given, beginning)
        elif verb == "where":
            found = self._completed("search", ["--where"], beginning)
        else:
            words = self._completed("neighbors", [], beginning)
            found = words if verb else [*VERBS, *_OWN, *words]
        return [word for word in found if word.startswith(beginning)][:MOST_COMPLETIONS]

    def _completed(self, verb: str, given: list[str], beginning: str) -> list[str]:
        from click.shell_completion import ShellComplete

        completer = ShellComplete(main, {}, "embedsearch", "")
        found = completer.get_completions([verb, *self._with_options(verb, given)], beginning)
        return [item.value for item in found if item.type == "plain"]

    def _verb(self, name: str) -> bool:
        return ALIASES.get(name, name) in VERBS

    def _command(self, name: str) -> click.Command:
        command = main.get_command(self._root, name)
        assert command is not None  # noqa: S101 - it is in the table
        return command

    def _help(self, verb: str) -> None:
        if verb and not self._verb(verb):
            raise QueryError(unknown_command(verb, (*VERBS, *ALIASES), "`help` lists all"))
        if verb:
            command = self._command(verb)
            with click.Context(command, info_name=command.name, parent=self._root) as ctx:
                echo_err(*command.get_help(ctx).splitlines())
            return
        text = HELP.format(
            verbs=_filled(VERBS), modes=", ".join(SEARCH_MODES), forms=", ".join(_FORMS)
        )
        echo_err(*text.splitlines())

    def _run(self, verb: str, arguments: list[str]) -> bool:
        """Run a command; what was typed counts more than what holds for all."""
        if [word for word in arguments if word[:2] != "--"] == ["-"] and not sys.stdin.isatty():
            raise QueryError(f"{verb} - would read the lines that the shell is to answer")
        command, line = self._command(verb), self._with_options(verb, arguments)
        try:
            with command.make_context(command.name, line, parent=self._root) as ctx:
                command.invoke(ctx)
        except click.UsageError as error:
            hint = f"`help {verb}` says how it is used"
            raise QueryError(f"{verb}: {error.format_message()} {hint}") from error
        except click.exceptions.Exit as ended:
            if ended.exit_code == READER_GONE:
                raise
            return ended.exit_code == 0
        return True

    def _with_options(self, verb: str, arguments: Sequence[str]) -> list[str]:
        """Put the options that hold for all before the arguments of a command, or of one in it."""
        command, line, left = self._command(verb), list[str](), list(arguments)
        if isinstance(command, click.Group) and left and left[0] in command.commands:
            command, line = command.commands[left[0]], [left.pop(0)]
        for name, value in {**self._given, "workspace": str(self._ws.path)}.items():
            options = [p.opts[0] for p in command.params if p.name == name]
            if value is not None and options:
                line += [f"--{value}"] if name == "output" else [options[0], value]
        return [*line, *left]

    def _set(self, name: str, value: str) -> None:
        """Let a setting hold from now on; without a value, say what it is."""
        if not value:
            echo_err(f"{name} {self._given[name] or 'is not set'}")
            return
        if name == "topn" and (not value.isdecimal() or int(value) < 1):
            raise QueryError(f"topn needs a whole number from 1, got {value!r}")
        if name == "lean" and value not in ("-2", "-1", "0", "1", "2"):
            raise QueryError(f"lean needs a whole number from -2 to 2, got {value!r}")
        if name in ("mode", "output"):
            check(name, value, Choice(SEARCH_MODES if name == "mode" else _FORMS))
        if name == "where":
            # As for an option, quotes may stand around all of it.
            whole = _arguments(value) if value.startswith('"') else []
            value = whole[0] if len(whole) == 1 else value
            if value != "off":
                meeting, all_ = self._ws.documents.count(value), len(self._ws.documents)
                echo_err(f"{meeting:,} of {counted(all_, 'document')} meet it; `where off` ends it")
        self._given[name] = None if name == "where" and value == "off" else value


def _arguments(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        advice = "close it, or use ? TEXT, which takes a text as it is"
        raise QueryError(f"a quote is open in: {text}; {advice}") from error


def _filled(names: Sequence[str]) -> str:
    from textwrap import fill

    return fill(", ".join(names), 70, break_on_hyphens=False).replace("\n", "\n" + " " * 24)


PROMPT = "embedsearch> "


@click.command()
@on_workspace()
@topn_option
@output_options
def shell(ws: Workspace, topn: int, output: str | None) -> None:
    """Ask questions interactively; `help` lists them.

    A line is a command that asks something, with its options, but without -w; or a word, an
    analogy or a text alone. On a terminal, Tab completes commands, options, words and ids, and
    lines are remembered. Elsewhere every line of standard input is answered; the command ends
    with 1 if one could not be.

    \b
    search heat flow -k 3 --where "year > 1990"
    king - man + woman
    """  # noqa: D301 - click ends its own wrapping at a backspace
    source = click.get_current_context().get_parameter_source("topn")
    asked = None if source is ParameterSource.DEFAULT else topn
    conversation = Conversation(ws, topn=asked, output=output)
    if sys.stdin.isatty() and terminal().isatty():
        _converse(conversation)
    elif not _answer_lines(conversation):
        click.get_current_context().exit(1)


def _converse(conversation: Conversation) -> None:
    echo_err("Ask for a word, or `help`. Ctrl-D ends.")
    for line in edited_lines(PROMPT, conversation.completions):
        try:
            _try(conversation, line)
        except KeyboardInterrupt:
            echo_err("Interrupted")
        if conversation.ended:
            return


def _answer_lines(conversation: Conversation) -> bool:
    failed = list[object]()

    def fail(error: InputError) -> None:
        echo_error(error)
        failed.append(error)

    for line in read_lines(fail):
        if not _try(conversation, line):
            failed.append(line)
        if conversation.ended:
            break
    return not failed


def _try(conversation: Conversation, line: str) -> bool:
    """Answer a line; return whether that was possible."""
    try:
        return conversation.answer(line)
    except EmbedSearchError as error:
        echo_error(error)
    except OSError as error:
        echo_err(f"Error: {error.filename or ''}: {error.strerror or error}")
    return False
