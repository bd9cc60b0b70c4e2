"""The words of a generation, as far as a damaged folder still has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from embedsearch._checks import as_number
from embedsearch._errors import EmbedSearchError, VectorError
from embedsearch._messages import counted
from embedsearch.text.languages import settle_elision
from embedsearch.text.phrases import PhraseTable
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.stream import Vocabulary
from embedsearch.training.base import TrainingReport
from embedsearch.training.settings import training_settings
from embedsearch.training.trainers import TRAINERS
from embedsearch.vectors.tensors import save_tensors
from embedsearch.workspace.generation import IMPORTED
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.lexical_sync import language_of
from embedsearch.workspace.maintenance.file_recovery import RecoveredManifest, as_object
from embedsearch.workspace.maintenance.vector_recovery import (
    RecoveredTensors,
    recover_index,
    recover_rows,
    recover_tensors,
    tensors_of,
)
from embedsearch.workspace.train import TokenizedDocuments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch.index.vector_index import VectorIndex
    from embedsearch.store.documents import DocumentStore
    from embedsearch.text.stream import TokenStream
    from embedsearch.workspace.layout import GenerationLayout
    from embedsearch.workspace.maintenance.file_recovery import RecoveredFile
    from embedsearch.workspace.maintenance.vector_recovery import RecoveredRows, Shapes

T = TypeVar("T")

_SUBWORDS = ("min_n", "max_n", "bucket")
# The header of a file of tensors has some hundred bytes; a row of an n-gram has at least 12.
_MOST_HEADER_ROWS = 64


@dataclass(slots=True, eq=False)
class RecoveredWords:
    """The words of a generation, ready to be published."""

    # Of the generation that they come from.
    number: int
    # What its manifest says, with what is not sure derived or left out.
    facts: dict[str, Any]
    # The files of the words, by their names; all of them are sound.
    files: dict[str, Path]
    count: int
    # Whether the manifest is what was written.
    trusted: bool
    lost: list[str] = field(default_factory=list)
    # Words whose vectors the index has, but for rounding or length.
    rounded: list[str] = field(default_factory=list)
    # What else is lost, a sentence each.
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
    """Find out what is left of the words of a generation; None if fewer than two have a vector.

    `store` must already have the documents that it is to have. `tokenizer` is how they are cut if
    the manifest cannot say.
    """
    files, folder = layout.generation(number), scratch / f"words-{number}"
    if not files.root.is_dir():
        return None
    folder.mkdir(parents=True)
    manifest = RecoveredManifest.read(files.manifest)
    own = tokenizer_of(manifest.values) if manifest.trusted else None
    tokenizer = own or settle_elision(tokenizer, (), language_of(store))
    corpus = _Corpus(store, tokenizer, folder, progress)
    return _Recovery(number, files, manifest, corpus).run()


def tokenizer_of(facts: dict[str, Any]) -> TokenizerSettings | None:
    """Return the settings that a damaged file names; None if it names none that can be used."""
    try:
        return TokenizerSettings.from_json(facts["tokenizer"])
    except (EmbedSearchError, KeyError, TypeError, AttributeError):
        return None


@dataclass(frozen=True, eq=False)
class _Corpus:
    """The documents as tokens, cut again as for the training."""

    store: DocumentStore
    tokenizer: TokenizerSettings
    folder: Path
    progress: Progress

    @cached_property
    def with_own_phrases(self) -> tuple[PhraseTable, TokenStream]:
        """The phrases that are found in the documents, and the documents joined by them."""
        return self._cut("corpus", None)

    def streams(self, phrases: PhraseTable) -> Iterator[TokenStream]:
        """Yield the documents joined by their own phrases, then by given ones; nothing if empty."""
        if len(self.store):
            yield self.with_own_phrases[1]
            yield self._cut("corpus-joined", phrases)[1]

    def _cut(self, name: str, phrases: PhraseTable | None) -> tuple[PhraseTable, TokenStream]:
        layout = Layout(self.folder / name)
        layout.root.mkdir(parents=True)
        cut = TokenizedDocuments(layout, self.store, self.tokenizer, phrases, self.progress)
        stream = cut.since(0)
        return cut.phrases, stream


@dataclass(frozen=True, slots=True, eq=False)
class _Words:
    """The word of each row, None if it is lost, and how often each occurs."""

    words: list[str | None]
    counts: NDArray[np.int64]
    # The file, if all of it is what was written.
    path: Path | None = None

    @property
    def known(self) -> NDArray[np.bool_]:
        return np.array([word is not None for word in self.words], np.bool_)

    def of(self, rows: NDArray[np.bool_]) -> list[str]:
        """Return the known words of some rows."""
        return [w for w, there in zip(self.words, rows, strict=True) if there and w is not None]


@dataclass(frozen=True, eq=False)
class _Recovery:
    """The recovery of one generation; `parts` collects what is lost beside words."""

    number: int
    files: GenerationLayout
    manifest: RecoveredManifest
    corpus: _Corpus
    parts: list[str] = field(default_factory=list)

    def run(self) -> RecoveredWords | None:
        index = recover_index(self.files.word_index, self.manifest, "word_index")
        file = self._file(self.files.words)
        found = recover_tensors(file, self._shapes(index)) or tensors_of(index)
        if found is None or not _has_vectors(found):
            return None
        rows = _rows(found, index)
        phrases = self._phrases()
        words = self._words(len(rows.vectors), phrases)
        keep = words.known & rows.known
        if keep.sum() < 2:
            return None
        if missing := int((~words.known & rows.known).sum()):
            self.parts.append(f"{missing:,} words whose spelling is not known")
        out = {"phrases.tsv": self.corpus.folder / "phrases-new.tsv"}
        phrases.save(out["phrases.tsv"])
        if words.path is not None and keep.all() and file is not None and file.intact:
            out |= {"vocabulary.tsv": words.path, "words.safetensors": file.path}
        else:
            out |= self._save_words(words, rows, found, keep)
        out["training.safetensors"] = self._training(keep)
        return RecoveredWords(
            self.number,
            self._facts(int(keep.sum()), rows.vectors.shape[1]),
            out,
            int(keep.sum()),
            self.manifest.trusted,
            lost=words.of(~keep),
            rounded=words.of(keep & rows.rounded),
            parts=self.parts,
        )

    def _file(self, path: Path) -> RecoveredFile | None:
        return self.manifest.file(path, self.corpus.folder)

    def _shapes(self, index: VectorIndex | None) -> list[Shapes]:
        """Return what the file of the vectors may have; n-grams fill what the words leave."""
        if index is None:
            return []
        count, d = len(index), index.dimension
        size = as_object(self.manifest.section("files").get("words.safetensors")).get("size")
        if type(size) is not int:
            size = self.files.words.stat().st_size if self.files.words.is_file() else 0
        plain: Shapes = {"vectors": ("float32", (count, d))}
        shapes = [plain]
        most = max(size - 4 * count * d, 0) // (8 + 4 * d)
        for ngrams in range(most, max(most - _MOST_HEADER_ROWS, -1), -1):
            vectors = ("float32", (ngrams, d))
            shapes.append({**plain, "ngram_ids": ("int64", (ngrams,)), "ngram_vectors": vectors})
        return shapes

    def _phrases(self) -> PhraseTable:
        file, tokenizer = self._file(self.files.phrases), self.corpus.tokenizer
        sound = _load(PhraseTable.load, file)
        if sound is not None:
            return sound
        if tokenizer.phrase_settings is None and not tokenizer.finds_words:
            # If none were asked for there were none, whatever a damaged file may say.
            return PhraseTable()
        relearned, path = self.corpus.with_own_phrases[0], self.corpus.folder / "relearned.tsv"
        kinds = {
            "the phrases": tokenizer.phrase_settings is not None,
            "the words of scripts without spaces": bool(relearned.lexicon),
        }
        lost = " and ".join(kind for kind, were_there in kinds.items() if were_there)
        if file is None:
            if lost:
                self.parts.append(f"{lost}: they are found again in the documents")
            return relearned
        relearned.save(path)
        if self.manifest.has_hash("phrases.tsv", path):
            return relearned
        table, missing = _sound_phrases(file)
        if missing:
            kind = f" (joined by {tokenizer.phrases})" if tokenizer.phrases else ""
            self.parts.append(f"{counted(missing, 'line')} of {lost or 'the phrases'}{kind}")
        return table

    def _words(self, count: int, phrases: PhraseTable) -> _Words:
        file = self._file(self.files.vocabulary)
        vocabulary = _load(Vocabulary.load, file)
        if file is not None and vocabulary is not None and len(vocabulary) == count:
            return _Words(list(vocabulary.words), vocabulary.counts, file.path)
        # Phrases come last among words of one count if the training found them, but not if it
        # knew them before: only one of the two orders gives the hash that was written.
        found, path = None, self.corpus.folder / "recounted.tsv"
        for stream in self.corpus.streams(phrases):
            found = _count_words(stream, count)
            if found is not None:
                found.save(path)
                if self.manifest.has_hash("vocabulary.tsv", path):
                    return _Words(list(found.words), found.counts, path)
        left = _sound_words(file, count)
        if found is not None:
            _fill(left, found)
        return left

    def _save_words(
        self, words: _Words, rows: RecoveredRows, found: RecoveredTensors, keep: NDArray[np.bool_]
    ) -> dict[str, Path]:
        out = {n: self.corpus.folder / f"new-{n}" for n in ("vocabulary.tsv", "words.safetensors")}
        Vocabulary(words.of(keep), words.counts[keep]).save(out["vocabulary.tsv"])
        arrays = {"vectors": rows.vectors[keep], **self._ngrams(found)}
        save_tensors(out["words.safetensors"], arrays, {})
        return out

    def _ngrams(self, found: RecoveredTensors) -> dict[str, NDArray[Any]]:
        names = ("ngram_ids", "ngram_vectors")
        if not set(names) <= found.arrays.keys():
            return {}
        ids, vectors = (found.arrays[name] for name in names)
        parameters = as_object(self.manifest.section("training").get("parameters"))
        if not all(type(parameters.get(name)) is int for name in _SUBWORDS):
            self.parts.append("how n-grams are hashed, and with it their vectors")
            return {}
        sound = found.sound["ngram_ids"] & found.sound["ngram_vectors"]
        if missing := int((~sound).sum()):
            self.parts.append(f"the vectors of {missing:,} n-grams")
        return {"ngram_ids": ids[sound], "ngram_vectors": vectors[sound]}

    def _training(self, keep: NDArray[np.bool_]) -> Path:
        """Return the file that a training continues from; an empty one if it is damaged."""
        file = self._file(self.files.training)
        found = recover_tensors(file) if file is not None and not file.damaged else None
        if found is not None and file is not None and keep.all():
            return file.path
        arrays = {} if found is None else found.arrays
        usable = {name: X[keep] for name, X in arrays.items() if len(X) == len(keep)}
        if found is None and "training.safetensors" in self.manifest.section("files"):
            self.parts.append("what `embedsearch train --update` continues from")
        path = self.corpus.folder / "new-training.safetensors"
        save_tensors(path, usable, {})
        return path

    def _facts(self, count: int, d: int) -> dict[str, Any]:
        """Return what the manifest says, with what is not sure derived or left out."""
        facts = dict(self.manifest.values)
        facts["tokenizer"] = self.corpus.tokenizer.to_json()
        trained, share = facts.get("trained_change"), as_number(facts.get("expected_share"))
        if type(trained) is not int or not 0 <= trained <= self.corpus.store.change:
            facts["trained_change"] = 0
        if share is None or not 0 <= share <= 1:
            facts.pop("expected_share", None)
        given = self.manifest.section("training")
        if self.manifest.trusted and given:
            facts["training"] = {**given, "vocabulary": count}
        else:
            facts["training"] = _report(given, count, d)
        return facts


def _has_vectors(found: RecoveredTensors) -> bool:
    X = found.arrays.get("vectors")
    return X is not None and X.ndim == 2 and X.dtype == np.float32 and len(X) > 1


def _rows(found: RecoveredTensors, index: VectorIndex | None) -> RecoveredRows:
    count = len(found.arrays["vectors"])
    same = index if index is not None and len(index) == count else None
    return recover_rows(found, same, np.arange(count))


def _load(load: Callable[[Path], T], file: RecoveredFile | None) -> T | None:
    """Read an undamaged file; None if that fails: without a manifest, damage is not known."""
    if file is None or file.damaged:
        return None
    try:
        return load(file.path)
    except (VectorError, UnicodeDecodeError):
        return None


def _count_words(stream: TokenStream, count: int) -> Vocabulary | None:
    """Return the `count` most frequent words, in the order of a training."""
    order = np.argsort(-stream.counts, kind="stable")[:count]
    words = [stream.types[place] for place in order]
    return Vocabulary(words, stream.counts[order]) if len(words) == count else None


def _fill(left: _Words, found: Vocabulary) -> None:
    """Fill gaps by what was counted again, if no other word can have been meant."""
    words, counts, known = left.words, left.counts, left.known
    same = all(word in (None, other) for word, other in zip(words, found.words, strict=True))
    if not known.any() or not same or (counts != found.counts)[known].any():
        return
    # Of several words of one count, which row was whose is not known.
    values, times = np.unique(found.counts, return_counts=True)
    single = np.isin(found.counts, values[times == 1])
    for row in np.flatnonzero(~known & single).tolist():
        words[row], counts[row] = found.words[row], found.counts[row]


def _lines(file: RecoveredFile) -> list[tuple[bytes, bool]]:
    """Return the lines of a file, and whether each is what was written, with its two ends."""
    lines, begin = [], 0
    for line in file.path.read_bytes().split(b"\n")[:-1]:
        before = max(begin - 1, 0)
        end = begin + len(line) + 1
        lines.append((line, bool(file.sound(before, end - before, 1)[0])))
        begin = end
    return lines


def _sound_words(file: RecoveredFile | None, count: int) -> _Words:
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
    return _Words(words, counts)


def _word(line: bytes) -> tuple[str, int] | None:
    try:
        word, _, number = line.decode("utf-8").partition("\t")
    except UnicodeDecodeError:
        return None
    return (word, int(number)) if word and number.isdecimal() and len(number) < 19 else None


def _sound_phrases(file: RecoveredFile) -> tuple[PhraseTable, int]:
    """Return the phrases whose lines are sound, and how many lines are not."""
    lines = _lines(file)[1:]
    parsed = [PhraseTable.parsed(line) if sound else None for line, sound in lines]
    table = PhraseTable.of_rows(each for each in parsed if each is not None)
    return table, sum(each is None for each in parsed)


def _report(given: dict[str, Any], count: int, d: int) -> dict[str, Any]:
    """Return the report of a training, with what cannot be used replaced."""
    trainer, choices = given.get("trainer"), given.get("choices")
    return TrainingReport(
        trainer=trainer if trainer in (*TRAINERS, IMPORTED) else "auto",
        parameters=_parameters(given.get("parameters"), d),
        documents=int(_usable_number(given.get("documents"))),
        tokens=int(_usable_number(given.get("tokens"))),
        vocabulary=count,
        seconds=_usable_number(given.get("seconds")),
        cpu_seconds=_usable_number(given.get("cpu_seconds")),
        choices=choices if isinstance(choices, str) else "",
    ).to_json()


def _usable_number(value: object) -> float:
    number = as_number(value)
    return float(number) if number is not None and 0 <= number < 1e15 else 0.0


def _parameters(given: Any, d: int) -> dict[str, Any]:
    """Return the parameters of a training, except those that it would not take."""
    usable: dict[str, Any] = {}
    for name, value in as_object(given).items():
        try:
            training_settings(**{name: value})
        except (EmbedSearchError, TypeError, ValueError):
            continue
        usable[name] = value
    # Those of n-grams are the defaults of fastText.
    return {"epochs": 1, "min_n": 3, "max_n": 6, "bucket": 2_000_000, **usable, "vector_size": d}
