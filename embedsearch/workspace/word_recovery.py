"""The words of a generation, as far as they are left of a damaged folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import EmbedSearchError, VectorError
from embedsearch._io import sha256
from embedsearch.text.phrases import PhraseTable
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.vocabulary import Vocabulary
from embedsearch.training.base import TrainingReport
from embedsearch.training.fitting import TRAINERS
from embedsearch.training.settings import training_settings
from embedsearch.vectors.tensors import save_tensors
from embedsearch.workspace.generation import IMPORTED
from embedsearch.workspace.healing import as_object, healed, read_facts
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.recovering import (
    Rows,
    Tensors,
    agreeing,
    is_exact,
    recovered_tensors,
    rows_back,
    sound_index,
)
from embedsearch.workspace.train import TokenizedDocuments

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch.index.base import VectorIndex
    from embedsearch.store.documents import DocumentStore
    from embedsearch.text.stream import TokenStream
    from embedsearch.workspace.healing import Healed

_SUBWORDS = ("min_n", "max_n", "bucket")


@dataclass(slots=True, eq=False)
class RecoveredWords:
    """What is left, ready to be published.

    Attributes:
        number: Of the generation it comes from.
        facts: What its manifest says, with what is not sure derived or left out.
        files: The files of the words, by their names; all of them are sound.
        count: How many words have a vector.
        trusted: Whether the manifest is what was written.
        lost: Words whose vectors are lost.
        rounded: Words whose vectors the index gave back but for rounding, or their length.
        parts: What else is lost, a sentence each.
    """

    number: int
    facts: dict[str, Any]
    files: dict[str, Path]
    count: int
    trusted: bool
    lost: list[str] = field(default_factory=list)
    rounded: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing is lost."""
        return not (self.lost or self.rounded or self.parts)


def recover_words(
    layout: Layout,
    number: int,
    store: DocumentStore,
    tokenizer: TokenizerSettings,
    scratch: Path,
    progress: Progress,
) -> RecoveredWords | None:
    """Find out what is left of the words of a generation.

    Args:
        layout: The workspace.
        number: That of the generation.
        store: The record, in the state that it is to have.
        tokenizer: How its corpus was cut, where its manifest cannot say.
        scratch: A folder for copies.
        progress: A listener.

    Returns:
        None if fewer than two words have a vector.
    """
    if not layout.generation(number).root.is_dir():
        return None
    folder = scratch / f"words-{number}"
    return _Recovery(layout, number, store, tokenizer, folder, progress).run()


def tokenizer_of(facts: dict[str, Any]) -> TokenizerSettings | None:
    """Return the settings that a file names; None if it names none that can be used."""
    try:
        return TokenizerSettings.from_json(facts["tokenizer"])
    except (EmbedSearchError, KeyError, TypeError, AttributeError):
        return None


