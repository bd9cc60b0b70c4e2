"""Recommendations by content and by what others have read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import embedsearch as es
from embedsearch.cli.main import main
from tests.workspace.test_space import THEMES, documents


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recommend") / "s.es"
    with es.create(path) as ws:
        ws.add(documents())
        ws.train("ppmi", min_count=1, vector_size=10, workers=1, language="english")
    return path


@pytest.fixture
def ws(path: Path) -> Iterator[es.Workspace]:
    with es.open(path) as opened:
        yield opened


def reads(seed: int = 0) -> list[tuple[str, str]]:
    """Return what 60 users have read: of one theme, by the parity of the user also of another.

    Users 0, 3, ... read of air and, in one club, of farms: that no text says. Nobody reads d60
    and later ones.
    """
    draw, made = np.random.default_rng(seed), []
    for user in range(60):
        theme = user % 3
        own = [n for n in range(60) if n % 3 == theme or (theme == 0 and n % 3 == 2 and n < 12)]
        made += [(f"u{user}", f"d{n}") for n in draw.choice(own, 10, replace=False)]
    return made


def themes_of(found: list[Any]) -> set[int]:
    return {int(one.id[1:]) % 3 for one in found}


def test_by_content_it_is_what_is_like_what_was_read(ws: es.Workspace) -> None:
    found = ws.space.recommend(["d1", "d2"], topn=6)
    assert [(one.id, one.score) for one in found] == [
        (hit.id, hit.score) for hit in ws.documents.most_similar(["d1", "d2"], topn=6)
    ]
    # Because of the one of the same theme.
    assert all(int(one.id[1:]) % 3 == int(one.because[1:]) % 3 for one in found)
    less = ws.space.recommend(["d1", "d2"], unread="d5", topn=6)
    assert themes_of(less) == {1}


def test_by_interactions_it_is_what_others_of_the_taste_read(ws: es.Workspace) -> None:
    found = ws.space.recommend("d1", interactions=reads(), topn=8)
    assert themes_of(found) == {1}
    assert {one.because for one in found} == {"d1"}
    assert found[0].title
    # Who reads of air reads of these farms, whatever their texts are.
    by_taste = ws.space.recommend("d0", interactions=reads(), topn=90)
    ranks = {one.id: place for place, one in enumerate(by_taste)}
    club, others = [f"d{n}" for n in range(2, 12, 3)], [f"d{n}" for n in range(14, 60, 3)]
    assert max(ranks[id] for id in club) < min(ranks[id] for id in others)


def test_documents_that_nobody_has_read_are_recommended_by_their_content(
    ws: es.Workspace,
) -> None:
    found = ws.space.recommend("d1", interactions=reads(), where="n >= 60", topn=10)
    assert len(found) == 10
    assert themes_of(found) == {1}


def test_a_user_gets_what_they_have_not_read(ws: es.Workspace) -> None:
    own = {id for user, id in reads() if user == "u4"}
    found = ws.space.recommend(interactions=reads(), user="u4", topn=5)
    assert themes_of(found) == {1}
    assert not own & {one.id for one in found}
    assert {one.because for one in found} <= own


def test_what_was_refused_weighs_against_its_like(ws: es.Workspace) -> None:
    table = reads()
    found = ws.space.recommend(["d1", "d2"], interactions=table, topn=90)
    less = ws.space.recommend(["d1", "d2"], ["d14"], interactions=table, topn=90)

    def of_farms(answers: list[Any]) -> float:
        scores = {one.id: one.score for one in answers}
        return float(np.mean([scores[f"d{n}"] for n in range(17, 60, 3)]))

    assert of_farms(less) < 0.8 * of_farms(found)
    assert "d14" not in {one.id for one in less}


def test_what_was_learned_is_kept_and_places_later_documents(tmp_path: Path, path: Path) -> None:
    with es.open(path) as ws:
        ws.backup(tmp_path / "copy.tar")
    with es.restore(tmp_path / "copy.tar", tmp_path / "later.es") as ws:
        before = ws.space.recommend("d1", interactions=reads(), topn=5)
    with es.open(tmp_path / "later.es", "w") as ws:
        assert ws.space.recommend("d1", learned=True, topn=5) == before
        ws.add([es.Document("late", " ".join(THEMES["sky"] * 3))])
        ws.delete(["d0", before[0].id])
        after = ws.space.recommend("d1", learned=True, topn=90)
        assert [one.id for one in after if one.id != "late"][:4] == [one.id for one in before[1:]]
        rank = [one.id for one in after].index("late")
        assert rank < 35
        ws.train("ppmi", min_count=1, vector_size=10, workers=1, language="english")
        with pytest.raises(es.WorkspaceError, match="recommend ID --interactions"):
            ws.space.recommend("d1", learned=True)


def run(path: Path, *arguments: str) -> Any:
    return CliRunner().invoke(main, ["recommend", *arguments, "-w", str(path)])


@pytest.mark.parametrize(("separator", "header"), [("\t", "user\tid\tweight\n"), (",", "")])
def test_interactions_are_read_from_a_file(
    path: Path, tmp_path: Path, separator: str, header: str
) -> None:
    lines = "".join(f"{separator.join((*each, '1'))}\n" for each in [*reads(), ("u1", "d900")])
    file = tmp_path / "reads.tsv"
    file.write_text(header + lines, encoding="utf-8")
    done = run(path, "--interactions", str(file), "--user", "u1", "-k", "4", "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert {int(one["id"][1:]) % 3 for one in found} == {1}
    assert set(found[0]) == {"id", "score", "title", "because", "because_title"}
    assert "left out: 1 ids, such as 'd900'" in done.stderr
    done = run(path, "d1", "--learned", "-k", "2", "--csv")
    assert done.stdout.splitlines()[0] == "id,score,title,because,because_title"


def test_a_table_has_a_line_each(path: Path) -> None:
    done = run(path, "d1", "--less", "d2", "-k", "3")
    assert len(done.stdout.splitlines()) == 4
    assert done.stdout.split()[:5] == ["id", "score", "title", "because", "because_title"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing argument 'ID...' or option '--user'."),
        (("--user", "u1"), "--user needs --interactions."),
        (("d1", "--learned", "--interactions", __file__), "either --interactions or --learned"),
    ],
)
def test_wrong_options_are_a_usage_error(path: Path, arguments: Any, says: str) -> None:
    done = run(path, *arguments)
    assert done.exit_code == 2
    assert says in done.stderr


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({}, es.QueryError, "nothing that was read"),
        ({"read": "x9"}, es.UnknownDocumentError, "x9"),
        ({"read": "x9", "interactions": reads()}, es.UnknownDocumentError, "x9"),
        ({"read": "d1", "unread": "d1"}, es.QueryError, "both read and unread"),
        ({"read": "d1", "user": "u1"}, es.ParameterError, "user must"),
        ({"read": "d1", "interactions": []}, es.InputError, "name no document"),
        ({"read": "d1", "interactions": [("u", "x")]}, es.InputError, "name no document"),
        ({"read": "d1", "interactions": [("u",)]}, es.ParameterError, "interactions"),
        ({"read": "d1", "interactions": ["ud"]}, es.ParameterError, "interactions"),
        ({"read": "d1", "interactions": [("u", "d1", "x")]}, es.ParameterError, "interact"),
        ({"read": "d1", "interactions": [("u", "d1", np.nan)]}, es.ParameterError, "interact"),
        ({"read": "d1", "interactions": "nowhere.tsv"}, es.SourceNotFoundError, "nowhere"),
        ({"user": "ann", "interactions": reads()}, es.QueryError, "no user 'ann'"),
        ({"read": "d1", "interactions": reads(), "learned": True}, es.ParameterError, "learned"),
        ({"read": "d1", "where": "nope = 1"}, es.QueryError, "nope"),
    ],
)
def test_what_cannot_be_recommended_is_named(
    ws: es.Workspace, asked: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        ws.space.recommend(**asked)


@pytest.mark.parametrize(
    ("text", "says"), [("u1 d1\n", "line 1"), ("u\td\nu\td\tx\n", "line 2"), ("a\t\n", "line 1")]
)
def test_a_malformed_line_is_named(ws: es.Workspace, tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "bad.tsv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(es.SourceFormatError, match=says):
        ws.space.recommend("d1", interactions=file)
