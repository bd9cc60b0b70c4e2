"""Any sequence of changes, crashes and reopenings leaves what a plain dict has."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import embedsearch as es

TOPICS = ["galaxy comet star orbit", "barn meadow hay farmer"]
IDS = st.sampled_from([f"m{n}" for n in range(8)])
TEXTS = st.tuples(st.sampled_from(TOPICS), st.integers(0, 9)).map(lambda t: f"{t[0]} mark{t[1]}")
SMALL: dict[str, Any] = {"vector_size": 4, "workers": 1, "min_count": 1}
KILLED = st.sampled_from(["add", "update", "delete", "index", "refit", "search"])


class Machine(RuleBasedStateMachine):
    """A workspace beside a dict of texts."""

    folder: Path
    nursery: Any
    runs = 0

    @initialize()
    def create(self) -> None:
        type(self).runs += 1
        self.path = self.folder / f"{self.runs}.es"
        self.workspace = es.create(self.path)
        self.model: dict[str, str] = {}
        self.saved: dict[str, str] | None = None

    @rule(texts=st.dictionaries(IDS, TEXTS, min_size=1, max_size=4))
    def add(self, texts: dict[str, str]) -> None:
        new = sum(id not in self.model for id in texts)
        same = sum(self.model.get(id) == text for id, text in texts.items())
        done = self.workspace.add(es.Document(id, text) for id, text in texts.items())
        self.model |= texts
        assert (done.added, done.updated, done.unchanged) == (new, len(texts) - new - same, same)

    @rule(texts=st.dictionaries(IDS, TEXTS, min_size=1, max_size=3))
    def fail_to_add(self, texts: dict[str, str]) -> None:
        """The source of the documents breaks off."""

        def broken() -> Any:
            yield from (es.Document(id, text) for id, text in texts.items())
            raise ValueError("broken off")

        with pytest.raises(ValueError, match="broken off"):
            self.workspace.add(broken())

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        gone = data.draw(st.sets(st.sampled_from(sorted(self.model)), min_size=1, max_size=3))
        assert self.workspace.delete(sorted(gone)) == len(gone)
        self.model = {id: text for id, text in self.model.items() if id not in gone}

    @rule(id=IDS)
    def delete_what_may_be_missing(self, id: str) -> None:
        if id in self.model:
            return
        with pytest.raises(es.UnknownDocumentError):
            self.workspace.delete([*self.model, id])

    @precondition(lambda self: len(self.model) >= 2)
    @rule()
    def train(self) -> None:
        self.workspace.train("ppmi", **SMALL)

    @rule(refit=st.booleans())
    def index(self, refit: bool) -> None:
        if self.workspace.info().generation is not None and self.model:
            self.workspace.index(refit=refit)
            assert self.workspace.info().behind == 0

    @rule()
    def reopen(self) -> None:
        self.workspace.close()
        self.workspace = es.open(self.path, "w")

    @rule(text=TEXTS, at=st.integers(1, 40), action=st.sampled_from([3, 4, 5]))
    def crash(self, text: str, at: int, action: int) -> None:
        """Another process adds a document and is killed at some call."""
        self.workspace.close()
        arm = {"root": self.path, "at": at, "action": action}
        ended = self.nursery.attempt("add_text", path=self.path, id="m0", text=text, arm=arm)
        assert ended.status in (0, -9)
        self.workspace = es.open(self.path, "w")
        held = self.workspace.documents.get("m0")
        found = None if held is None else held.text
        assert found in ({text} if ended.status == 0 else {text, self.model.get("m0")})
        if found is not None:
            self.model["m0"] = found

    @rule()
    def back_up(self) -> None:
        self.workspace.backup(self.folder / "backup", overwrite=True)
        self.saved = dict(self.model)

    @precondition(lambda self: self.saved is not None)
    @rule()
    def restore(self) -> None:
        self.workspace.close()
        self.workspace = es.restore(self.folder / "backup", self.path, overwrite=True)
        self.model = dict(self.saved or {})

    @rule()
    def compact(self) -> None:
        self.workspace.compact()

    @invariant()
    def is_the_model(self) -> None:
        if not hasattr(self, "workspace"):
            return
        with es.open(self.path) as reader:
            for ws in (self.workspace, reader):
                assert {id: held.text for id, held in ws.documents.items()} == self.model
                if ws.info().generation is not None:
                    self.check_search(ws)

    def check_search(self, ws: es.Workspace) -> None:
        for word in ("galaxy", "barn", "mark3"):
            expected = {id for id, text in self.model.items() if word in text}
            try:
                found = {hit.id for hit in ws.search(word, 20, "lexical")}
            except es.UnknownWordError:
                found = set()
            assert found == expected, word
        assert len(ws.documents.vectors) == len(self.model)

    def teardown(self) -> None:
        if hasattr(self, "workspace"):
            self.workspace.close()
            assert list(es.verify(self.path).problems) == []
            shutil.rmtree(self.path)


def test_a_workspace_is_a_dict_that_survives(
    nursery: Any, tmp_path: Path, long: bool, figure: Callable[[str, object], None]
) -> None:
    machine = type("Machine", (Machine,), {"folder": tmp_path, "nursery": nursery})
    bounds = settings(
        max_examples=80 if long else 6,
        stateful_step_count=30 if long else 12,
        derandomize=not long,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=bounds)
    figure("workspaces beside a dict", machine.runs)