class _Recovery:
    """One folder that is looked at."""

    def __init__(
        self,
        layout: Layout,
        number: int,
        store: DocumentStore,
        tokenizer: TokenizerSettings,
        scratch: Path,
        progress: Progress,
    ) -> None:
        self.files, self.number, self.store = layout.generation(number), number, store
        self.scratch, self.progress = scratch, progress
        self.facts, self.trusted = read_facts(self.files.manifest)
        self.tokenizer = (tokenizer_of(self.facts) if self.trusted else None) or tokenizer
        self.parts: list[str] = []
        # Where the vocabulary is as it was written.
        self.exact = self.files.vocabulary
        self._learned: tuple[TokenizedDocuments, TokenStream] | None = None
        self.scratch.mkdir(parents=True)

    def run(self) -> RecoveredWords | None:
        """See `recover_words`."""
        index = self._index()
        words_file = self._healed(self.files.words)
        found = recovered_tensors(words_file, self._shapes(index)) or _of_index(index)
        if found is None or not _has_vectors(found):
            return None
        X = found.arrays["vectors"]
        phrases = self._phrases()
        words, counts, exact = self._vocabulary(len(X), phrases)
        rows = self._rows(found, index)
        known = np.array([word is not None for word in words], np.bool_)
        keep = known & rows.known & np.isfinite(rows.vectors).all(axis=1)
        if keep.sum() < 2:
            return None
        if missing := int((~known & rows.known).sum()):
            self.parts.append(f"{missing:,} words whose spelling is not known")
        whole = exact and keep.all() and words_file is not None and words_file.whole
        kept = [word for word, there in zip(words, keep, strict=True) if there and word is not None]
        out = {"phrases.tsv": self._written(phrases)}
        if whole and words_file is not None:
            out["vocabulary.tsv"], out["words.safetensors"] = self.exact, words_file.path
        else:
            out |= self._renewed(Vocabulary(kept, counts[keep]), rows, found, keep)
        out["training.safetensors"] = self._training(keep)
        return RecoveredWords(
            self.number,
            self._facts(len(kept), X.shape[1]),
            out,
            len(kept),
            self.trusted,
            lost=[w for w, k in zip(words, keep, strict=True) if w is not None and not k],
            rounded=[w for w, k in zip(words, keep & rows.rounded, strict=True) if w and k],
            parts=self.parts,
        )

    def _healed(self, path: Path) -> Healed | None:
        return healed(path, self._entry(path.name), self.scratch / path.name)

    def _entry(self, name: str) -> Any:
        return as_object(self.facts.get("files")).get(name)

    def _index(self) -> VectorIndex | None:
        noted = as_object(self.facts.get("word_index"))
        return sound_index(self.files.word_index, noted.get("digest") if self.trusted else None)

    def _shapes(self, index: VectorIndex | None) -> list[Any]:
        """Say what the file of the vectors may have; n-grams fill what the words leave."""
        if index is None:
            return []
        count, d = len(index), index.dimension
        size = as_object(self._entry("words.safetensors")).get("size")
        if type(size) is not int:
            size = self.files.words.stat().st_size if self.files.words.is_file() else 0
        plain: dict[str, tuple[str, tuple[int, ...]]] = {"vectors": ("float32", (count, d))}
        shapes = [plain]
        # The header has some hundred bytes, of which nobody knows how many.
        most = max(size - 4 * count * d, 0) // (8 + 4 * d)
        for ngrams in range(most, max(most - 64, -1), -1):
            vectors = ("float32", (ngrams, d))
            shapes.append({**plain, "ngram_ids": ("int64", (ngrams,)), "ngram_vectors": vectors})
        return shapes

    def _rows(self, found: Tensors, index: VectorIndex | None) -> Rows:
        X, sound = found.arrays["vectors"], found.sound["vectors"]
        rows = np.arange(len(X))
        if index is not None and len(index) != len(X):
            index = None
        if not found.compared and index is not None and is_exact(index):
            sound = agreeing(X, index, rows)
        return rows_back(X, sound, index, rows)

    def _phrases(self) -> PhraseTable:
        file, settings = self._healed(self.files.phrases), self.tokenizer.phrase_settings
        if settings is None:
            # There were none, whatever the file may say now.
            table = _table(file) if file is not None and not file.damaged else None
            return table or PhraseTable()
        if file is None:
            self.parts.append("the phrases: they are found again in the documents")
            return self._corpus(None).phrases
        if not file.damaged and (table := _table(file)) is not None:
            return table
        relearned, path = self._corpus(None).phrases, self.scratch / "relearned.tsv"
        relearned.save(path)
        if _has_hash(path, self._entry("phrases.tsv")):
            return relearned
        table, missing = _sound_phrases(file)
        if missing:
            self.parts.append(f"about {missing:,} phrases (joined by {settings.scoring})")
        return table

    def _corpus(self, phrases: PhraseTable | None) -> TokenizedDocuments:
        if phrases is None and self._learned is not None:
            self._stream = self._learned[1]
            return self._learned[0]
        layout = Layout(self.scratch / f"corpus-{phrases is None}")
        layout.root.mkdir(parents=True)
        corpus = TokenizedDocuments(layout, self.store, self.tokenizer, phrases, self.progress)
        self._stream = corpus.since(0)
        if phrases is None:
            self._learned = corpus, self._stream
        return corpus

    def _vocabulary(
        self, count: int, phrases: PhraseTable
    ) -> tuple[list[str | None], NDArray[np.int64], bool]:
        """Return the word of each row, how often each occurs, and whether all is as written."""
        file = self._healed(self.files.vocabulary)
        vocabulary = None if file is None or file.damaged else _loaded(file.path)
        if file is not None and vocabulary is not None and len(vocabulary) == count:
            self.exact = file.path
            return list(vocabulary.words), vocabulary.counts, True
        words, counts = _sound_words(file, count)
        # Phrases come last among words of one count where they were found, not known before.
        for known in (None, phrases):
            found = self._recounted(count, known)
            if found is not None and self._is_written(found):
                return list(found.words), found.counts, True
        if found is not None:
            _fill(words, counts, found)
        return words, counts, False

    def _recounted(self, count: int, phrases: PhraseTable | None) -> Vocabulary | None:
        """Count the words of the documents again, as for a training."""
        if not len(self.store):
            return None
        self._corpus(phrases)
        stream = self._stream
        order = np.argsort(-stream.counts, kind="stable")[:count]
        words = [stream.types[place] for place in order]
        return Vocabulary(words, stream.counts[order]) if len(words) == count else None

    def _is_written(self, vocabulary: Vocabulary) -> bool:
        """Whether a vocabulary is the one that was written, by its hash."""
        self.exact = self.scratch / "recounted.tsv"
        vocabulary.save(self.exact)
        return _has_hash(self.exact, self._entry("vocabulary.tsv"))

    def _written(self, phrases: PhraseTable) -> Path:
        path = self.scratch / "phrases-new.tsv"
        phrases.save(path)
        return path

    def _renewed(
        self, vocabulary: Vocabulary, rows: Rows, found: Tensors, keep: NDArray[np.bool_]
    ) -> dict[str, Path]:
        """Write the words that are left."""
        out = {n: self.scratch / f"new-{n}" for n in ("vocabulary.tsv", "words.safetensors")}
        vocabulary.save(out["vocabulary.tsv"])
        arrays = {"vectors": rows.vectors[keep], **self._ngrams(found)}
        save_tensors(out["words.safetensors"], arrays, {})
        return out

    def _ngrams(self, found: Tensors) -> dict[str, NDArray[Any]]:
        names = ("ngram_ids", "ngram_vectors")
        if not set(names) <= found.arrays.keys():
            return {}
        ids, vectors = (found.arrays[name] for name in names)
        if not self._hashed():
            self.parts.append("how n-grams are hashed, and with it their vectors")
            return {}
        sound = found.sound["ngram_ids"] & found.sound["ngram_vectors"]
        if missing := int((~sound).sum()):
            self.parts.append(f"the vectors of {missing:,} n-grams")
        return {"ngram_ids": ids[sound], "ngram_vectors": vectors[sound]}

    def _hashed(self) -> bool:
        """Whether the manifest says how n-grams become rows."""
        given = as_object(as_object(self.facts.get("training")).get("parameters"))
        return all(type(given.get(n)) is int for n in _SUBWORDS)

    def _training(self, keep: NDArray[np.bool_]) -> Path:
        """Return what a training goes on from; where it is damaged, nothing."""
        file = self._healed(self.files.training)
        found = recovered_tensors(file) if file is not None and not file.damaged else None
        if found is not None and file is not None and keep.all():
            return file.path
        arrays = {} if found is None else found.arrays
        usable = {name: X[keep] for name, X in arrays.items() if len(X) == len(keep)}
        if not usable and self._entry("training.safetensors") is not None and found is None:
            self.parts.append("what `embedsearch train --update` goes on from")
        path = self.scratch / "new-training.safetensors"
        save_tensors(path, usable, {})
        return path

    def _facts(self, count: int, d: int) -> dict[str, Any]:
        """Return what the manifest says, with what is not sure derived or left out."""
        facts = dict(self.facts)
        facts["tokenizer"] = self.tokenizer.to_json()
        trained, share = facts.get("trained_change"), facts.get("expected_share")
        if type(trained) is not int or not 0 <= trained <= self.store.change:
            facts["trained_change"] = 0
        if not isinstance(share, int | float) or not 0 <= share <= 1:
            facts.pop("expected_share", None)
        given = facts.get("training")
        if not self.trusted or not isinstance(given, dict):
            facts["training"] = _report(as_object(given), count, d)
        else:
            facts["training"] = {**given, "vocabulary": count}
        return facts


