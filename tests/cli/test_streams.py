"""Nothing that is written drives a terminal, and a stream that cannot be written ends a command."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import given, strategies as st
from rich.console import Console

import embedsearch as es
from embedsearch.cli import options
from embedsearch.cli.main import main
from embedsearch.cli.output import csv_line, json_line
from embedsearch.cli.progress import BarProgress
from embedsearch.cli.shell import edited_lines
from embedsearch.cli.streams import replaced, visible

Run = Callable[..., subprocess.CompletedProcess[str]]
CLI = Path(options.__file__).parent
# Clears the screen, sets the title (also by C1), turns text around, hides it, moves up.
EVIL = "\x1b[2J\x1b]0;owned\x07\x9d0;owned\x9c\u202etxt\u2066\u200f\ufeff\U000e0041"
EVIL += "\x85\u2028\r\x7f\x08"
# Words of some scripts are spelled with these: joiners, soft hyphen, signs of numbers.
SPELLED = {0xAD, 0x180E, 0x200B, 0x200C, 0x200D, 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2}
SPELLED |= {*range(0x600, 0x606), 0x110BD, 0x110CD}


def drives(text: str) -> set[str]:
    """The characters of a text that could drive a terminal, by what Unicode says of them."""
    return {
        character
        for character in text
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and character not in "\n\t"
        and ord(character) not in SPELLED
    }


def test_what_is_escaped_is_what_unicode_calls_controls_and_formats() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert drives(visible(everything)) == drives(replaced(everything)) == set()
    assert len(replaced(everything)) == len(everything)
    changed = {c for c, new in zip(everything, replaced(everything), strict=True) if c != new}
    # Beside those, only places that have no character yet.
    assert {c for c in changed - drives(everything) if unicodedata.category(c) != "Cn"} == set()
    assert visible("a\tb\nc é 東 \u200d") == "a\tb\nc é 東 \u200d"
    assert visible("\x1b\x9b\u202e\U000e0041\ud800") == r"\x1b\x9b\u202e\U000e0041\ud800"


@given(st.text(st.characters()))
def test_json_has_the_same_value_and_drives_nothing(text: str) -> None:
    line = json_line({text: [text]})
    assert drives(line) == set()
    assert json.loads(line) == {text: [text]}


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=HYPERLINK()", "'=HYPERLINK()"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" \u00a0=1+1", "' \u00a0=1+1"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\\r=1"),
        ("\n=1", "'\n=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("-0.5", "-0.5"),
        ("+1e-9", "+1e-9"),
        ("-5%", "-5%"),
        (-0.5, "-0.5"),
        (None, ""),
        ("a=b\nc", "a=b\nc"),
        ("\x1b[31m", r"\x1b[31m"),
        (["=1", "\x9b"], '["=1", "\\u009b"]'),
    ],
)
def test_a_cell_of_csv_is_neither_run_nor_obeyed(cell: object, written: str) -> None:
    assert next(csv.reader(io.StringIO(csv_line([cell]), newline=""))) == [written]
    raw = next(csv.reader(io.StringIO(csv_line([cell], raw=True), newline="")))
    if isinstance(cell, str):
        assert raw == [cell]


def test_the_command_writes_only_where_streams_are_made_safe() -> None:
    """Everything in cli/ goes through `output`, which goes through `streams`."""
    allowed = {"streams.py": {"stdin", "stdout", "stderr"}, "output.py": {"stdout", "stderr"}}
    allowed |= {
        "shell.py": {"stdin"},
        "build.py": {"stdin"},
        "output.py": {"stdin", "stdout", "stderr"},
    }
    allowed["main.py"] = {"stdout", "stderr"}
    shell = {"echo", "secho", "echo_via_pager", "prompt", "confirm", "style", "get_text_stream"}
    for path in CLI.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Name):
                assert node.id != "print", path
                assert node.id != "Console" or path.name in ("output.py", "progress.py"), path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id == "sys" and node.attr in ("stdin", "stdout", "stderr"):
                    assert node.attr in allowed.get(path.name, set()), (path, node.lineno)
                assert node.value.id != "click" or node.attr not in shell, (path, node.lineno)
                assert node.value.id != "os" or node.attr != "write", (path, node.lineno)
    for path in CLI.parent.rglob("*.py"):
        if path.parent != CLI:
            assert "print(" not in path.read_text(encoding="utf-8").replace("fingerprint(", ""), (
                path
            )


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A workspace in which everything has a name or a text that would drive a terminal."""
    with es.create(tmp_path / "evil.es") as ws:
        ws.add(
            es.Document(
                f"id{n}{EVIL}", f"the cow ate hay {EVIL} in barn{EVIL}", {f"k{n}": EVIL}, EVIL
            )
            for n in range(6)
        )
        ws.train("ppmi", vector_size=4, workers=1, min_count=1)
    folder = tmp_path / "evil.es"
    (folder / "tmp").mkdir(exist_ok=True)
    (folder / "tmp" / f"file{EVIL}").write_text("x")
    return folder


