"""The first bytes of a fastText model: a mark, a version, and the settings of its training.

The layout is that of `Args::save` in Facebook's fastText: everything little-endian, int32 but
for `t`. Version 12 differs from 11 only in that classifiers may have character n-grams.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._errors import VectorError

if TYPE_CHECKING:
    from embedsearch.vectors.formats.fasttext_mapped import MappedFile

MAGIC = (793712314).to_bytes(4, "little")
VERSION = 12
_VERSIONS = (11, 12)
_CLASSIFIER = 3
_LAYOUT = "12id"
# No language needs more; without a bound a long word and a wrong number would fill the memory.
_LONGEST_NGRAM = 64


class Header(NamedTuple):
    """The settings, in the order of the file; the defaults are fastText's.

    Attributes:
        dim: Dimensions, d.
        ws: Words on each side that are context.
        epoch: Passes over the text.
        min_count: Rarer words were left out.
        neg: Noise words for each pair.
        word_ngrams: The longest run of words that a classifier takes as one.
        loss: 1 hierarchical softmax, 2 negative sampling, 3 softmax, 4 one against all.
        model: 1 CBOW, 2 skip-gram, 3 a classifier.
        bucket: Rows of the table of n-grams.
        minn: The shortest n-gram, in characters.
        maxn: The longest; 0 for none.
        lr_update_rate: Words between two changes of the learning rate.
        t: The threshold above which frequent words are thinned out.
    """

    dim: int
    ws: int = 5
    epoch: int = 5
    min_count: int = 1
    neg: int = 5
    word_ngrams: int = 1
    loss: int = 2
    model: int = 2
    bucket: int = 0
    minn: int = 0
    maxn: int = 0
    lr_update_rate: int = 100
    t: float = 1e-4

    @property
    def is_classifier(self) -> bool:
        """Whether it was trained to tell labels."""
        return self.model == _CLASSIFIER

    @property
    def has_ngrams(self) -> bool:
        """Whether words are composed with their character n-grams."""
        return self.bucket > 0 and self.maxn >= max(self.minn, 1)

    def to_bytes(self) -> bytes:
        """Return what a file begins with.

        Raises:
            VectorError: A number is too large for the format.
        """
        try:
            return MAGIC + struct.pack(f"<i{_LAYOUT}", VERSION, *self)
        except struct.error as error:
            raise VectorError(f"a fastText model has no room for {self}: {error}") from error


def read_header(file: MappedFile) -> Header:
    """Read and check the settings.

    Raises:
        SourceFormatError: No such header, a version that is not known, or impossible settings.
    """
    if file.data[: len(MAGIC)] != MAGIC:
        raise file.wrong("it does not begin with fastText's mark (models of before 2017 have none)")
    file.position = len(MAGIC)
    (version,) = file.take("i", "the version")
    if version not in _VERSIONS:
        raise file.wrong(f"version {version} is not known, only 11 and 12 are")
    header = Header(*file.take(_LAYOUT, "the settings"))
    if header.dim < 1 or header.bucket < 0:
        raise file.wrong(f"{header.dim} dimensions and {header.bucket} n-grams are impossible")
    if version < VERSION and header.is_classifier:
        header = header._replace(maxn=0)
    if header.maxn > _LONGEST_NGRAM:
        raise file.wrong(f"n-grams of {header.maxn:,} characters; {_LONGEST_NGRAM} is the most")
    return header