def _of_index(index: VectorIndex | None) -> Tensors | None:
    """Begin with nothing but what an index can give back."""
    if index is None or not is_exact(index):
        return None
    X = np.zeros((len(index), index.dimension), np.float32)
    return Tensors({"vectors": X}, {"vectors": np.zeros(len(X), np.bool_)}, compared=True)


def _has_vectors(found: Tensors) -> bool:
    X = found.arrays.get("vectors")
    return X is not None and X.ndim == 2 and X.dtype == np.float32 and len(X) > 1


def _loaded(path: Path) -> Vocabulary | None:
    try:
        return Vocabulary.load(path)
    except (VectorError, UnicodeDecodeError):
        return None


def _table(file: Healed) -> PhraseTable | None:
    try:
        return PhraseTable.load(file.path)
    except (VectorError, UnicodeDecodeError):
        return None


def _has_hash(path: Path, entry: Any) -> bool:
    """Tell whether a file is the one that a manifest has."""
    return bool(as_object(entry).get("sha256") == sha256(path))


def _fill(words: list[str | None], counts: NDArray[np.int64], found: Vocabulary) -> None:
    """Fill gaps by what was counted again, where no other word can have been meant."""
    known = np.array([word is not None for word in words], np.bool_)
    same = all(word in (None, other) for word, other in zip(words, found.words, strict=True))
    if not known.any() or not same or (counts != found.counts)[known].any():
        return
    values, times = np.unique(found.counts, return_counts=True)
    single = np.isin(found.counts, values[times == 1])
    for row in np.flatnonzero(~known & single).tolist():
        words[row], counts[row] = found.words[row], found.counts[row]