def test_no_command_passes_on_what_would_drive_a_terminal(
    invoke: Run, evil: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / f"source{EVIL}\nError: fake.txt"
    source.write_text("the cow ate")
    broken = tmp_path / f"broken{EVIL}.jsonl"
    broken.write_text("{" + EVIL)
    w = ("-w", evil)
    commands: list[tuple[str | Path, ...]] = [
        ("add", source, *w),
        ("add", broken, *w),
        ("add", tmp_path / f"absent{EVIL}", *w),
        ("neighbors", f"cow{EVIL}", *w),
        ("delete", f"absent{EVIL}", *w),
        ("related", f"id{EVIL}", *w),
        ("search", f"{EVIL}", *w),
        ("search", "cow", "--where", f"k{EVIL} = 1", *w),
        ("info", *w),
        ("info", "--json", *w),
        ("verify", *w),
        ("verify", "--json", *w),
        ("repair", "--dry-run", *w),
        ("train", "--epochs", EVIL, *w),
        ("evaluate", "retrieval", tmp_path / f"absent{EVIL}", *w),
        ("evaluate", "index", *w),
        ("backup", tmp_path / f"absent{EVIL}" / "x", *w),
        ("restore", tmp_path / f"absent{EVIL}", "-w", tmp_path / "new.es"),
        ("export", tmp_path / f"x.{EVIL}", *w),
        ("corpora", "show", EVIL),
        ("build", source, "-w", tmp_path / f"new{EVIL}.es"),
        ("search", "cow", "-w", tmp_path / f"new{EVIL}.es"),
        (EVIL,),
        ("search", f"--{EVIL}"),
        ("add", source, "extra", f"--format={EVIL}", *w),
    ]
    answered: list[tuple[str | Path, ...]] = [
        (verb, *rest, output, *w)
        for output in ("--table", "--json", "--jsonl", "--csv")
        for verb, *rest in (
            ("search", "cow", "-k", "9"),
            ("search", "cow", "--explain"),
            ("neighbors", "cow", "-k", "99"),
            ("duplicates",),
            ("related", "--text", "cow"),
        )
    ]
    for command in (*answered, *commands):
        done = invoke(*command)
        assert drives(done.stdout + done.stderr) == set(), command
        assert not [line for line in done.stderr.splitlines() if line.startswith("Error: fake")]
        assert "Traceback" not in done.stderr, command
        assert command not in answered or (done.returncode == 0 and "owned" in done.stdout), command
    lines = f"cow{EVIL}\n? cow {EVIL}\nrelated id{EVIL}\nmode {EVIL}\nwhere {EVIL}\ninfo\n"
    for output in ("--table", "--csv", "--json"):
        for command in (("shell", output, *w), ("search", "-", output, *w)):
            done = invoke(*command, stdin=lines)
            assert drives(done.stdout + done.stderr) == set(), command
    raw = invoke("search", "cow", "--raw-csv", *w)
    assert EVIL in next(iter(csv.DictReader(io.StringIO(raw.stdout, newline=""))))["id"]
    # What does not belong there is refused, by its name.
    (evil / f"file{EVIL}").write_text("x")
    (evil / "generations" / f"0009{EVIL}").mkdir()
    for command in (("search", "cow"), ("verify",), ("verify", "--json"), ("repair", "--dry-run")):
        done = invoke(*command, *w)
        assert drives(done.stdout + done.stderr) == set(), command
        assert "owned" in done.stdout + done.stderr, command
        assert "Traceback" not in done.stderr, command

    def fails(*_: object, **__: object) -> None:
        # As a library does, and Python itself for a warning.
        sys.stderr.write(f"warned {EVIL}")
        raise RuntimeError(f"a fault {EVIL}")

    monkeypatch.setattr(options, "make_progress", fails)
    done = invoke("verify", *w)
    assert done.returncode == 1
    assert "warned" in done.stderr
    assert "RuntimeError: a fault" in done.stderr
    assert drives(done.stdout + done.stderr) == set()


def test_bars_and_completions_show_what_they_are_given() -> None:
    drawn = io.StringIO()
    progress = BarProgress(Console(file=drawn, force_terminal=True, width=300))
    with progress.task(f"reading {EVIL}", 2, "items") as task:
        task.advance(1)
        task.describe(EVIL)
        progress.note(f"note {EVIL}")
    assert "owned" in drawn.getvalue()
    # rich itself draws with \x1b, but never these.
    for part in ("\x1b]", "\x1b[2J", "\x9d", "\u202e", "\u2066", "\x08"):
        assert part not in drawn.getvalue()


def test_completions_are_words_that_a_terminal_only_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readline = pytest.importorskip("readline")
    found: list[object] = []

    def typed(_: str) -> str:
        complete = readline.get_completer()
        found.extend(iter(lambda: complete("c", len(found)), None))
        raise EOFError

    monkeypatch.setattr("builtins.input", typed)
    assert list(edited_lines("> ", lambda *_: ["cow", f"cow{EVIL}", "cot"])) == []
    assert found == ["cow", "cot"]


@pytest.fixture
def sh(environment: dict[str, str]) -> Run:
    """Run a line of a shell, in which `es` stands for the command."""

    def sh(line: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f'es() {{ "{sys.executable}" -m embedsearch "$@"; }}\n{line}'],
            input="cow\n",
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env={**environment, **env},
            check=False,
        )

    return sh


