"""Judgements and tuned weights: what is chosen, how long it holds, and what a damage costs."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch.search.model import Fusion
from embedsearch.text.corpora import PlantedCorpus
from embedsearch.workspace.preferences import Judgement, Preferences, Tuning, load_preferences

NAME = "preferences.json"
TUNED = Tuning(True, 30, 0.4, 0.5, {"lexical": 1.0, "latent": 4.0, "plugged": 8.0, "feedback": 3})


@pytest.fixture
def path(planted: Path, tmp_path: Path) -> Path:
    """A trained workspace of planted documents."""
    shutil.copytree(planted, tmp_path / "a.es")
    return tmp_path / "a.es"


def judged_by(ws: es.Workspace, mode: str, queries: int = 40) -> dict[str, dict[str, int]]:
    """Judge as somebody does for whom a mode is always right: its first three hits."""
    words = ws.words.index_to_key[20 : 20 + 2 * queries]
    texts = [f"{a} {b}" for a, b in zip(words[::2], words[1::2], strict=True)]
    return {text: {hit.id: 1 for hit in ws.search(text, 3, mode)} for text in texts}


def test_weights_go_to_where_the_judgements_are(path: Path) -> None:
    with es.open(path, mode="w") as ws:
        before = ws.search("king", 5)
        found = ws.tune(judged_by(ws, "lexical"))
        assert found.kept
        assert found.queries == 40
        assert found.after > found.before
        assert 0 < found.weights["latent"] < Fusion().latent
        assert ws.search("king", 5, "latent")
        assert ws.info().tuning == found.to_json()
        text = next(iter(judged_by(ws, "lexical")))
        tuned = ws.search(text, 5)
    # It is stored, and holds after an index that is fitted again.
    with es.open(path, mode="w") as ws:
        assert [(h.id, h.score) for h in ws.search(text, 5)] == [(h.id, h.score) for h in tuned]
        ws.index(refit=True)
        assert ws.info().tuning == found.to_json()
        ws.untune()
        assert ws.info().tuning is None
        assert [h.id for h in ws.search("king", 5)] == [h.id for h in before]


def test_judgements_that_favour_nothing_change_nothing(path: Path) -> None:
    with es.open(path, mode="w") as ws:
        found = ws.tune(judged_by(ws, "auto"))
        assert (found.kept, found.weights["latent"]) == (False, Fusion().latent)
        assert ws.info().tuning is None


def test_single_judgements_are_kept_listed_forgotten_and_tuned_by(path: Path) -> None:
    with es.open(path, mode="w") as ws:
        judged = judged_by(ws, "lexical", 20)
        pairs = [(query, id) for query, ids in judged.items() for id in ids]
        for query, id in pairs:
            ws.judge(f" {query} ", id)
        ws.judge(*pairs[0], relevant=False)
        assert ws.judgements[-1] == (*pairs[0], False)
        assert len(ws.judgements) == ws.info().judgements == len(pairs)
        ws.judge(*pairs[1], relevant=None)
        assert (*pairs[1], True) not in ws.judgements
        assert ws.tune().queries == 20
        with pytest.raises(es.UnknownDocumentError):
            ws.judge("king", "nobody")
        with pytest.raises(es.ParameterError, match="query"):
            ws.judge(" ", pairs[0][1])
        ws.judge("half a pair \ud800", pairs[0][1])
        ws.judge(ws.judgements[-1].query, pairs[0][1], relevant=None)
        with pytest.raises(es.ParameterError, match="judgements"):
            ws.tune({query: {id: 2**70} for query, id in pairs})
    with es.open(path) as ws:
        assert len(ws.judgements) == len(pairs) - 1
        with pytest.raises(es.WorkspaceReadOnlyError):
            ws.judge(*pairs[0])
        with pytest.raises(es.WorkspaceReadOnlyError):
            ws.tune()


def test_few_judgements_are_refused(path: Path) -> None:
    with es.open(path, mode="w") as ws:
        id = next(iter(ws.documents))
        few = {f"query {n}": {id: 1, "nobody": 1} for n in range(19)}
        none = {f"query {n}": {id: 0, "nobody": 1} for n in range(30)}
        for judgements in (few, none, {**few, "another": {"nobody": 1}}):
            with pytest.raises(es.ParameterError, match="20 queries or more"):
                ws.tune(judgements)
        with pytest.raises(es.ParameterError, match="30 judgements of documents that are not here"):
            ws.tune(none)
        for wrong in ([], "x", {"query": 1}, {"query": {id: "x"}}, {1: {id: 1}}):
            with pytest.raises(es.ParameterError, match="judgements must be"):
                ws.tune(wrong)  # type: ignore[arg-type]
        with pytest.raises(es.ParameterError, match="together"):
            ws.tune(qrels="qrels.tsv")


def test_judgements_of_documents_that_are_not_there_are_counted(path: Path) -> None:
    with es.open(path, mode="w") as ws:
        judged = judged_by(ws, "lexical")
        assert ws.tune(judged).missing == 0
        text = next(iter(judged))
        found = ws.tune({**judged, text: {**judged[text], "nobody": 1}, "x": {"noone": 0}})
        assert (found.kept, found.missing, found.queries) == (True, 2, 40)
        assert ws.info().tuning == found.to_json()


def test_an_open_reader_takes_weights_that_were_tuned_since(path: Path) -> None:
    with es.open(path) as reader, es.open(path, mode="w") as ws:
        judged = judged_by(reader, "lexical")
        text = next(iter(judged))
        usual = [(hit.id, hit.score) for hit in reader.search(text, 20)]
        assert ws.tune(judged).kept
        tuned = [(hit.id, hit.score) for hit in reader.search(text, 20)]
        assert tuned == [(hit.id, hit.score) for hit in ws.search(text, 20)] != usual
        assert reader.explain(text, tuned[0][0]).weights["latent"] < Fusion().latent
        ws.untune()
        assert [(hit.id, hit.score) for hit in reader.search(text, 20)] == usual


def test_files_of_judgements_are_read(path: Path, tmp_path: Path) -> None:
    queries, qrels = tmp_path / "queries.jsonl", tmp_path / "qrels.tsv"
    with es.open(path, mode="w") as ws:
        judged = judged_by(ws, "lexical", 25)
        texts = dict(enumerate(judged))
        queries.write_text(
            "".join(json.dumps({"_id": f"q{n}", "text": text}) + "\n" for n, text in texts.items())
        )
        lines = [f"q{n}\t{id}\t1\n" for n, text in texts.items() for id in judged[text]]
        qrels.write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
        assert ws.tune(queries=queries, qrels=qrels) == ws.tune(judged)
        # The judgements of a text that has two ids count together.
        with queries.open("a") as more:
            more.write(json.dumps({"_id": "again", "text": texts[0]}) + "\n")
        with qrels.open("a") as more:
            more.write(f"again\t{next(iter(judged[texts[1]]))}\t0\n")
        assert ws.tune(queries=queries, qrels=qrels).queries == 25


def test_a_backup_of_no_preferences_has_none(path: Path, tmp_path: Path) -> None:
    with es.open(path) as ws:
        assert ws.backup(tmp_path / "backup").warnings == ()
    with tarfile.open(tmp_path / "backup") as tar:
        assert NAME not in tar.getnames()
    es.restore(tmp_path / "backup", tmp_path / "b.es").close()
    assert not (tmp_path / "b.es" / NAME).exists()


def test_preferences_are_in_backups(path: Path, tmp_path: Path) -> None:
    with es.open(path, mode="w") as ws:
        id = next(iter(ws.documents))
        ws.judge("a query", id)
        Preferences(tuple(ws.judgements), TUNED).save(ws._session.layout)
        ws.backup(tmp_path / "backup")
    es.restore(tmp_path / "backup", tmp_path / "b.es").close()
    with es.open(tmp_path / "b.es", mode="w") as ws:
        assert ws.judgements == [("a query", id, True)]
        assert ws.info().tuning == TUNED.to_json()
        ws.compact()
        assert ws.info().tuning == TUNED.to_json()


@pytest.mark.parametrize(
    "damage",
    [lambda _: "{", lambda text: text.replace("4.0", "5.0"), lambda text: text.replace("30", "-1")],
)
def test_damage_is_found_and_put_aside(path: Path, tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    with es.open(path, mode="w") as ws:
        id, other = list(ws.documents)[:2]
        judged = Judgement("a query", id, True), Judgement("another", other, False)
        Preferences(judged, TUNED).save(ws._session.layout)
    assert es.verify(path).sound
    file = path / NAME
    file.write_text(damage(file.read_text()))
    found = es.verify(path)
    assert [problem.part for problem in found.problems] == ["preferences"]
    with es.open(path) as ws:
        with pytest.raises(es.WorkspaceDamagedError, match=NAME):
            ws.info()
        # Search goes on, and says so.
        text = PlantedCorpus().queries()[0][0]
        hits = ws.search(text, explain=True)
        assert hits[0].explanation is not None
        assert hits[0].explanation.weights["latent"] == Fusion().latent
        (said,) = hits.warnings
        assert NAME in said
        assert "usual weights" in said
        (said,) = ws.backup(tmp_path / "backup").warnings
        assert NAME in said
    es.restore(tmp_path / "backup", tmp_path / "b.es").close()
    assert (tmp_path / "b.es" / NAME).read_bytes() == file.read_bytes()
    report = es.repair(path)
    assert any(NAME in lost for lost in report.lost_parts)
    assert es.verify(path).sound
    with es.open(path) as ws:
        assert ws.info().tuning is None
        # What can be read is kept: nobody else knows it.
        kept = () if damage("") == "{" else judged
        assert load_preferences(ws._session.layout) == Preferences(kept)
        assert ws.search(text).warnings == ()
