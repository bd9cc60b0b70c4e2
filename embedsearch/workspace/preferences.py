"""What a person has judged and had tuned: `preferences.json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from embedsearch._errors import WorkspaceDamagedError
from embedsearch._io import read_json, storage_errors, write_json
from embedsearch._schemas import fault
from embedsearch.search.model import Fusion
from embedsearch.workspace.layout import FORMAT_VERSION
from embedsearch.workspace.schemas import JUDGEMENT, PREFERENCES, check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedsearch.workspace.layout import Layout


class Judgement(NamedTuple):
    """Whether a document answers a query, as a person has said.

    Attributes:
        query: The text of the query.
        id: The document.
        relevant: Whether it does.
    """

    query: str
    id: str
    relevant: bool


@dataclass(frozen=True, slots=True)
class Tuning:
    """What judged queries say about the weights of search.

    Attributes:
        kept: Whether search goes by other weights than the usual ones now: only if queries gain
            0.005, and more than one and a half standard errors of their gain.
        queries: How many judged queries there were.
        before: Their mean nDCG@10 by the usual weights.
        after: That by weights chosen on other queries, by cross-validation.
        weights: The weights that search goes by, as `es.search` weighs BM25 (`lexical`), each
            encoder (`latent`) and each of the user's (`plugged`); and `feedback`.
        missing: How many judgements did not count, as their documents are not there.
    """

    kept: bool
    queries: int
    before: float
    after: float
    weights: Mapping[str, float] = field(default_factory=dict)
    missing: int = 0

    @property
    def fusion(self) -> Fusion:
        """The weights that search goes by; a weight that is not known here is ignored."""
        known = {each.name for each in fields(Fusion)}
        weights: dict[str, Any] = {n: float(v) for n, v in self.weights.items() if n in known}
        return Fusion(**{**weights, "feedback": int(weights.get("feedback", 0))})

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What `preferences.json` says."""

    judgements: tuple[Judgement, ...] = ()
    tuning: Tuning | None = None

    def save(self, layout: Layout) -> None:
        """Write them; a crash leaves the old ones or the new ones."""
        layout.check_in_place()
        values = {
            "format": FORMAT_VERSION,
            "judgements": [judgement._asdict() for judgement in self.judgements],
            "tuning": None if self.tuning is None else self.tuning.to_json(),
        }
        with storage_errors(layout.root):
            write_json(layout.preferences, values)


def readable_judgements(layout: Layout) -> tuple[Judgement, ...]:
    """Return the judgements that can be read in a file that is damaged."""
    try:
        listed = read_json(layout.preferences, layout.root).get("judgements")
    except (WorkspaceDamagedError, OSError):
        return ()
    found = listed if isinstance(listed, list) else []
    return tuple(_judgement(each) for each in found if fault(each, JUDGEMENT) is None)


def load_preferences(layout: Layout) -> Preferences:
    """Read the preferences; a workspace without the file has none."""
    if not layout.preferences.exists():
        return Preferences()
    values = read_json(layout.preferences, layout.root)
    check(values, PREFERENCES, layout.preferences, layout.root)
    judgements = tuple(map(_judgement, values["judgements"]))
    if (tuning := values["tuning"]) is None:
        return Preferences(judgements)
    known = {each.name for each in fields(Tuning)}
    return Preferences(judgements, Tuning(**{n: v for n, v in tuning.items() if n in known}))


def _judgement(values: Mapping[str, Any]) -> Judgement:
    return Judgement(values["query"], values["id"], values["relevant"])
