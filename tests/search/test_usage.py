"""Groups of documents and the company that a word keeps in them, against plain loops."""

from __future__ import annotations

import pytest

import embedsearch as es
from embedsearch._types import MetadataScalar
from embedsearch.index.lexical.analysis import LexicalAnalyzer
from embedsearch.search.concordance import Phrase
from embedsearch.search.counting import Tally
from embedsearch.search.usage import grouping, usage

ENGLISH = LexicalAnalyzer.for_language("english")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["b", "a", 10, 9, "9", 9.0], ["9", "10", "a", "b"]),
        ([True, False], ["false", "true"]),
        ([2.5, -1], ["-1", "2.5"]),
    ],
)
def test_groups_are_in_the_order_of_their_values(
    values: list[MetadataScalar], names: list[str]
) -> None:
    found, name_of = grouping("f", values, None)
    assert found == names
    assert {name_of(value) for value in values} == set(names)


@pytest.mark.parametrize(
    ("values", "bins", "names"),
    [
        ([1990, 2009, "1999"], 2, ["1990 to 1999", "2000 to 2009"]),
        ([1990, 1992], 10, ["1990", "1991", "1992"]),
        ([0.0, 1.5, 3.0], 2, ["0 to 1.5", "1.5 to 3"]),
        ([7], 3, ["7"]),
        (["1998-05-01", "2001-07", "2001"], 2, ["1998 to 1999", "2000 to 2001"]),
        ([], 3, []),
    ],
)
def test_numbers_are_cut_into_ranges(
    values: list[MetadataScalar], bins: int, names: list[str]
) -> None:
    found, name_of = grouping("year", values, bins)
    assert found == names
    if values:
        assert (name_of(min(values, key=str)), name_of(max(values, key=str))) == (
            names[0],
            names[-1],
        )


def test_every_whole_number_is_in_the_range_that_names_it() -> None:
    names, name_of = grouping("year", [1901, 1999], 7)
    assert len(names) == 7
    for year in range(1901, 2000):
        start, _, stop = name_of(year).partition(" to ")
        assert int(start) <= year <= int(stop)


def test_texts_cannot_be_cut_into_ranges() -> None:
    with pytest.raises(
        es.ParameterError, match="'year' has a value that is no number and no date, got 'x'"
    ):
        grouping("year", [1990, "x"], 3)


def test_there_are_not_too_many_groups() -> None:
    with pytest.raises(es.QueryError, match=r"'id' has 101 values, and at most 100"):
        grouping("id", range(101), None)


def tallies(texts: list[tuple[str, set[str]]], *groups: str) -> dict[str, Tally]:
    found = {name: Tally() for name in groups}
    for text, names in texts:
        for name in names:
            found[name].add(ENGLISH.tokens(text))
    return found


def test_groups_are_counted_as_by_hand() -> None:
    texts = [
        ("A fast car drives on roads. The car drives fast.", {"cars"}),
        ("Drive a fast car, not a slow one, on the open road.", {"cars", "both"}),
        ("A hard drive of the computer", {"disks"}),
        ("hard drives, floppy drives, and a computer", {"disks", "both"}),
        ("no such word", {"disks"}),
    ]
    everything = tallies(texts, "cars", "disks", "both", "none")
    found = {each.group: each for each in usage(texts, everything, Phrase("drive", ENGLISH), 2, 3)}
    numbers = {name: (g.documents, g.df, g.count) for name, g in found.items()}
    assert numbers == {"cars": (2, 2, 3), "disks": (3, 2, 3), "both": (2, 2, 3), "none": (0, 0, 0)}
    assert found["cars"].per_million == pytest.approx(3e6 / (10 + 12))
    assert found["disks"].company[0].word == "hard"
    assert found["disks"].company[0][2:] == (2, 2, 0, 0)
    assert {each.word for each in found["cars"].company} <= {"fast", "car"}
    # Texts without the word are not needed.
    again = usage(texts[:4], everything, Phrase("drive", ENGLISH), 2, 3)
    assert again == list(found.values())


def test_company_is_within_the_window_and_more_than_once() -> None:
    texts = [(f"near word far{n} filler filler away", {"g"}) for n in range(5)]
    (group,) = usage(texts, tallies(texts, "g"), Phrase("word", ENGLISH), 1, 10)
    assert [each.word for each in group.company] == ["near"]
