"""Word vectors as they are given out: every question about words, and gensim's `KeyedVectors`.

What gensim changes in place is changed in a copy here, as several may use the same vectors.
"""

from __future__ import annotations

from functools import partial
from os.path import realpath
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import (
    BOOLEAN,
    STRING,
    Choice,
    Instance,
    as_count,
    as_integer,
    as_strings,
    check,
)
from embedsearch._errors import (
    InputError,
    ParameterError,
    QueryError,
    SourceFormatError,
    VectorError,
)
from embedsearch._io import checked_path, replace_file
from embedsearch.search.words import WordQueries
from embedsearch.vectors.arrays import as_matrix, row_norms
from embedsearch.vectors.word_vectors import WordVectors as VectorData, as_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.evaluation.human_judgements import Correlation
    from embedsearch.index.vector_index import VectorIndex
    from embedsearch.vectors.subwords import Subwords

_COUNT = "count"
_SIMILARITIES = {"most_similar": "3cosadd", "most_similar_cosmul": "3cosmul"}
_UNICODE_ERRORS = {"strict": "strict", "replace": "replace", "ignore": "skip"}


class KeyedVectors(WordQueries):
    """Words and a vector for each: what `load_vectors`, `train_texts(...).wv` and `ws.words` give.

    It has the names and the numbers of gensim's `KeyedVectors`. It never changes: where gensim's
    method of a name changes the object, ours returns a changed copy. `copy` and `pickle` keep
    vectors, words, counts, n-grams, stop words and how words are normalised; a copy is searched
    exactly.

    Args:
        vectors: `(V, d)` real numbers, kept as float32 and not copied where they are.
        index_to_key: The word of each row.
        counts: How often each word was seen, `(V,)`, or None if that is not known.
        subwords: The n-gram vectors of a subword model, or None.
        normalize: What becomes of a word that is looked up, if there is none of that spelling;
            it returns None if nothing is left of it.
        stop_words: Words that say nothing by themselves, which `neighbors` leaves out.
        index: A cosine index of the vectors, or a function that returns one when the first query
            needs it; None is an exact one.
        check: Look through every word and number.

    Attributes:
        vectors: `(V, d)` float32, read-only; may be mapped from a file.
        index_to_key: The word of each row.
        counts: How often each word was seen, `(V,)`, or None if that is not known.
        subwords: The n-gram vectors of a subword model, or None.

    Raises:
        VectorError: Shapes that do not fit, a repeated word or one that is no string, NaN or
            infinity.
    """

    def __init__(
        self,
        vectors: ArrayLike,
        index_to_key: Sequence[str],
        counts: ArrayLike | None = None,
        subwords: Subwords | None = None,
        *,
        normalize: Callable[[str], str | None] = str,
        stop_words: Iterable[str] = (),
        index: VectorIndex | Callable[[], VectorIndex] | None = None,
        check: bool = True,
    ) -> None:
        data = VectorData(
            vectors,  # type: ignore[arg-type]
            index_to_key,
            counts,  # type: ignore[arg-type]
            subwords,
            check=check,
        )
        super().__init__(
            data, index, normalize, partial(list, as_strings("stop_words", stop_words))
        )

    @classmethod
    def of(
        cls,
        data: VectorData,
        normalize: Callable[[str], str | None] = str,
        index: VectorIndex | Callable[[], VectorIndex] | None = None,
        stop_words: Callable[[], Iterable[str]] = tuple,
    ) -> Self:
        """Make one of vectors that were checked before."""
        words = cls.__new__(cls)
        WordQueries.__init__(words, data, index, normalize, stop_words)
        return words

    def __reduce__(self) -> tuple[Any, ...]:
        data = np.asarray(self.vectors), self.index_to_key, self.counts, self.subwords
        return _restored, (type(self), *data, self._normalize, list(self._stop_words()))

    @classmethod
    def load(cls, path: str | Path, format: str = "auto", **options: Any) -> KeyedVectors:
        """Read a file of vectors; see `embedsearch.load_vectors`."""
        return load_vectors(path, format, **options)

    @classmethod
    def load_word2vec_format(
        cls,
        fname: str | Path,
        fvocab: str | Path | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        datatype: Any = np.float32,
        no_header: bool = False,
    ) -> KeyedVectors:
        """Read a file in word2vec's format, as gensim's method of this name does.

        Args:
            fname: The file; may be compressed.
            fvocab: A file of counts, a word and a number on each line, or None.
            binary: It is in the binary format.
            encoding: "utf8" only.
            unicode_errors: "strict", "replace" or "ignore", which leaves out words that are not
                UTF-8 (gensim keeps what is left of them).
            limit: Read only the first so many rows.
            datatype: float32 only.
            no_header: Text without a first line of two counts (GloVe).

        Raises:
            SourceError: It cannot be read.
            ParameterError: A setting that is not allowed here.
        """
        check("binary", binary, BOOLEAN)
        check("no_header", no_header, BOOLEAN)
        check("unicode_errors", unicode_errors, Choice(tuple(_UNICODE_ERRORS)))
        if encoding not in ("utf8", "utf-8"):
            raise ParameterError("encoding", '"utf8"', encoding)
        if getattr(datatype, "type", datatype) not in (np.float32, "float32"):
            raise ParameterError("datatype", "float32", datatype)
        format = "word2vec-binary" if binary else "glove" if no_header else "word2vec"
        errors = _UNICODE_ERRORS[unicode_errors]
        words = load_vectors(fname, format, limit=limit, encoding_errors=errors)
        if fvocab is None:
            return words
        return cls(words.vectors, words.index_to_key, _read_counts(words, fvocab), check=False)

    def save(
        self, path: str | Path, format: str = "auto", *, overwrite: bool = False
    ) -> list[Path]:
        """Write the vectors to a file and return the files; see `embedsearch.save_vectors`."""
        return save_vectors(self, path, format, overwrite=overwrite)

    def save_word2vec_format(
        self,
        fname: str | Path,
        fvocab: str | Path | None = None,
        binary: bool = False,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = _COUNT,
    ) -> None:
        """Write the vectors in word2vec's format, as gensim's method of this name does.

        An existing file is replaced. The most frequent words come first if counts are known.

        Args:
            fname: The file.
            fvocab: A file for the counts, a word and a number on each line, or None.
            binary: Use the binary format.
            total_vec: None only: the number of words is the number of vectors.
            write_header: Begin text with a line of two counts; GloVe has none.
            prefix: Put before each word.
            append: False only: a file is whole or not there.
            sort_attr: "count", or anything else to keep the order.

        Raises:
            ParameterError: A setting that is not allowed here, or `fvocab` without counts.
            VectorError: A word that the format cannot hold; nothing is written.
        """
        for name, value in {"binary": binary, "write_header": write_header}.items():
            check(name, value, BOOLEAN)
        check("prefix", prefix, STRING)
        if total_vec is not None and total_vec != len(self):
            raise ParameterError("total_vec", f"None or {len(self)}", total_vec)
        if append:
            raise ParameterError("append", "False: files are written whole", append)
        if binary and not write_header:
            raise ParameterError("write_header", "True in the binary format", write_header)
        if fvocab is not None:
            self._check_fvocab(fvocab, fname)
        words = self
        if sort_attr == _COUNT and self.counts is not None:
            words = self.sort_by_descending_frequency()
        if prefix:
            named = [prefix + word for word in words.index_to_key]
            words = KeyedVectors(words.vectors, named, words.counts, check=False)
        format = "word2vec-binary" if binary else "word2vec" if write_header else "glove"
        save_vectors(words, fname, format, overwrite=True)
        if fvocab is not None and words.counts is not None:
            pairs = zip(words.index_to_key, words.counts.tolist(), strict=True)
            replace_file(
                checked_path(fvocab, "fvocab"),
                "".join(f"{word} {count}\n" for word, count in pairs),
            )

    def _check_fvocab(self, fvocab: str | Path, fname: str | Path) -> None:
        if checked_path(fvocab, "fvocab").is_dir():
            raise ParameterError("fvocab", "a file, or None", fvocab)
        if realpath(fvocab) == realpath(checked_path(fname, "fname")):
            raise ParameterError("fvocab", "another file than that of the vectors", fvocab)
        if self.counts is None:
            raise ParameterError("fvocab", "None, as counts are not known", fvocab)

    def get_index(self, key: str, default: int | None = None) -> int:
        """Return the row of a word; `default` if it has none and one is given.

        Raises:
            UnknownWordError: It has no row, and there is no default.
        """
        row = self._row(key)
        if row >= 0:
            return row
        if default is None:
            raise self._unknown(key)
        return default

    def has_index_for(self, key: str) -> bool:
        """Whether a word has a row: one whose vector is inferred has none."""
        return key in self

    def get_normed_vectors(self) -> FloatMatrix:
        """Return all vectors at length 1, `(V, d)`, read-only; rows of zeros stay zero."""
        return self.unit

    def fill_norms(self, force: bool = False) -> None:  # noqa: ARG002 - gensim's signature
        """Compute `norms`, which are computed when they are needed anyway."""
        _ = self.norms

    def get_vecattr(self, key: str, attr: str) -> int:
        """Return an attribute of a word: "count" is the only one.

        Raises:
            UnknownWordError: The word has no row.
            ParameterError: Another attribute, or counts are not known.
        """
        self._check_attribute(attr)
        count = self.get_count(key)
        if count is None:
            raise ParameterError("attr", "known, but counts are not", attr)
        return count

    def set_vecattr(self, key: str, attr: str, val: int) -> KeyedVectors:
        """Return a copy in which a word has another count; see `get_vecattr`."""
        self._check_attribute(attr)
        number = as_integer(val)
        if number is None or number < 0:
            raise ParameterError("val", "a whole number, 0 or more", val)
        counts = self._known_counts()
        counts[self.get_index(key)] = number
        return self._changed(counts=counts)

    def add_vector(self, key: str, vector: ArrayLike) -> KeyedVectors:
        """Return a copy with one more word, or with another vector `(d,)` for a known one."""
        return self.add_vectors([key], self._given_vector(vector)[np.newaxis], replace=True)

    def add_vectors(
        self,
        keys: str | Sequence[str],
        weights: ArrayLike,
        extras: Mapping[str, ArrayLike] | None = None,
        replace: bool = False,
    ) -> KeyedVectors:
        """Return a copy with more words.

        Args:
            keys: The words, spelled as they are to be kept.
            weights: A vector for each, `(n, d)`.
            extras: `{"count": (n,)}`, their counts; 0 otherwise, if others have counts.
            replace: Give words that are known their new vectors, rather than leave them alone.

        Raises:
            VectorError: Vectors that do not fit the words or the dimension.
            ParameterError: A word is no string, or `extras` has something else.
        """
        words = [keys] if isinstance(keys, str) else as_strings("keys", keys)
        X = as_matrix(weights, "weights", self.vector_size) if words else self.vectors[:0]
        if len(words) != len(X):
            raise VectorError(f"{len(words)} words do not fit {len(X)} vectors")
        added = self._added_counts(extras, len(words))
        new = {word: row for row, word in enumerate(words) if word not in self.key_to_index}
        vectors = np.concatenate([self.vectors, X[list(new.values())]])
        counts = None
        if added is not None or self.counts is not None:
            more = np.zeros(len(words), np.int64) if added is None else added
            counts = np.concatenate([self._known_counts(), more[list(new.values())]])
        if replace:
            for row, word in enumerate(words):
                if (place := self.key_to_index.get(word)) is not None:
                    vectors[place] = X[row]
                    if counts is not None and added is not None:
                        counts[place] = added[row]
        return self._changed(vectors, [*self.index_to_key, *new], counts)

    def sort_by_descending_frequency(self) -> KeyedVectors:
        """Return a copy whose most frequent words come first; equal ones keep their order.

        Raises:
            ParameterError: Counts are not known.
        """
        if self.counts is None:
            raise ParameterError("counts", "known for words to be sorted by them", None)
        order = np.argsort(-np.asarray(self.counts), kind="stable")
        words = [self.index_to_key[row] for row in order.tolist()]
        return self._changed(self.vectors[order], words, np.asarray(self.counts)[order])

    def vectors_for_all(
        self, keys: Iterable[str], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> KeyedVectors:
        """Return word vectors of these words alone, each once and in their order.

        Args:
            keys: The words; those that are not known are left out.
            allow_inference: Take words, too, whose vectors are inferred from n-grams.
            copy_vecattrs: Keep the counts; those of inferred words are 0.

        Raises:
            ParameterError: A word is no string.
        """
        found = {}
        for key in dict.fromkeys(as_strings("keys", keys)):
            one = self._lookup(key) if key.strip() else None
            if one is not None and (allow_inference or one.row >= 0):
                found[key] = one
        vectors = np.array([one.vector for one in found.values()], np.float32)
        counts = None
        if copy_vecattrs and self.counts is not None:
            seen = [int(self.counts[one.row]) if one.row >= 0 else 0 for one in found.values()]
            counts = np.array(seen, np.int64)
        X = vectors.reshape(-1, self.vector_size)
        return KeyedVectors(
            X,
            list(found),
            counts,
            normalize=self._normalize,
            stop_words=self._stop_words(),
        )

    def wmdistance(
        self, document1: Sequence[str], document2: Sequence[str], norm: bool = True
    ) -> float:
        """Compute the Word Mover's Distance of two lists of tokens (Kusner et al., ICML 2015).

        It is the least that moving the words of one to those of the other costs, each at the
        Euclidean distance of their vectors; infinity if one has no known word, which are left out.
        With `norm` vectors are scaled to length 1 before. Solved exactly, so lists of more than a
        few hundred different words take seconds.

        Raises:
            ParameterError: Not a list of strings.
        """
        from embedsearch.search.word_movers import movers_distance

        sides = []
        for name, document in (("document1", document1), ("document2", document2)):
            known = [word for word in as_strings(name, document) if word in self]
            if not known:
                return float("inf")
            words, counts = np.unique(known, return_counts=True)
            X = np.array([self.get_vector(str(word), norm) for word in words], np.float64)
            sides.append((X, counts / counts.sum()))
        return movers_distance(*sides[0], *sides[1])

    def relative_cosine_similarity(self, wa: str, wb: str, topn: int = 10) -> float:
        """Divide the cosine of two words by the sum of those of `wa` and its `topn` neighbours.

        Above 1 / `topn`, they are more alike than the neighbours are on average (Leeuwenberg et
        al. 2016).

        Raises:
            QueryError: The sum is zero.
        """
        total = sum(score for _, score in self.similar_by_key(wa, as_count("topn", topn)))
        if not total:
            raise QueryError(f"the cosines of the neighbours of {wa!r} add up to zero")
        return self.similarity(wa, wb) / total

    @staticmethod
    def cosine_similarities(vector_1: ArrayLike, vectors_all: ArrayLike) -> NDArray[np.float32]:
        """Compute the cosines of a vector `(d,)` with others `(n, d)`: `(n,)`; 0 for zeros.

        Raises:
            VectorError: Shapes that do not fit, NaN or infinity.
        """
        X = as_matrix(vectors_all, "vectors_all")
        x = as_matrix(vector_1, "vector_1", X.shape[1])
        if len(x) != 1:
            raise VectorError(f"vector_1 must be one vector, got {len(x)}")
        lengths = row_norms(X) * row_norms(x)
        products = X @ x[0].astype(np.float64)
        cosines = np.divide(products, lengths, out=np.zeros(len(X)), where=lengths > 0)
        found: NDArray[np.float32] = cosines.astype(np.float32)
        return found

    def evaluate_word_pairs(
        self,
        pairs: str | Path,
        delimiter: str = "\t",  # noqa: ARG002 - gensim's signature
        encoding: str = "utf8",
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[Correlation, Correlation, float]:
        """Correlate cosines with judgements: Pearson and Spearman with their p, and % unknown.

        As gensim's method of this name; the delimiter is found in the file. For a report, see
        `embedsearch.evaluation.pairs`, which has the parameters and errors.

        Raises:
            InputError: No pair is known, or a correlation is not defined.
        """
        from embedsearch.evaluation.human_judgements import pairs as correlate

        report = correlate(
            self,
            pairs,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            dummy4unknown=dummy4unknown,
            encoding=encoding,
        )
        if report.pearson.value is None:
            raise InputError(f"{pairs}: {report.notes[-1]}")
        return report.pearson, report.spearman, 100 * (1 - report.coverage)

    def evaluate_word_analogies(
        self,
        analogies: str | Path,
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
    ) -> tuple[float, list[dict[str, Any]]]:
        """Complete the analogies of a file: the share of right answers, and all by section.

        As gensim's method of this name: a section has its name ("section"), and the questions
        that were answered rightly ("correct") and wrongly ("incorrect"); the last has them all.
        For a report, see `embedsearch.evaluation.analogies`, which has the parameters and errors.

        Raises:
            InputError: No question has four known words.
        """
        from embedsearch.evaluation.word_analogies import answered_sections

        check("similarity_function", similarity_function, Choice(tuple(_SIMILARITIES)))
        sections = answered_sections(
            self,
            analogies,
            method=_SIMILARITIES[similarity_function],
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            dummy4unknown=dummy4unknown,
        )
        right = [question for section in sections for question in section["correct"]]
        wrong = [question for section in sections for question in section["incorrect"]]
        if not right and not wrong:
            raise InputError(f"{analogies}: no question has four words of the vocabulary")
        total = {"section": "Total accuracy", "correct": right, "incorrect": wrong}
        return len(right) / (len(right) + len(wrong)), [*sections, total]

    def _changed(
        self,
        vectors: FloatMatrix | None = None,
        index_to_key: Sequence[str] | None = None,
        counts: NDArray[np.int64] | None = None,
    ) -> KeyedVectors:
        return KeyedVectors(
            self.vectors if vectors is None else vectors,
            self.index_to_key if index_to_key is None else index_to_key,
            self.counts if counts is None else counts,
            self.subwords,
            normalize=self._normalize,
            stop_words=self._stop_words(),
        )

    def _known_counts(self) -> NDArray[np.int64]:
        return np.zeros(len(self), np.int64) if self.counts is None else np.array(self.counts)

    @staticmethod
    def _check_attribute(attr: str) -> None:
        if attr != _COUNT:
            raise ParameterError("attr", f'"{_COUNT}", the only attribute that is kept', attr)

    @staticmethod
    def _added_counts(
        extras: Mapping[str, ArrayLike] | None, size: int
    ) -> NDArray[np.int64] | None:
        if not extras:
            return None
        if not isinstance(extras, dict) or set(extras) != {_COUNT}:
            raise ParameterError("extras", f'{{"{_COUNT}": counts}} or None', extras)
        counts = as_counts(extras[_COUNT])
        if counts.shape != (size,):
            raise VectorError(f"counts of shape {counts.shape} do not fit {size} words")
        return counts


WordVectors = Words = KeyedVectors
"""The public names of the type."""


def load_vectors(
    path: str | Path,
    format: str = "auto",
    *,
    limit: int | None = None,
    encoding_errors: str = "strict",
    allow_pickle: bool = False,
    progress: Progress | None = None,
) -> KeyedVectors:
    """Read word vectors into memory; they answer every question about words.

    Of a word that is repeated the first is kept; empty words and those with a tab or a line
    break are left out. `progress` gets a note of both.

    Args:
        path: A file or a folder. Texts and word2vec's binary may be compressed with gzip,
            bzip2, xz or zstd.
        format: One of `VECTOR_FORMATS`; "auto" looks at the first bytes, then at the name.
        limit: Read only the first so many rows; None reads all.
        encoding_errors: What to do with a word that is not UTF-8: "strict" raises, "replace"
            puts U+FFFD in place of what is wrong, "skip" leaves the word out.
        allow_pickle: Read formats that run code from the file. Only for files that you made.
        progress: A listener.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceFormatError: It is damaged, holds NaN or infinity, or is of no known format.
        ParameterError: A setting is not what it may be.
        MissingExtraError: The format needs an optional package.
    """
    from embedsearch.vectors.formats.files import load_vectors as load

    data = load(
        checked_path(path),
        format,
        limit=limit,
        encoding_errors=encoding_errors,
        allow_pickle=allow_pickle,
        progress=progress,
    )
    return KeyedVectors.of(data)


def save_vectors(
    vectors: VectorData,
    path: str | Path,
    format: str = "auto",
    *,
    inputs: FloatMatrix | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Write word vectors to a file, from which the same float32 values are read.

    The file is written to a temporary folder next to it and renamed: it is whole or not there.

    Args:
        vectors: What to write.
        path: The file.
        format: One of `VECTOR_FORMATS`; "auto" uses the ending of the name.
        inputs: `(V, d)`, the words' own rows if `vectors` are composed with n-grams.
        overwrite: Replace files that exist.
        progress: A listener; gets a note of what the format cannot hold.

    Returns:
        The files that were written; some formats have two.

    Raises:
        ParameterError: The format is not known or cannot be written, or a file is in the way.
        VectorError: A word that the format cannot hold; nothing is written.
        MissingExtraError: The format needs an optional package.
        StorageError: The folder cannot be written to, or the disk is full.
    """
    from embedsearch.vectors.formats.files import save_vectors as save

    check("vectors", vectors, Instance(VectorData, "word vectors (es.WordVectors)"))
    if inputs is not None:
        inputs = as_matrix(inputs, "inputs", vectors.vector_size)
    return save(
        vectors, checked_path(path), format, inputs=inputs, overwrite=overwrite, progress=progress
    )


def _read_counts(words: KeyedVectors, fvocab: str | Path) -> NDArray[np.int64]:
    from embedsearch.evaluation.files import numbered_lines

    counts = np.zeros(len(words), np.int64)
    for number, line in numbered_lines(checked_path(fvocab, "fvocab")):
        word, _, count = line.strip().rpartition(" ")
        if not count.isdecimal():
            raise SourceFormatError(fvocab, "a line has a word and its count", number)
        if (row := words.key_to_index.get(word)) is not None:
            counts[row] = int(count)
    return counts


def _restored(
    kind: type[KeyedVectors],
    vectors: FloatMatrix,
    index_to_key: list[str],
    counts: NDArray[np.int64] | None,
    subwords: Subwords | None,
    normalize: Callable[[str], str | None],
    stop_words: list[str],
) -> KeyedVectors:
    data = VectorData(vectors, index_to_key, counts, subwords, check=False)
    return kind.of(data, normalize, stop_words=partial(list, stop_words))
