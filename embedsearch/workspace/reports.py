"""The reports of evaluations, kept in the workspace that was evaluated."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from embedsearch._io import write_json
from embedsearch._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from embedsearch.evaluation.base import Report
    from embedsearch.workspace.layout import Layout


def save_report(
    layout: Layout, report: Report, generation: int, arguments: Mapping[str, Any]
) -> Path:
    """Write a report to `reports/TIME-KIND.json` and return its path.

    Args:
        layout: The workspace; its lock is not needed, as no two reports share a name.
        report: The report.
        generation: The generation that was evaluated.
        arguments: What was asked.

    Raises:
        OSError: The folder cannot be written to.
    """
    now = datetime.now(timezone.utc)
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
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
