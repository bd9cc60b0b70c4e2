"""`Workspace.evaluate`: how good its vectors, its search and its indexes are."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from embedsearch import evaluation
from embedsearch._checks import (
    NATURAL,
    STRING,
    Choice,
    Interval,
    Optional,
    as_count,
    as_strings,
    check,
)
from embedsearch._errors import InputError
from embedsearch._fields import ABSENT, FieldPath
from embedsearch._io import write_json
from embedsearch._progress import Progress, listener_of
from embedsearch._version import __version__
from embedsearch.evaluation.word_sets import resolve_set
from embedsearch.search.document_index import LatentIndex
from embedsearch.search.model import Fusion
from embedsearch.search.options import KINDS, SEARCH_MODES, SearchOptions
from embedsearch.search.segments import Segmented
from embedsearch.workspace.layout import check_outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from embedsearch._types import Document, FloatMatrix, FloatVector, IntVector
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
    from embedsearch.workspace.layout import Layout
    from embedsearch.workspace.session import Session


R = TypeVar("R", bound="Report")

_KS, _PERCENTILES = (1, 10, 100), (50, 90, 99)
# As many as a search takes from its index before it adds up scores.
_PROPOSED = 200


def _write_report(
    layout: Layout, report: Report, generation: int, arguments: Mapping[str, Any]
) -> None:
    # With microseconds, so that no two reports share a name: then no lock is needed.
    now = datetime.now(timezone.utc)
    # A reader may write here: nothing else depends on reports.
    layout.check_in_place()
    layout.reports.mkdir(exist_ok=True)
    path = layout.reports / f"{now:%Y%m%dT%H%M%S.%fZ}-{report.kind}.json"
    content = {
        "kind": report.kind,
        "created": now.isoformat(timespec="seconds"),
        "embedsearch": __version__,
        "generation": generation,
        "arguments": {name: _plain(value) for name, value in arguments.items()},
        "notes": list(report.notes),
        "results": report.to_json(),
    }
    write_json(path, content)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


class Evaluation:
    """Measures of one workspace; each returns a report and keeps it in the folder `reports`."""

    def __init__(self, session: Session) -> None:
        self._session, self._generation = session, session.trained()

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

        "google" is the file `questions-words.txt`.
        """
        options: dict[str, Any] = {
            "method": method,
            "restrict_vocab": restrict_vocab,
            "case_insensitive": case_insensitive,
        }
        report = evaluation.analogies(
            self._generation.vectors, resolve_set(path), progress=progress, **options
        )
        return self._save(report, progress, path=path, **options)

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

        "wordsim353" and "simlex999" are the files that gensim ships.
        """
        options: dict[str, Any] = {
            "restrict_vocab": restrict_vocab,
            "case_insensitive": case_insensitive,
            "dummy4unknown": dummy4unknown,
        }
        report = evaluation.pairs(self._generation.vectors, resolve_set(path), **options)
        return self._save(report, progress, path=path, **options)

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

        Documents are looked for by the vectors of documents, as search looks for those of texts:
        each by its nearest passage, all encoders with the same weight. Up to 20,000 passages,
        search compares all of them, and there is nothing to measure but the time: a note says so.

        Args:
            what: "words" or "documents".
            topn: How many neighbours a timed query asks for.
            queries: How many vectors are looked for, drawn at random.
            seed: Of the draw.
            progress: A listener.

        Raises:
            InputError: There are fewer than two documents with known words.
        """
        check("what", what, Choice(KINDS))
        check("seed", seed, NATURAL)
        topn, queries = as_count("topn", topn), as_count("queries", queries)
        if what == "words":
            index, X = self._generation.words.index, self._generation.vectors.vectors
            report = evaluation.index_recall(index, X, topn=topn, queries=queries, seed=seed)
        else:
            clusters = self._generation.files.document_index.exists()
            report = _document_recall(self._session.search(), clusters, topn, queries, seed)
        return self._save(report, progress, what=what, topn=topn, queries=queries, seed=seed)

    def stability(
        self,
        seeds: int = 3,
        *,
        topn: int = 10,
        progress: Progress | None = None,
    ) -> StabilityReport:
        """Train again with other seeds and compare; see `embedsearch.evaluation.stability`.

        With the documents of the workspace and the settings of the last training: `seeds` models,
        2 or more, of which `topn` neighbours are compared.
        """
        from embedsearch.workspace.train import train_with_seeds

        check("seeds", seeds, Interval(2, whole=True))
        models = train_with_seeds(
            self._session.store, self._generation, seeds, listener_of(progress)
        )
        report = evaluation.stability(models, topn=topn)
        return self._save(report, progress, seeds=seeds, topn=topn)

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
        feedback: int | None = None,
        lean: int = 0,
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
            feedback: As for `Workspace.search`, in all modes but "lexical".
            lean: As for `Workspace.search`, in all modes but "lexical" and "latent".
            progress: A listener.
        """
        modes = [modes] if isinstance(modes, str) else as_strings("modes", modes)
        for mode in modes:
            check("mode", mode, Choice(SEARCH_MODES))
        check("feedback", feedback, Optional(NATURAL))
        check("lean", lean, Interval(-2, 2, whole=True))
        if run is not None:
            check_outside(run, "run")
        collection = evaluation.load_collection(path, split, queries=queries, qrels=qrels)
        alone = "lexical" if set(modes) == {"lexical"} else "hybrid"
        search, _ = self._session.search_texts(SearchOptions(mode=alone))
        leans = {mode: lean if mode in ("auto", "hybrid") else 0 for mode in modes}
        searchers = {
            mode: search.ranker(mode, None if mode == "lexical" or own == -2 else feedback, own)
            for mode, own in leans.items()
        }
        report = evaluation.retrieval(
            searchers,
            collection,
            metrics=metrics,
            known_ids=set(self._session.store.ids()),
            progress=progress,
        )
        if run is not None:
            _write_runs(report, Path(run))
        arguments = {"path": path, "split": report.split, "modes": modes, "run": run}
        return self._save(report, progress, **arguments, feedback=feedback, lean=lean)

    def lee(self, *, progress: Progress | None = None) -> LeeReport:
        """Compare similarities of documents with human ones; see `embedsearch.evaluation.lee`."""
        report = evaluation.lee(lambda texts: self._session.search().encoder.texts(list(texts)))
        return self._save(report, progress, set="lee")

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
        check("label", label, STRING)
        name = label.removeprefix("metadata.")
        options: dict[str, Any] = {"folds": folds, "seed": seed}
        labels = _labels((document for _, document in self._session.store.changed_since(0)), name)
        known = [place for place, value in enumerate(labels) if value is not None]
        if not known:
            raise InputError(f"no document of the workspace has the metadata {name!r}")
        if test is not None:
            options["test"] = self._encoded(test, name, listener_of(progress))
        report = evaluation.classification(
            self._session.search().matrix()[known],
            [str(labels[place]) for place in known],
            **options,
        )
        return self._save(report, progress, label=label, test=test, folds=folds, seed=seed)

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
        X = np.concatenate(list(self._session.search().encoder.documents(documents)))
        return X[known], [str(labels[place]) for place in known]

    def _save(self, report: R, progress: Progress | None, **arguments: Any) -> R:
        """Save a report in the workspace, unless that cannot be written to."""
        try:
            _write_report(self._session.layout, report, self._generation.number, arguments)
        except OSError as error:
            listener = listener_of(progress)
            listener.note(
                f"the report is not saved: {error.strerror} ({self._session.layout.reports})"
            )
        return report


def _document_recall(
    search: DocumentSearch, clusters: bool, topn: int, queries: int, seed: int
) -> IndexReport:
    """Compare what search proposes by meaning with what comparing all passages finds.

    With `clusters`, it looks into the nearest clusters of passages, rather than at all of them.
    """
    hybrid, blocks = search.hybrid(), search.model.space.blocks
    latent = hybrid.latent
    # For so many questions they are read, and made float32, once.
    exact = LatentIndex(latent.rows, Segmented(latent.X.take(np.arange(len(latent.X)))))
    rows = latent.rows.alive
    if len(rows) > queries:
        rows = np.sort(np.random.default_rng(seed).choice(rows, queries, replace=False))
    asked = [
        hybrid.weighted(vector, Fusion(latent=1.0)) for vector in latent.take(rows).means(blocks)
    ]
    pairs = [(row, query) for row, query in zip(rows.tolist(), asked, strict=True) if query.any()]
    ks = [k for k in _KS if k < len(latent)]
    if not pairs or not ks:
        raise InputError("there are fewer than two documents with known words to compare")
    right = dict.fromkeys(ks, 0)
    for row, query in pairs:
        scores, wanted = _others(exact.nearest(query, _PROPOSED + 1), row)
        found_scores, found = _others(latent.nearest(query, _PROPOSED + 1), row)
        for k in ks:
            # Of rows that tie at the border, any will do.
            good = np.isin(found[:k], wanted[:k]) | (found_scores[:k] >= scores[k - 1])
            right[k] += int(good.sum())
    recall = {k: count / (k * len(pairs)) for k, count in right.items()}
    seconds = [_seconds(latent, query, max(topn, _PROPOSED)) for _, query in pairs]
    latency = np.percentile(seconds, _PERCENTILES) * 1000
    size = f"{len(latent.X):,} passages × {latent.X.shape[1]}"
    return evaluation.IndexReport(
        f"clusters of {size}" if clusters else f"exact search of {size}",
        recall,
        dict(zip(_PERCENTILES, latency.tolist(), strict=True)),
        len(pairs) / sum(seconds),
        len(pairs),
        topn,
        _recall_notes(len(pairs), clusters),
    )


def _others(found: tuple[FloatVector, IntVector], row: int) -> tuple[FloatVector, IntVector]:
    """Return scores and rows without the document that was asked for."""
    others = found[1] != row
    return found[0][others], found[1][others]


def _seconds(index: LatentIndex, query: FloatVector, topn: int) -> float:
    start = perf_counter()
    index.nearest(query, topn)
    return perf_counter() - start


def _recall_notes(queries: int, clusters: bool) -> tuple[str, ...]:
    notes = [f"{queries:,} documents looked for, none its own neighbour"]
    if not clusters:
        notes.append("search compares all passages, as they are few: it cannot miss any")
    return tuple(notes)


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
