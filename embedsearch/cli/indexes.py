"""What `index --explain` says of the indexes of a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedsearch.cli.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from embedsearch.workspace import Workspace

_DECIMALS = 4
_COLUMNS = ("index", "spec", "vectors", "parameters", "recall", "queries/s", "chosen")


def indexes_of(ws: Workspace, *, quiet: bool = False) -> Answer:
    """Give what was measured to choose each index: a line for each setting that was tried.

    Args:
        ws: The workspace.
        quiet: Leave out the reasons, which go to standard error.
    """
    reports = ws.indexes()
    notes = [f"{name}: {why}" for name, report in reports.items() for why in report["reasons"]]
    records = [record for name, report in reports.items() for record in _records(name, report)]
    return Answer(records, _COLUMNS, notes=() if quiet else tuple(notes), document=reports)


def _records(name: str, report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    choice = report["choice"] or {}
    for sample in choice.get("samples", ()):
        yield from _points(name, sample, report["spec"])
    if choice.get("curve"):
        yield from _points(name, choice["curve"], report["spec"])
    else:
        yield {
            "index": name,
            "spec": report["spec"],
            "vectors": report["vectors"],
            "parameters": report["parameters"],
            "recall": _rounded(report["recall"]),
            "queries/s": None,
            "chosen": True,
        }


def _points(name: str, curve: Mapping[str, Any], spec: str) -> Iterator[dict[str, Any]]:
    for point in curve["points"]:
        yield {
            "index": name,
            "spec": curve["spec"],
            "vectors": curve["count"],
            "parameters": point["parameters"],
            "recall": _rounded(point["recall"]),
            "queries/s": round(point["queries_per_second"]),
            "chosen": curve["spec"] == spec and point == curve["chosen"],
        }


def _rounded(recall: float | None) -> float | None:
    return None if recall is None else round(recall, _DECIMALS)