# Each answers, and changes nothing; the last is not even a command.
ANSWERS = (
    "neighbors cow",
    "analogy cow - horse + goat",
    "similarity cow horse --json",
    "odd-one-out cow horse star",
    "closer cow goat --csv",
    "rank cow goat",
    "search cow --explain",
    "search - --jsonl",
    "related farm-1 --raw-csv",
    "duplicates --groups --json",
    "evaluate index --json",
    "verify --json",
    "repair --dry-run --json",
    "info",
    "shell",
    "corpora list",
    "--help",
    "--version",
)


@pytest.fixture
def inside(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, TextIO | None], tuple[int, str]]:
    """Run a command in this process with a standard output of ours; give its status and errors.

    `None` is what Python makes of a stream that is closed.
    """

    def inside(line: str, out: TextIO | None) -> tuple[int, str]:
        monkeypatch.setenv("EMBEDSEARCH_WORKSPACE", str(workspace))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"cow\n")))
        monkeypatch.setattr("sys.stdout", out)
        with redirect_stderr(io.StringIO()) as err, pytest.raises(SystemExit) as ended:
            main(line.split(), prog_name="embedsearch")
        return int(ended.value.code or 0), err.getvalue()

    return inside


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_an_answer_that_cannot_be_written_is_one_line_and_1(
    sh: Run, workspace: Path, inside: Callable[[str, TextIO | None], tuple[int, str]]
) -> None:
    full, closed = "No space left on device", "it is closed"
    for line in ANSWERS:
        with Path("/dev/full").open("w") as device:
            for out, reason in ((device, full), (None, closed)):
                status, told = inside(line, out)
                assert status == 1, line
                error = f"Error: standard output cannot be written: {reason}"
                assert [t for t in told.splitlines() if t.startswith("Error")] == [error], line
                assert "Traceback" not in told, line
    # At the end of a process, Python writes once more what is still buffered.
    for line, reason in (("es search cow -w @ >/dev/full", full), ("es --help >&-", closed)):
        done = sh(line.replace("@", str(workspace)))
        assert done.returncode == 1, line
        assert done.stderr == f"Error: standard output cannot be written: {reason}\n", line


