"""The documents say what is true: their commands and examples are run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from embedsearch.cli.main import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=folder,
        env={**os.environ, "EMBEDSEARCH_WORKSPACE": "demo.es", "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with the demo's workspace, and what the demo printed."""
    folder = tmp_path_factory.mktemp("demo")
    process = run("embedsearch demo", folder)
    assert process.returncode == 0, process.stderr
    return folder, process.stdout


def answers() -> list[tuple[str, list[str]]]:
    """The queries of the README that are shown with their answers."""
    return [(command, shown) for command, shown in commands() if shown]


def commands() -> list[tuple[str, list[str]]]:
    """The commands of the README, and what is shown below each."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    pieces = [piece.splitlines() for block in blocks for piece in block.split("$ ")[1:]]
    found = [(lines[0].rpartition(" | ")[2], lines[1:]) for lines in pieces]
    return [(command, shown) for command, shown in found if command.startswith("embedsearch")]


def test_the_demo_asks_every_kind_of_question(demo: tuple[Path, str]) -> None:
    asked = re.findall(r"^\$ embedsearch (\S+)", demo[1], re.MULTILINE)
    assert set(asked) >= {"neighbors", "analogy", "similarity", "odd-one-out", "search", "related"}


@pytest.mark.parametrize(("command", "shown"), answers(), ids=[c for c, _ in answers()])
def test_the_readme_shows_what_its_commands_answer(
    demo: tuple[Path, str], command: str, shown: list[str]
) -> None:
    process = run(command, demo[0])
    assert process.returncode == 0, process.stderr
    printed = process.stdout.splitlines()
    assert len(printed) == len(shown)
    assert printed[0].split() == shown[0].split()
    # Other processors round otherwise: near ties may change places.
    assert printed[1].split()[0] in {line.split()[0] for line in shown[1:]}


@pytest.mark.parametrize("command", [command for command, shown in commands() if not shown])
def test_commands_without_an_answer_are_written_as_they_should_be(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There are no such files here: what is tried are the names of commands and options.
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, shlex.split(command)[1:])
    assert found.exit_code == 1
    assert "Usage" not in found.output


def test_the_python_examples_run(
    demo: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demo[0])
    names: dict[str, object] = {}
    for example in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(example, names)  # noqa: S102 - our own README
    assert "Achilles" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_no_page_names_the_package_of_someone_else(page: Path) -> None:
    wrong = r"pip install ['\"]?embedsearch(?!-engine)\b"
    assert not re.search(wrong, page.read_text(encoding="utf-8"))
