from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import normalize

from embedsearch._errors import InputError, ParameterError, VectorError
from embedsearch.evaluation.classification_quality import classification

CLASSES = ("air", "sea", "land")


def documents(n: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Vectors `(n, 6)` around a centre for each class, of any length."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    X = np.random.default_rng(0).normal(size=(3, 6))[rows] + rng.normal(0, 1.2, (n, 6))
    return (X * rng.uniform(0.1, 5, (n, 1))).astype(np.float32), [CLASSES[row] for row in rows]


def test_cross_validation_is_that_of_scikit_learn() -> None:
    X, labels = documents(150, 1)
    folds = StratifiedKFold(4, shuffle=True, random_state=3)
    told = cross_val_predict(LogisticRegression(max_iter=1000), normalize(X), labels, cv=folds)
    report = classification(X, labels, folds=4, seed=3)
    assert report.accuracy == accuracy_score(labels, told)
    assert report.macro_f1 == pytest.approx(f1_score(labels, told, average="macro"))
    expected = np.transpose(precision_recall_fscore_support(labels, told, labels=CLASSES))
    by_label = {found.label: found for found in report.classes}
    rows = [by_label[label] for label in CLASSES]
    found = [(row.precision, row.recall, row.f1, row.count) for row in rows]
    np.testing.assert_allclose(found, expected)
    assert report.majority == labels.count("air") / 150 < report.accuracy
    assert (report.documents, report.folds, report.notes) == (150, 4, ())


def test_a_test_set_is_told_by_a_model_of_the_rest() -> None:
    X, labels = documents(200, 1)
    X_test, labels_test = documents(80, 2)
    X_test, labels_test = (
        X_test[: labels_test.index("land")],
        labels_test[: labels_test.index("land")],
    )
    model = LogisticRegression(max_iter=1000).fit(normalize(X), labels)
    told = model.predict(normalize(X_test))
    report = classification(X, labels, test=(X_test, labels_test))
    assert report.accuracy == accuracy_score(labels_test, told)
    macro = f1_score(labels_test, told, average="macro", zero_division=0)
    assert report.macro_f1 == pytest.approx(macro)
    assert report.folds is None


def test_the_interval_is_wilsons() -> None:
    report = classification(*documents(120, 5))
    p, n, z = report.accuracy, 120, 1.959964
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert report.interval == pytest.approx((centre - half, centre + half), abs=1e-6)


def test_labels_may_be_numbers_and_booleans() -> None:
    X, labels = documents(90, 1)
    as_numbers = classification(X, [CLASSES.index(label) for label in labels])
    as_text = classification(X, labels)
    assert as_numbers.accuracy == as_text.accuracy
    assert {found.label for found in as_numbers.classes} == {"0", "1", "2"}
    is_air = classification(X, [label == "air" for label in labels])
    assert {found.label for found in is_air.classes} == {"True", "False"}


def test_documents_without_a_label_and_rare_classes_are_left_out() -> None:
    X, labels = documents(90, 1)
    more = np.concatenate([X, X[:9]])
    report = classification(more, [*labels, None, None, "", *["rare"] * 4, "odd", "odd"])
    assert report.notes == (
        "documents left out of X because they have no label: 3",
        "classes left out because they have fewer than 5 documents: 'odd', 'rare'",
    )
    assert report.accuracy == classification(X, labels).accuracy
    assert report.documents == 90


def test_a_class_that_only_the_test_set_has_is_never_predicted() -> None:
    X, labels = documents(90, 1)
    report = classification(X, labels, test=(X[:3], [labels[0], "fire", "fire"]))
    fire = next(found for found in report.classes if found.label == "fire")
    assert (fire.count, fire.recall, fire.f1) == (2, 0.0, 0.0)
    assert report.accuracy <= 1 / 3
    assert report.notes == (
        "classes that only the test set has, and that are never predicted: 'fire'",
    )


def test_the_table_and_the_json_tell_each_class() -> None:
    report = classification(*documents(90, 1))
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert told["accuracy"] == report.accuracy
    assert [row["class"] for row in report.rows()] == ["air", "sea", "land", "all"]
    assert [found["count"] for found in told["classes"]] == [
        row["documents"] for row in report.rows()[:-1]
    ]
    assert report.rows()[-1]["recall"] == report.accuracy


def test_bad_input_is_an_error() -> None:
    X, labels = documents(30, 1)
    with pytest.raises(ParameterError, match="labels must be one for each of the 30 rows of X"):
        classification(X, labels[:-1])
    with pytest.raises(ParameterError, match="folds must be a whole number, 2 or more"):
        classification(X, labels, folds=1)
    with pytest.raises(InputError, match="only 'air' is left"):
        classification(X, ["air"] * 30)
    with pytest.raises(InputError, match="none is left"):
        classification(X, [None] * 30)
    with pytest.raises(InputError, match="the test set has no document with a label"):
        classification(X, labels, test=(X, [None] * 30))
    with pytest.raises(VectorError, match="the test vectors must have 6 dimensions, got 5"):
        classification(X, labels, test=(X[:, :5], labels))
    with pytest.raises(VectorError, match="row 2 of X"):
        classification(np.where(np.arange(30)[:, None] == 2, np.nan, X), labels)


def test_a_class_of_as_many_documents_as_folds_is_kept_and_one_of_fewer_is_not() -> None:
    labels = ["many"] * 12 + ["just enough"] * 4 + ["too few"] * 3
    X = np.random.default_rng(0).standard_normal((len(labels), 5))
    report = classification(X, labels, folds=4)
    assert {found.label for found in report.classes} == {"many", "just enough"}
    assert (report.documents, report.folds, report.majority) == (16, 4, 12 / 16)
    assert any("fewer than 4 documents: 'too few'" in note for note in report.notes)
    with pytest.raises(InputError, match="two classes or more"):
        classification(X, labels, folds=5)