def test_a_reader_that_has_gone_ends_it_quietly(
    sh: Run, workspace: Path, inside: Callable[[str, TextIO | None], tuple[int, str]]
) -> None:
    done = sh(f"es search cow -k 80 --jsonl -w {workspace} | true; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr) in (("141\n", ""), ("0\n", ""))
    for line in ANSWERS:
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as gone:
            status, told = inside(line, gone)
        assert status == 141, line
        assert "Error" not in told, line
        assert "Traceback" not in told, line


def test_streams_that_do_not_wait_lose_nothing(
    workspace: Path, environment: dict[str, str]
) -> None:
    """As a program leaves them that reads and writes by events, and starts us."""
    stdin, questions = os.pipe()
    answers, stdout = os.pipe()
    for end in (stdin, stdout):
        os.set_blocking(end, False)
    command = [sys.executable, "-m", "embedsearch", "search", "-", "-k", "80", "--explain"]
    process = subprocess.Popen(
        [*command, "--jsonl", "-w", workspace], stdin=stdin, stdout=stdout, env=environment
    )
    for end in (stdin, stdout):
        os.close(end)
    lines = []
    with os.fdopen(answers, "rb") as told, os.fdopen(questions, "wb", 0) as ask:
        for word in (b"cow", b"star", b"moon"):
            ask.write(word + b"\n")
            lines.append(told.readline())
        ask.close()
        assert told.read() == b""
    assert process.wait() == 0
    # More than a pipe has room for.
    assert min(map(len, lines)) > 100_000
    assert all(len(json.loads(line)["results"]) == 80 for line in lines)


def test_who_watches_the_progress_may_go(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as gone, redirect_stdout(io.StringIO()) as out:
        monkeypatch.setattr("sys.stderr", gone)
        with pytest.raises(SystemExit) as ended:
            main(["verify", "-w", str(workspace)], prog_name="embedsearch")
    assert (ended.value.code, out.getvalue()) == (0, "")


def test_closed_streams_spoil_nothing(
    sh: Run, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for verb in ("search", "shell", "delete", "neighbors", "related", "add"):
        # What Python makes of a standard input that is closed.
        monkeypatch.setattr("sys.stdin", None)
        given = [verb, *(["-"] if verb != "shell" else []), "-w", str(workspace)]
        with (
            redirect_stdout(io.StringIO()) as out,
            redirect_stderr(io.StringIO()) as err,
            pytest.raises(SystemExit) as ended,
        ):
            main(given, prog_name="embedsearch")
        assert (ended.value.code, out.getvalue()) == (1, ""), verb
        assert err.getvalue() == "Error: -: standard input is closed\n"
    copy = Path(shutil.copytree(workspace, tmp_path / "copy.es"))
    (tmp_path / "new.txt").write_text("the cow ate")
    # The next files that are opened would get these descriptors.
    assert sh(f"es add {tmp_path}/new.txt -w {copy} <&- >&- 2>&-").returncode == 0
    assert es.verify(copy).sound
    with es.open(copy) as ws:
        assert len(ws.documents) == 81


def test_what_is_not_text_is_refused_and_odd_settings_do_no_harm(
    sh: Run, invoke: Run, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    broken, w = os.fsdecode(b"c\xffw"), ("-w", workspace)
    lines: list[tuple[tuple[str | Path, ...], dict[str, str], int]] = [
        (("search", broken, *w), {}, 2),
        (("neighbors", broken, *w), {}, 2),
        (("related", "--text", broken, *w), {}, 2),
        (("evaluate", "pairs", broken, *w), {}, 2),
        (("corpora", "show", broken), {}, 2),
        (("search", "cow", "--where", broken, *w), {}, 2),
        (("search", "cow", "-w", broken), {}, 1),
        (("build", "x.txt", "-w", broken), {}, 1),
        (("info",), {"EMBEDSEARCH_WORKSPACE": broken}, 1),
        (("search", "cow", *w), {"EMBEDSEARCH_SEARCH_TOPN": broken}, 2),
        (("search", "cow", *w), {"COLUMNS": "0", "NO_COLOR": "1"}, 0),
        (("search", "--help"), {"COLUMNS": "x"}, 0),
        (("search", "--help"), {"COLUMNS": "-1"}, 0),
    ]
    for line, variables, status in lines:
        with monkeypatch.context() as setting:
            for name, value in variables.items():
                setting.setenv(name, value)
            done = invoke(*line)
        assert done.returncode == status, (line, done.stderr)
        assert "Traceback" not in done.stderr, line
        assert done.stderr.count("Error: ") == (status > 0), (line, done.stderr)
    c = "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"
    for shell_line, status in (
        (r"es search $'c\xffw' -w @", 2),
        (r"printf 'c\xffw\n' | es search - -w @", 1),
        (f"{c} es search 'cow é' -w @", 0),
        (f"{c} es neighbors é -w @", 1),
    ):
        done = sh(shell_line.replace("@", str(workspace)))
        assert done.returncode == status, (shell_line, done.stderr)
        assert "Traceback" not in done.stderr, shell_line
        assert done.stderr.count("Error: ") == (status > 0), (shell_line, done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_a_table_on_a_terminal_without_columns_is_drawn(environment: dict[str, str]) -> None:
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "embedsearch", "corpora", "list"]
    process = subprocess.Popen(
        command, stdout=child, stderr=child, env={**environment, "COLUMNS": "0"}
    )
    os.close(child)
    drawn = b""
    while True:
        try:
            block = os.read(parent, 4096)
        except OSError:
            break
        if not block:
            break
        drawn += block
    os.close(parent)
    assert process.wait() == 0
    assert b"language" in drawn
    assert b"Traceback" not in drawn
