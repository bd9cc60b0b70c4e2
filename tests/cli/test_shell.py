"""What the lines of the shell mean, each compared with the command that it stands for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

import embedsearch as es
from embedsearch import ParameterError, QueryError
from embedsearch.cli import questions
from embedsearch.cli.output import Answer
from embedsearch.cli.shell import MOST_COMPLETIONS, VERBS, Conversation

CapSys = pytest.CaptureFixture[str]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def ws(workspace: Path) -> Iterator[es.Workspace]:
    with es.open(workspace) as opened:
        yield opened


def said(ws: es.Workspace, capsys: CapSys, *lines: str) -> Any:
    conversation = Conversation(ws, topn=3, output="json")
    for line in lines:
        conversation.answer(line)
    return json.loads(capsys.readouterr().out)


def records(answer: Answer) -> object:
    return json.loads(json.dumps(answer.records[0] if answer.single else answer.records))


@pytest.mark.parametrize("line", ["cow", "  cow ", "neighbors cow"])
def test_a_word_asks_for_its_neighbors(ws: es.Workspace, capsys: CapSys, line: str) -> None:
    assert said(ws, capsys, line) == records(questions.neighbors.ask(ws, "cow", 3))


@pytest.mark.parametrize("line", ["cow - meadow + night", "analogy cow - meadow + night"])
def test_a_sum_is_an_analogy(ws: es.Workspace, capsys: CapSys, line: str) -> None:
    assert said(ws, capsys, line) == records(questions.analogy.ask(ws, "cow - meadow + night", 3))


@pytest.mark.parametrize(
    "line",
    [
        "? hay in the barn",
        "?hay in the barn",
        "search hay in the barn",
        "search 'hay in the barn'",
        "search --table --json -- hay in the barn",
    ],
)
def test_a_question_mark_searches(ws: es.Workspace, capsys: CapSys, line: str) -> None:
    assert said(ws, capsys, line) == records(questions.search.ask(ws, "hay in the barn", 3))


def test_several_words_search(ws: es.Workspace, capsys: CapSys) -> None:
    assert said(ws, capsys, "hay in the barn") == records(
        questions.search.ask(ws, "hay in the barn", 3)
    )


def test_other_verbs_are_those_of_the_commands(ws: es.Workspace, capsys: CapSys) -> None:
    asked = {
        "similarity cow goat": questions.similarity.ask(ws, "cow goat"),
        "odd cow goat comet": questions.odd_one_out.ask(ws, "cow goat comet"),
        "related farm-3": questions.related.ask(ws, "farm-3", 3),
        "related farm-3 farm-5 --less sky-1": questions.related.ask(
            ws, "farm-3\tfarm-5", 3, ["sky-1"]
        ),
        "closer cow sheep": questions.closer.ask(ws, "cow\tsheep"),
    }
    for line, answer in asked.items():
        assert said(ws, capsys, line) == records(answer)


def test_options_are_those_of_the_commands(ws: es.Workspace, capsys: CapSys) -> None:
    asked = {
        "neighbors cow -k 2 --metric euclidean": questions.neighbors.ask(ws, "cow", 2, "euclidean"),
        "search hay -k 2 --mode lexical": questions.search.ask(ws, "hay", 2, "lexical"),
        "search hay -k2 --where \"topic = 'sky'\"": questions.search.ask(
            ws, "hay", 2, where="topic = 'sky'"
        ),
        "search -- -night star": questions.search.ask(ws, "-night star", 3),
        "? -night star": questions.search.ask(ws, "-night star", 3),
        "cow - meadow + night": questions.analogy.ask(ws, "cow - meadow + night", 3),
    }
    for line, answer in asked.items():
        assert said(ws, capsys, line) == records(answer)


def test_every_command_that_asks_is_there(ws: es.Workspace, capsys: CapSys) -> None:
    assert {"neighbors", "search", "info", "corpora", "evaluate", "duplicates"} <= {*VERBS}
    assert {"build", "add", "train", "delete", "index", "shell"}.isdisjoint(VERBS)
    for verb in VERBS:
        Conversation(ws).answer(f"help {verb}")
        assert f"Usage: {verb} " in capsys.readouterr().err
    assert said(ws, capsys, "evaluate index --queries 5")["queries"] == 5
    names = {entry["name"] for entry in said(ws, capsys, "corpora list")}
    assert "gensim-lee" in names


def test_topn_holds_from_then_on(ws: es.Workspace, capsys: CapSys) -> None:
    assert said(ws, capsys, "topn 2", "cow") == records(questions.neighbors.ask(ws, "cow", 2))
    assert said(ws, capsys, "topn 2", "neighbors cow -k 1") == records(
        questions.neighbors.ask(ws, "cow", 1)
    )


def test_a_form_of_output_holds_from_then_on(ws: es.Workspace, capsys: CapSys) -> None:
    conversation = Conversation(ws)
    for line in ("output csv", "similarity cow goat", "output"):
        conversation.answer(line)
    written = capsys.readouterr()
    assert written.out.startswith("a,b,score\ncow,goat,")
    assert written.err == "output csv\n"


def test_a_mode_and_a_condition_hold_from_then_on(ws: es.Workspace, capsys: CapSys) -> None:
    asked = "hay in the barn"
    by_words = records(questions.search.ask(ws, asked, 3, "lexical"))
    assert said(ws, capsys, "mode lexical", f"? {asked}") == by_words
    sky = "topic = 'sky'"
    found = records(questions.search.ask(ws, asked, 3, where=sky))
    assert said(ws, capsys, f"where {sky}", f"? {asked}") == found
    related = records(questions.related.ask(ws, "farm-3", 3, where=sky))
    assert said(ws, capsys, f"where {sky}", "related farm-3") == related
    quoted = "where \"topic = 'sky'\""
    assert said(ws, capsys, quoted, f"? {asked}") == found
    everything = records(questions.search.ask(ws, asked, 3))
    assert said(ws, capsys, f"where {sky}", "where off", f"? {asked}") == everything


def test_a_mode_that_there_is_not_is_an_error(ws: es.Workspace) -> None:
    with pytest.raises(ParameterError, match="mode must be one of auto"):
        Conversation(ws).answer("mode magic")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("topn 0", "topn needs a whole number from 1"),
        ("topn many", "topn needs a whole number from 1"),
        ("similarity cow", "similarity: Missing argument 'B'"),
        ("related", "related: Missing argument"),
        ("neighbors cow --topm 3", "neighbors: No such option '--topm'"),
        ("search hay --mode lexcal", "search: Invalid value for '--mode'"),
        ("search 'hay", "a quote is open in: 'hay"),
        ("serach hay", "no such command 'serach'; did you mean search.* \\? serach hay"),
        ("serach hay -k 2", "-k is an option, and 'serach' is no command; did you mean search"),
        ("hay barn --topn=2", "--topn=2 is an option.* search hay barn --topn=2"),
        ("train --update", "`train` is no command of the shell; use `embedsearch train`"),
        ("help neighbours", "no such command 'neighbours'; did you mean neighbors"),
        ("help xyzzy", "no such command 'xyzzy'; `help` lists all"),
        ("evaluate indx", "No such command 'indx'"),
    ],
)
def test_a_line_that_is_not_understood_says_so(ws: es.Workspace, line: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        Conversation(ws).answer(line)


def test_a_word_that_is_like_a_command_is_still_a_word(tmp_path: Path, capsys: CapSys) -> None:
    with es.create(tmp_path / "serach.es") as ws:
        ws.add([es.Document("a", "serach hay"), es.Document("b", "serach barn")])
        ws.train(min_count=1)
        (hit, *_) = said(ws, capsys, "serach hay")
    assert hit["id"] == "a"


def test_help_and_info_and_nothing(ws: es.Workspace, capsys: CapSys) -> None:
    conversation = Conversation(ws)
    for line in ("", "   ", "help"):
        conversation.answer(line)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "odd-one-out" in captured.err
    conversation.answer("info")
    assert "documents" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["quit", "exit"])
def test_quit_ends(ws: es.Workspace, line: str) -> None:
    conversation = Conversation(ws)
    assert not conversation.ended
    conversation.answer(line)
    assert conversation.ended


def test_completions_are_commands_and_words_that_begin_so(ws: es.Workspace) -> None:
    complete = Conversation(ws).completions
    commands = {name for name in VERBS if name.startswith("s")}
    assert {"search", "similarity"} <= commands
    words = {"sheep", "sky", "star", "slept", "shone"}
    assert words | commands == set(complete("", "s"))
    assert complete("", "xyzzy") == []
    assert len(complete("", "")) <= MOST_COMPLETIONS


@pytest.mark.parametrize(
    ("before", "beginning", "completed"),
    [
        ("neighbors ", "donk", ["donkey"]),
        ("neighbors cow ", "--met", ["--metric"]),
        ("neighbors cow --metric ", "e", ["euclidean"]),
        ("search hay --mode ", "la", ["latent"]),
        ("search hay --where ", "to", ["topic"]),
        ('search hay --where "topic = 1 and ', "to", ["topic"]),
        ("where ", "to", ["topic"]),
        ("related ", "sky-2", ["sky-2", *(f"sky-2{n}" for n in range(10))]),
        ("related sky-1 --less ", "farm-39", ["farm-39"]),
        ("mode ", "la", ["latent"]),
        ("output ", "r", ["raw-csv"]),
        ("help ", "neigh", ["neighbors"]),
        ("corpora show ", "gensim-l", ["gensim-lee"]),
        ("evaluate ", "stab", ["stability"]),
    ],
)
def test_what_is_completed_depends_on_what_stands_before(
    ws: es.Workspace, before: str, beginning: str, completed: list[str]
) -> None:
    assert Conversation(ws).completions(before, beginning) == completed


PROMPT = "embedsearch> "


def test_a_pipe_is_answered_without_a_prompt(run: Run, workspace: Path) -> None:
    lines = "topn 1\ncow\n? hay in the barn\nquit\nstar\n"
    process = run("shell", "-w", workspace, "--jsonl", stdin=lines)
    word, document = map(json.loads, process.stdout.splitlines())
    assert (process.returncode, process.stderr) == (0, "")
    assert word == json.loads(run("similar", "cow", "-w", workspace, "-k1", "--jsonl").stdout)
    assert document["metadata"] == {"topic": "farm"}


def test_an_error_in_a_pipe_does_not_stop_it(run: Run, workspace: Path) -> None:
    process = run("shell", "-w", workspace, "--jsonl", "-k", "1", stdin="xyzzy\ncow\n")
    assert process.returncode == 1
    assert process.stderr.startswith("Error: 'xyzzy' is not in the vocabulary")
    assert len(process.stdout.splitlines()) == 1


class Terminal:
    """A shell on a pseudo-terminal, with a home of its own."""

    def __init__(self, environment: dict[str, str], workspace: Path, home: Path) -> None:
        self._env = {
            **environment,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "INPUTRC": "/dev/null",
            "TERM": "xterm",
        }
        self._arguments = ["-m", "embedsearch", "shell", "-w", str(workspace), "-k", "3"]

    def __enter__(self) -> pexpect.spawn[str]:
        self._child = pexpect.spawn(
            sys.executable,
            self._arguments,
            env=self._env,
            encoding="utf-8",
            timeout=30,
            dimensions=(40, 100),
        )
        self._child.expect_exact(PROMPT)
        return self._child

    def __exit__(self, *_: object) -> None:
        self._child.close(force=True)


@pytest.fixture
def terminal(environment: dict[str, str], workspace: Path, tmp_path: Path) -> Terminal:
    return Terminal(environment, workspace, tmp_path)


def test_words_are_answered_with_a_table(terminal: Terminal) -> None:
    with terminal as child:
        child.sendline("cow")
        child.expect_exact("sheep")
        child.expect_exact(PROMPT)
        child.sendline("xyzzy")
        child.expect_exact("Error: 'xyzzy' is not in the vocabulary")
        child.expect_exact(PROMPT)
        child.sendeof()
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0


def test_tab_completes_words(terminal: Terminal) -> None:
    with terminal as child:
        child.send("donk\t")
        child.expect_exact("donkey")
        child.sendline("")
        child.expect_exact("sheep")


def test_an_interrupt_drops_the_line_and_goes_on(terminal: Terminal) -> None:
    with terminal as child:
        child.send("half a li")
        child.expect_exact("half a li")
        # Python loses a signal that comes just before it waits for the next key.
        for _ in range(3):
            child.sendintr()
            if child.expect_exact([PROMPT, pexpect.TIMEOUT], timeout=5) == 0:
                break
        child.sendline("quit")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0


def test_lines_are_remembered_by_the_next_shell(terminal: Terminal) -> None:
    with terminal as child:
        child.sendline("galaxy")
        child.expect_exact(PROMPT)
        child.sendline("quit")
        child.expect(pexpect.EOF)
    with terminal as child:
        child.send("\x1b[A\x1b[A")
        child.expect_exact("galaxy")


def test_a_dash_is_not_read_from_the_lines_of_the_shell(ws: es.Workspace) -> None:
    for line in ("concordance -", "neighbors - --rare"):
        with pytest.raises(es.QueryError, match="the lines that the shell is to answer"):
            Conversation(ws).answer(line)


def test_named_documents_are_compared_with_those_of_the_condition_that_holds_for_all(
    ws: es.Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    conversation = Conversation(ws, output="json")
    for line in ("where topic = 'sky'", "keywords farm-1 -k 3", "keywords"):
        conversation.answer(line)
    named, _ = capsys.readouterr().out.split("]\n[")
    expected = ws.texts.keywords("farm-1", 3, against="topic = 'sky'")
    assert [each["word"] for each in json.loads(f"{named}]")] == [each.word for each in expected]


def test_a_line_that_is_not_utf8_does_not_end_a_script(workspace: Path) -> None:
    command = [sys.executable, "-m", "embedsearch", "shell", "--jsonl", "-w", str(workspace)]
    lines = b"cow -k 1\n\xff\xfe\nsimilarity cow horse\n"
    done = subprocess.run(command, input=lines, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"line 2: queries must be UTF-8 text" in done.stderr
    assert b'"a": "cow"' in done.stdout
