"""`Workspace.evaluate`: how good its vectors, its search and its indexes are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from embedsearch import evaluation
from embedsearch._errors import InputError, ParameterError
from embedsearch._progress import Progress, SilentProgress
from embedsearch.evaluation.word_sets import resolve_set
from embedsearch.index.vector_index import VectorIndex
from embedsearch.store.where.columns import ABSENT, FieldPath
from embedsearch.workspace.choices import KINDS, check_mode
from embedsearch.workspace.contents import check_outside
from embedsearch.workspace.reports import save_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from embedsearch._types import Document, FloatMatrix
    from embedsearch.evaluation import (
        AnalogyReport,
        ClassificationReport,
        IndexReport,
        LeeReport,
        PairReport,
        Report,
        RetrievalReport,
        StabilityReport,
    )
    from embedsearch.search.documents import DocumentSearch
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.generation import Generation
    from embedsearch.workspace.layout import Layout

R = TypeVar("R", bound="Report")


class Evaluation:
    """Measures of one workspace; each returns a report and keeps it in the folder `reports`.

    Args:
        layout: The workspace.
        store: Its record.
        generation: What is evaluated.
        search: Gives its document search.
    """

    def __init__(
        self,
        layout: Layout,
        store: DocumentStore,
        generation: Generation,
        search: Callable[[], DocumentSearch],
    ) -> None:
        self._layout, self._store = layout, store
        self._generation, self._search = generation, search

    def analogies(
        self,
        path: str | Path = "google",
        *,
        method: str = "3cosadd",
        restrict_vocab: int = 300_000,
        case_insensitive: bool = True,
        progress: Progress | None = None,
    ) -> AnalogyReport:
        """Answer questions "a is to b as c is to d"; see `embedsearch.evaluation.analogies`.

        Args:
            path: A file in the layout of Google's `questions-words.txt`; "google" is that file.
            method: "3cosadd" or "3cosmul".
            restrict_vocab: Ask only about the first so many words.
            case_insensitive: Ignore case.
            progress: A listener.
        """
        options: dict[str, Any] = {
            "method": method,
            "restrict_vocab": restrict_vocab,
            "case_insensitive": case_insensitive,
        }
        report = evaluation.analogies(
            self._generation.vectors, resolve_set(path), progress=progress, **options
        )
        return self._kept(report, progress, path=path, **options)

    def pairs(
        self,
        path: str | Path,
        *,
        restrict_vocab: int = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        progress: Progress | None = None,
    ) -> PairReport:
        """Compare similarities with human ones; see `embedsearch.evaluation.pairs`.

        Args:
            path: A file in the layout of WordSim-353, SimLex-999 or MEN; "wordsim353" and
                "simlex999" are those that gensim ships.
            restrict_vocab: Ask only about the first so many words.
            case_insensitive: Ignore case.
            dummy4unknown: Count a pair with an unknown word as similarity 0, rather than
                leave it out.
            progress: A listener.
        """
        options: dict[str, Any] = {
            "restrict_vocab": restrict_vocab,
            "case_insensitive": case_insensitive,
            "dummy4unknown": dummy4unknown,
        }
        report = evaluation.pairs(self._generation.vectors, resolve_set(path), **options)
        return self._kept(report, progress, path=path, **options)

    def index(
        self,
        what: str = "words",
        *,
        topn: int = 10,
        queries: int = 1_000,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> IndexReport:
        """Compare an index with exact search; see `embedsearch.evaluation.index_recall`.

        Args:
            what: "words" or "documents".
            topn: How many neighbours are compared.
            queries: How many vectors are looked for, drawn at random.
            seed: Of the draw.
            progress: A listener.
        """
        if what not in KINDS:
            raise ParameterError("what", f"one of {', '.join(KINDS)}", what)
        if what == "words":
            index, X = self._generation.words.index, self._generation.vectors.vectors
        else:
            X = self._search().matrix()
            index = VectorIndex.build(X, spec="flat")
        report = evaluation.index_recall(index, X, topn=topn, queries=queries, seed=seed)
        return self._kept(report, progress, what=what, topn=topn, queries=queries, seed=seed)

    def stability(
        self,
        seeds: int = 3,
        *,
        topn: int = 10,
        progress: Progress | None = None,
    ) -> StabilityReport:
        """Train again with other seeds and compare; see `embedsearch.evaluation.stability`.

        The documents are those of the record, the settings those of the last training.

        Args:
            seeds: How many models to train and compare, 2 or more.
            topn: How many neighbours are compared.
            progress: A listener.
        """
        from embedsearch.workspace.retraining import trained_with_seeds

        models = trained_with_seeds(
            self._store, self._generation, seeds, progress or SilentProgress()
        )
        report = evaluation.stability(models, topn=topn)
        return self._kept(report, progress, seeds=seeds, topn=topn)

    def retrieval(
        self,
        path: str | Path,
        *,
        split: str | None = None,
        modes: Sequence[str] = ("auto",),
        metrics: Sequence[str] = evaluation.METRICS,
        qrels: str | Path | None = None,
        queries: str | Path | None = None,
        run: str | Path | None = None,
        progress: Progress | None = None,
    ) -> RetrievalReport:
        """Search for the queries of a test collection; see `embedsearch.evaluation.retrieval`.

        The documents of the workspace must have the ids of the collection.

        Args:
            path: A folder in the BEIR layout, or one with files of TREC.
            split: Which judgements: a file of `qrels/`, without its ending.
            modes: Modes of search to compare, the first with each of the others.
            metrics: Such as "ndcg@10", "map", "mrr", "recall@100", "precision@10".
            qrels: A file of judgements, if it is elsewhere.
            queries: A file of queries, if it is elsewhere.
            run: Where to write what was found, in TREC's format; with several modes, the mode
                is put into the name.
            progress: A listener.
        """
        for mode in modes:
            check_mode(mode)
        if run is not None:
            check_outside(run, "run")
        collection = evaluation.load_collection(path, split, queries=queries, qrels=qrels)
        searchers = {mode: self._search().ranker(mode) for mode in modes}
        report = evaluation.retrieval(
            searchers,
            collection,
            metrics=metrics,
            known_ids=set(self._store.ids()),
            progress=progress,
        )
        if run is not None:
            _write_runs(report, Path(run))
        arguments = {"path": path, "split": report.split, "modes": modes, "run": run}
        return self._kept(report, progress, **arguments)

    def lee(self, *, progress: Progress | None = None) -> LeeReport:
        """Compare similarities of documents with human ones; see `embedsearch.evaluation.lee`.

        Args:
            progress: A listener.
        """
        report = evaluation.lee(lambda texts: self._search().encoder.passages(list(texts)))
        return self._kept(report, progress, set="lee")

    def classification(
        self,
        label: str,
        *,
        test: str | Path | None = None,
        folds: int = 5,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> ClassificationReport:
        """Tell labels from document vectors; see `embedsearch.evaluation.classification`.

        Args:
            label: The metadata that is the label, such as "group" or "metadata.group", or
                "meta.group" within an object; documents without it are left out.
            test: A source of other documents with labels to test on; None cross-validates.
            folds: Of the cross-validation.
            seed: Of its draw.
            progress: A listener.

        Raises:
            InputError: Too few documents have the label, or one has a list or an object there.
        """
        name = label.removeprefix("metadata.")
        options: dict[str, Any] = {"folds": folds, "seed": seed}
        labels = _labels((document for _, document in self._store.changed_since(0)), name)
        known = [place for place, value in enumerate(labels) if value is not None]
        if not known:
            raise InputError(f"no document of the workspace has the metadata {name!r}")
        if test is not None:
            options["test"] = self._encoded(test, name, progress or SilentProgress())
        report = evaluation.classification(
            self._search().matrix()[known], [str(labels[place]) for place in known], **options
        )
        return self._kept(report, progress, label=label, test=test, folds=folds, seed=seed)

    def _encoded(
        self, source: str | Path, label: str, progress: Progress
    ) -> tuple[FloatMatrix, list[str]]:
        from embedsearch.text.settings import ReadSettings
        from embedsearch.workspace.sources import Sources

        arrivals = Sources(source, ReadSettings(), progress)
        documents = [arrival.document for arrival in arrivals]
        labels = _labels(documents, label)
        known = [place for place, value in enumerate(labels) if value is not None]
        if not known:
            raise InputError(f"no document of {source} has the metadata {label!r}")
        X = np.concatenate(list(self._search().encoder.documents(documents)))
        return X[known], [str(labels[place]) for place in known]

    def _kept(self, report: R, progress: Progress | None, **arguments: Any) -> R:
        """Keep a report in the workspace, unless that cannot be written to."""
        try:
            save_report(self._layout, report, self._generation.number, arguments)
        except OSError as error:
            told = progress or SilentProgress()
            told.note(f"the report is not kept: {error.strerror} ({self._layout.reports})")
        return report


def _labels(documents: Iterable[Document], name: str) -> list[str | None]:
    path = FieldPath(name)
    return [_label(path.value(document.metadata), name, document.id) for document in documents]


def _label(value: object, name: str, id: str) -> str | None:
    if isinstance(value, list | dict):
        kind = "a list" if isinstance(value, list) else "an object"
        raise InputError(
            f"the metadata {name!r} of document {id!r} is {kind}; a label is one value"
        )
    return None if value is None or value is ABSENT else str(value)


def _write_runs(report: RetrievalReport, path: Path) -> None:
    for mode in report.modes:
        many = len(report.modes) > 1
        target = path.with_name(f"{path.stem}-{mode.mode}{path.suffix}") if many else path
        evaluation.write_run(mode.run, target, tag=f"embedsearch-{mode.mode}")
