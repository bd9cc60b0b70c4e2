"""How the use of a word differs between groups of documents."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._errors import ParameterError, QueryError
from embedsearch._fields import period_of, plain_value
from embedsearch.search.counting import Keyword, Tally, keywords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from embedsearch._types import MetadataScalar
    from embedsearch.search.concordance import Phrase

MOST_GROUPS = 100


class GroupUsage(NamedTuple):
    """How a group of documents uses a word.

    Attributes:
        group: The value of the field, or a range of values such as "1990 to 1999".
        documents: How many documents are in the group.
        df: How many of these have the word.
        count: How often they have it.
        per_million: How often that is in a million words.
        company: The words that stand near it more often than elsewhere in this group, the most
            certain first. Their `count` and `df` are those near the word, `reference_count` those
            elsewhere in the group, and `reference_df` the documents that have them elsewhere only.
    """

    group: str
    documents: int
    df: int
    count: int  # type: ignore[assignment]  # hides the method of tuples
    per_million: float
    company: tuple[Keyword, ...]


@dataclass(slots=True)
class _Group:
    everything: Tally
    near: Tally = field(default_factory=Tally)
    count: int = 0

    def add(self, tokens: Sequence[str], spans: Sequence[tuple[int, int]], window: int) -> None:
        self.count += len(spans)
        inside = {place for start, stop in spans for place in range(start, stop)}
        around = {
            place
            for start, stop in spans
            for place in range(max(start - window, 0), min(stop + window, len(tokens)))
        }
        self.near.add([tokens[place] for place in around - inside])

    def summary(self, name: str, phrase: Phrase, topn: int) -> GroupUsage:
        near, total = self.near, self.everything.counts.total()
        # What is near it once, or in one document of several, is chance.
        repeated = near.df if near.documents > 1 else near.counts

        def leave_out(word: str) -> bool:
            is_stop_word = phrase.analyzer.is_stop_word
            return repeated[word] < 2 or is_stop_word(word) or any(phrase.in_tokens([word]))

        company = keywords(near, self.everything.without(near), leave_out)[:topn]
        rate = 1e6 * self.count / total if total else 0.0
        documents = self.everything.documents
        return GroupUsage(name, documents, near.documents, self.count, rate, tuple(company))


def usage(
    documents: Iterable[tuple[str, Iterable[str]]],
    everything: Mapping[str, Tally],
    phrase: Phrase,
    window: int,
    topn: int,
) -> list[GroupUsage]:
    """Compare how groups use a word; `everything` has all words of each.

    `documents` are texts with the names of their groups, at least those that have the word.
    """
    groups = {name: _Group(tally) for name, tally in everything.items()}
    for text, names in documents:
        tokens = phrase.analyzer.tokens(text)
        spans = list(phrase.in_tokens(tokens))
        for name in names if spans else ():
            groups[name].add(tokens, spans, window)
    return [group.summary(name, phrase, topn) for name, group in groups.items()]


def grouping(
    by: str, values: Iterable[MetadataScalar], bins: int | None
) -> tuple[list[str], Callable[[MetadataScalar], str]]:
    """Return the names of the groups of a field in order, and what gives a value its group.

    `QueryError` if these are more than 100; `ParameterError` for bins of what is no number.
    """
    values = list(values)
    if bins is not None:
        return _binned(by, values, bins)
    numbers = {_name(value): _number(value) for value in values}
    if len(numbers) > MOST_GROUPS:
        reason = f"{by!r} has {len(numbers):,} values, and at most {MOST_GROUPS} can be compared"
        raise QueryError(f"{reason}; choose some by a condition, or bins for numbers and dates")
    # Numbers first, in their order.
    ordered = sorted(numbers, key=lambda name: ((n := numbers[name]) is None, n or 0, name))
    return ordered, _name


def _binned(
    by: str, values: Sequence[MetadataScalar], bins: int
) -> tuple[list[str], Callable[[MetadataScalar], str]]:
    """Cut the range of numbers, or of the years of dates, into ranges of equal width."""
    if not values:
        return [], _name
    numbers = [_number_or_year(value) for value in values]
    others = [value for value, number in zip(values, numbers, strict=True) if number is None]
    if others:
        allowed = f"left out, as {by!r} has a value that is no number and no date"
        raise ParameterError("bins", allowed, others[0])
    known = [number for number in numbers if number is not None]
    first, last = min(known), max(known)
    starts: list[float]
    if all(isinstance(number, int) for number in known):
        bins = min(bins, int(last - first) + 1)
        starts = [first + (int(last - first) + 1) * place // bins for place in range(bins)]
        names = [
            f"{start} to {stop - 1}" if stop - start > 1 else f"{start}"
            for start, stop in zip(starts, [*starts[1:], last + 1], strict=True)
        ]
    else:
        starts = [first + (last - first) * place / bins for place in range(bins)]
        names = [
            f"{start:g} to {stop:g}"
            for start, stop in zip(starts, [*starts[1:], last], strict=True)
        ]

    def name_of(value: MetadataScalar) -> str:
        return names[bisect_right(starts, _number_or_year(value) or 0) - 1]

    return names, name_of


def _number_or_year(value: MetadataScalar) -> int | float | None:
    number = _number(value)
    if number is None and isinstance(value, str) and period_of(value) is not None:
        return int(value.strip()[:4])
    return number


def _number(value: MetadataScalar) -> int | float | None:
    plain = plain_value(value)
    return None if isinstance(plain, bool | str) else plain


def _name(value: MetadataScalar) -> str:
    plain = plain_value(value)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)
