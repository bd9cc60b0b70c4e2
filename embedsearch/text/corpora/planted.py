"""A generator of text whose right answers are known, for checks of meaning.

Each relation is a list of pairs (`france paris`) and sentences for either side. A pair has
clues of its own (`french`, `seine`) that stand beside both of its words, and a side has words
of its own (`borders`, `mayor`) that stand beside that side of every pair. A word is therefore
used like its partner in one respect and like its peers in the other: what word vectors need
for an analogy to come out as a sum. Words and sentences are in `corpora/planted.json`.
"""

from __future__ import annotations

import json
import random
from functools import cached_property
from itertools import islice, permutations
from typing import TYPE_CHECKING, Any, TypeVar, cast

from embedsearch._errors import ParameterError
from embedsearch._types import Document
from embedsearch.text.corpora.locating import data_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")
TOPIC_SENTENCES = 3
TOPIC_WORDS = 5
RELATION_SENTENCES = 5


class PlantedCorpus:
    """Documents that speak of one topic each, among sentences that plant the relations.

    Iterating gives the same documents each time; they depend on the arguments alone, whatever
    the version of Python. The metadata of a document has its `topic`.

    Args:
        seed: Of the choices.
        documents: How many there are, each of about 105 words. With 2,000, skip-gram learns the
            relations in ten passes (50 dimensions, window 5).

    Raises:
        ParameterError: `documents` is less than 1.
    """

    def __init__(self, seed: int = 0, documents: int = 2000) -> None:
        if documents < 1:
            raise ParameterError("documents", "1 or more", documents)
        self.seed, self.documents = seed, documents

    def __len__(self) -> int:
        return self.documents

    def __iter__(self) -> Iterator[Document]:
        draw = _Draw(self.seed)
        topics, planted = draw.endless(list(self.topics)), self._planted_sentences(draw)
        for number in range(self.documents):
            topic = next(topics)
            words = draw.shuffled(self.topics[topic])[:TOPIC_WORDS]
            sentences = [self._topic_sentence(draw, topic, words) for _ in range(TOPIC_SENTENCES)]
            sentences += islice(planted, RELATION_SENTENCES)
            text = " ".join(f"{sentence.capitalize()}." for sentence in draw.shuffled(sentences))
            yield Document(f"planted-{number:05d}", text, {"topic": topic})

    @property
    def topics(self) -> dict[str, list[str]]:
        """The topics, each with its words."""
        return cast("dict[str, list[str]]", self._words["topics"])

    def relations(self) -> dict[str, list[tuple[str, str]]]:
        """Return the pairs of each relation: `{"capitals": [("france", "paris"), ...], ...}`."""
        relations = self._words["relations"].items()
        return {name: [(pair[0], pair[1]) for pair in each["pairs"]] for name, each in relations}

    def analogies(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield `(a, b, c, d)`: a is to b as c is to d, for any two pairs in either order."""
        for pairs in self.relations().values():
            for (a, b), (c, d) in permutations(pairs, 2):
                yield a, b, c, d

    def analogy_file(self) -> str:
        """Return the analogies in the layout of Google's `questions-words.txt`.

        A line `: capitals` opens a section; each line after it has the four words.
        """
        lines: list[str] = []
        for name, pairs in self.relations().items():
            lines.append(f": {name}")
            lines.extend(" ".join(first + second) for first, second in permutations(pairs, 2))
        return "\n".join(lines) + "\n"

    def queries(self) -> list[tuple[str, str]]:
        """Return texts to search for, each with the topic whose documents are relevant.

        A query is two words of its topic; about two in five relevant documents have neither.
        """
        return [
            (" ".join(words[start : start + 2]), topic)
            for topic, words in self.topics.items()
            for start in (0, 2, 4)
        ]

    @cached_property
    def _words(self) -> dict[str, Any]:
        entry = json.loads((data_folder() / "planted.json").read_text(encoding="utf-8"))
        return cast("dict[str, Any]", entry["words"])

    def _topic_sentence(self, draw: _Draw, topic: str, words: list[str]) -> str:
        a, b, c = draw.shuffled(words)[:3]
        sentence: str = draw.one_of(self._words["topic_sentences"])
        return sentence.format(a=a, b=b, c=c, topic=topic)

    def _planted_sentences(self, draw: _Draw) -> Iterator[str]:
        """Yield sentences without end, in which all pairs and sides are equally frequent."""
        sides = [
            (relation[side], side, pair[side == "right"], pair[2:])
            for relation in self._words["relations"].values()
            for side in ("left", "right")
            for pair in relation["pairs"]
        ]
        for sentences, side, word, clues in draw.endless(sides):
            clue, also = draw.shuffled(clues)[:2]
            yield draw.one_of(sentences).format(**{side: word, "clue": clue, "also": also})


class _Draw:
    """Choices that are the same in all versions of Python for one seed.

    Python promises this for `random()` alone, so the others are made of it.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - nothing secret

    def one_of(self, items: Sequence[T]) -> T:
        return items[int(self._random() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        return sorted(items, key=lambda _: self._random())

    def endless(self, items: Sequence[T]) -> Iterator[T]:
        while True:
            yield from self.shuffled(items)
