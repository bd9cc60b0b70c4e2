"""Document vectors as features: how well a linear model predicts classes from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from embedsearch._checks import Interval, check
from embedsearch._errors import InputError, ParameterError
from embedsearch.evaluation.base import CONFIDENCE, Report, quoted_ids
from embedsearch.vectors.arrays import as_measured_matrix, unit_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import FloatMatrix, MetadataScalar


@dataclass(frozen=True, slots=True)
class ClassResult:
    """How well one class is predicted.

    Attributes:
        label: The class.
        count: Documents of it among those that were classified.
        precision: Of the documents predicted to be of this class, the share that are.
        recall: Of the documents of this class, the share predicted to be of it.
        f1: The harmonic mean of the two; 0 where either is.
    """

    label: str
    count: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassificationReport(Report):
    """How well the classes of documents can be predicted from their vectors.

    Attributes:
        accuracy: The share of documents whose class was predicted correctly.
        interval: Its 95 % confidence interval (Wilson 1927), documents being independent.
        macro_f1: The mean of the F1 of all classes, each counting alike.
        majority: The accuracy of always saying the most frequent class: what to beat.
        documents: How many documents were classified.
        classes: The result of each class, the most frequent first.
        folds: Of the cross-validation; None with a test set.
        notes: What was left out or assumed, a line each.
    """

    kind: ClassVar[str] = "classification"
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    majority: float
    documents: int
    classes: tuple[ClassResult, ...]
    folds: int | None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the figures and those of each class."""
        return {
            "accuracy": self.accuracy,
            "ci": {"accuracy": list(self.interval)},
            "macro_f1": self.macro_f1,
            "majority": self.majority,
            "documents": self.documents,
            "folds": self.folds,
            "classes": [asdict(found) for found in self.classes],
            "notes": list(self.notes),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return a line for each class, and one for all: its recall is the accuracy."""
        names = ("class", "documents", "precision", "recall", "f1")
        total = ("all", self.documents, None, self.accuracy, self.macro_f1)
        lines = [*map(astuple, self.classes), total]
        return [dict(zip(names, line, strict=True)) for line in lines]


# scikit-learn's default of 100 may end before the model has converged.
_ITERATIONS = 1000


class _Labelled(NamedTuple):
    X: FloatMatrix
    labels: NDArray[np.object_]

    def only(self, mask: NDArray[np.bool_]) -> _Labelled:
        return _Labelled(self.X[mask], self.labels[mask])


# What scikit-learn takes.
_SEED = Interval(0, 2**32 - 1, whole=True)


def classification(
    X: ArrayLike,
    labels: Sequence[MetadataScalar],
    *,
    folds: int = 5,
    test: tuple[ArrayLike, Sequence[MetadataScalar]] | None = None,
    seed: int = 1,
) -> ClassificationReport:
    """Learn to predict the classes of documents from their vectors; test it on other documents.

    The model is scikit-learn's `LogisticRegression` with its default penalty (L2, C = 1), on
    vectors of length 1: as everywhere, their direction counts. Without a test set, each
    document is classified once, by a model that has learned from the other folds; folds have
    the same share of each class.

    Documents without a label are left out. So are, in cross-validation, classes of fewer
    documents than folds, which would be missing in some. A class that only the test set has
    is kept, and never predicted.

    Args:
        X: A vector for each document, `(n, d)`.
        labels: Its class, `n` of them; numbers and booleans count as their text.
        folds: Of the cross-validation, 2 or more.
        test: Vectors and labels to test on, rather than folds.
        seed: Of the shuffling into folds.

    Raises:
        VectorError: The vectors are not matrices of finite numbers, or of other dimensions.
        ParameterError: The number of labels is not that of vectors, or there are too few folds.
        InputError: Fewer than two classes are left.
    """
    check("seed", seed, _SEED)
    if test is not None and not (isinstance(test, Sequence) and len(test) == 2):
        raise ParameterError("test", "vectors and labels, or None", test)
    notes: list[str] = []
    train = _labelled(X, labels, "X", notes)
    if test is None:
        check("folds", folds, Interval(2, whole=True))
        train = _without_rare(train, folds, notes)
        _check_classes(train)
        predicted = _cross_validated(train, folds, seed)
        return _report(train.labels, predicted, folds, notes)
    tested = _labelled(*test, "the test vectors", notes, train.X.shape[1])
    _check_classes(train)
    _check_tested(tested, train, notes)
    predicted = _model().fit(train.X, train.labels).predict(tested.X)
    return _report(tested.labels, predicted, None, notes)


def _labelled(
    X: ArrayLike,
    labels: Sequence[MetadataScalar],
    name: str,
    notes: list[str],
    dimension: int | None = None,
) -> _Labelled:
    matrix, norms = as_measured_matrix(X, name, dimension)
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        raise ParameterError("labels", "a list of labels", labels)
    labels = list(labels)
    if len(labels) != len(matrix):
        allowed = f"one for each of the {len(matrix):,} rows of {name}"
        raise ParameterError("labels", allowed, len(labels))
    labelled = np.array([label is not None and label != "" for label in labels], dtype=bool)
    if not labelled.all():
        notes.append(
            f"documents left out of {name} because they have no label: {(~labelled).sum():,}"
        )
    texts = np.array([str(label) for label in labels], dtype=object)
    return _Labelled(unit_rows(matrix, norms), texts).only(labelled)


def _without_rare(data: _Labelled, folds: int, notes: list[str]) -> _Labelled:
    counts = Counter(data.labels)
    rare = {label for label, count in counts.items() if count < folds}
    if rare:
        classes = quoted_ids(sorted(rare))
        notes.append(f"classes left out because they have fewer than {folds} documents: {classes}")
    return data.only(np.array([label not in rare for label in data.labels], dtype=bool))


def _check_classes(data: _Labelled) -> None:
    classes = sorted(set(data.labels))
    if len(classes) < 2:
        there = f"only {classes[0]!r} is" if classes else "none is"
        raise InputError(
            f"two classes or more are needed to learn from, {there} left; "
            "label more documents, or use fewer folds"
        )


def _check_tested(tested: _Labelled, train: _Labelled, notes: list[str]) -> None:
    if not len(tested.labels):
        raise InputError("the test set has no document with a label; label some, or use folds")
    if new := sorted(set(tested.labels) - set(train.labels)):
        notes.append(
            f"classes that only the test set has, and that are never predicted: {quoted_ids(new)}"
        )


def _model() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=_ITERATIONS)


def _cross_validated(data: _Labelled, folds: int, seed: int) -> NDArray[np.object_]:
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
    predicted: NDArray[np.object_] = cross_val_predict(_model(), *data, cv=splits)
    return predicted


def _report(
    labels: NDArray[np.object_],
    predicted: NDArray[np.object_],
    folds: int | None,
    notes: Iterable[str],
) -> ClassificationReport:
    from scipy.stats import binomtest
    from sklearn.metrics import precision_recall_fscore_support

    right = labels == predicted
    ends = binomtest(int(right.sum()), len(right)).proportion_ci(CONFIDENCE, method="wilson")
    counts = Counter(dict.fromkeys(predicted, 0))
    counts.update(labels)
    ranked = sorted(counts, key=lambda label: (-counts[label], label))
    scores = precision_recall_fscore_support(labels, predicted, labels=ranked, zero_division=0)
    columns = (column.tolist() for column in scores[:3])
    classes = tuple(
        ClassResult(label, counts[label], *measures)
        for label, *measures in zip(ranked, *columns, strict=True)
    )
    return ClassificationReport(
        accuracy=float(right.mean()),
        interval=(float(ends.low), float(ends.high)),
        macro_f1=float(np.mean([found.f1 for found in classes])),
        majority=max(counts.values()) / len(labels),
        documents=len(labels),
        classes=classes,
        folds=folds,
        notes=tuple(notes),
    )