def _lines(file: Healed) -> list[tuple[bytes, bool]]:
    """Return the lines of a file, and whether each is what was written, with its two ends."""
    lines, begin = [], 0
    for line in file.path.read_bytes().split(b"\n")[:-1]:
        before = max(begin - 1, 0)
        end = begin + len(line) + 1
        lines.append((line, bool(file.sound(before, end - before, 1)[0])))
        begin = end
    return lines


def _sound_words(file: Healed | None, count: int) -> tuple[list[str | None], NDArray[np.int64]]:
    """Return the words of the rows whose lines are sound, and how often each occurs."""
    words: list[str | None] = [None] * count
    counts = np.zeros(count, np.int64)
    lines = [] if file is None else _lines(file)
    parsed = [_word(line) if sound else None for line, sound in lines]
    whole = len(lines) == count
    first = next((place for place, each in enumerate(parsed) if each is None), len(parsed))
    last = next((place for place, each in enumerate(reversed(parsed)) if each is None), len(parsed))
    for place, each in enumerate(parsed):
        # With line breaks lost or gained, lines are counted from the two ends.
        row = place if whole or place < first else count - len(parsed) + place
        sure = whole or place < first or place >= len(parsed) - last
        if each is not None and sure and 0 <= row < count and words[row] is None:
            words[row], counts[row] = each
    return words, counts


def _word(line: bytes) -> tuple[str, int] | None:
    try:
        word, _, number = line.decode("utf-8").partition("\t")
    except UnicodeDecodeError:
        return None
    return (word, int(number)) if word and number.isdecimal() and len(number) < 19 else None


def _sound_phrases(file: Healed) -> tuple[PhraseTable, int]:
    """Return the phrases whose lines are sound, and how many lines are not."""
    lines = _lines(file)[1:]
    parsed = [PhraseTable.parsed(line) if sound else None for line, sound in lines]
    passes: dict[int, list[Any]] = {}
    for each in parsed:
        if each is not None:
            passes.setdefault(each[0], []).append(each[1])
    table = PhraseTable(passes[number] for number in sorted(passes))
    return table, sum(each is None for each in parsed)


def _report(given: dict[str, Any], count: int, d: int) -> dict[str, Any]:
    """Return the report of a training, with what cannot be used replaced."""
    trainer, choices = given.get("trainer"), given.get("choices")
    return TrainingReport(
        trainer=trainer if trainer in (*TRAINERS, IMPORTED) else "auto",
        parameters=_parameters(given.get("parameters"), d),
        documents=int(_number(given.get("documents"))),
        tokens=int(_number(given.get("tokens"))),
        vocabulary=count,
        seconds=_number(given.get("seconds")),
        cpu_seconds=_number(given.get("cpu_seconds")),
        choices=choices if isinstance(choices, str) else "",
    ).to_json()


def _number(value: object) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15
    return float(value) if usable and isinstance(value, int | float) else 0.0


def _parameters(given: Any, d: int) -> dict[str, Any]:
    """Return the parameters of a training, but for those that it would not take."""
    usable: dict[str, Any] = {}
    for name, value in as_object(given).items():
        try:
            training_settings(**{name: value})
        except (EmbedSearchError, TypeError, ValueError):
            continue
        usable[name] = value
    return {"epochs": 1, "min_n": 3, "max_n": 6, "bucket": 2_000_000, **usable, "vector_size": d}
