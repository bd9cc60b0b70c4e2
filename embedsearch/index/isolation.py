"""Files of somebody else are first read in another process, which may die of them.

tantivy and FAISS were not made for hostile files: with right checksums, a file can end the process
that reads it, make it wait for ever, or take all memory; and an index of FAISS may name another
file for its lists, which is then opened. So another process reads all of
it once, with little memory, and for FAISS without the right to open anything more.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import EmbedSearchError, WorkspaceError
from embedsearch._processes import limit_resources, run_apart
from embedsearch.index.candidate_index import CandidateIndex
from embedsearch.index.faiss_tools import load_faiss
from embedsearch.index.lexical.index import LexicalIndex
from embedsearch.index.storage import read_index_file
from embedsearch.index.vector_index import VectorIndex

if TYPE_CHECKING:
    from collections.abc import Iterator


LEXICAL, FAISS = "lexical", "faiss"
# Far more than any index takes that we wrote, in time and in memory for each byte of it: the
# limits are for files that were made to take for ever, or all there is.
_SECONDS, _BYTES_A_SECOND = 60, 500_000
_MEMORY, _TIMES = 4 << 30, 12
_GOOD = b"can be read"
# Each random query takes another way through a graph, or to other lists.
_QUERIES = 200


def fault_of(kind: str, path: Path) -> str | None:
    """Return what happens to a process that reads an index; None if all of it can be read.

    `kind` is `LEXICAL` for the folder of a lexical index, `FAISS` for a file of vectors.
    """
    if getattr(sys, "frozen", False):
        return "no process can be started to read it"
    size = sum(file.stat().st_size for file in (path.iterdir() if path.is_dir() else [path]))
    timeout = _SECONDS + size / _BYTES_A_SECOND
    try:
        done = run_apart(f"{__name__}:main", kind, path, size, timeout=timeout)
    except subprocess.TimeoutExpired:
        return "reading it takes for ever"
    except OSError as error:
        return f"no process can be started to read it ({error.strerror})"
    if done.returncode == 0 and done.stdout == _GOOD:
        return None
    if done.returncode < 0:
        return f"reading it ends the process (signal {-done.returncode})"
    reason = done.stdout.decode("utf-8", "replace").strip()
    return reason if reason.isprintable() and reason else "reading it ends the process"


def main(kind: str, path: str, size: str) -> int:
    """Read all of an index; return 0 if that went well."""
    limit_resources(AS=_MEMORY + _TIMES * int(size), CORE=0)
    try:
        (_read_lexical if kind == LEXICAL else _read_faiss)(Path(path))
    except Exception as error:  # noqa: BLE001 - whatever it is, the index cannot be used
        reason = error.reason if isinstance(error, WorkspaceError) else error
        ours = isinstance(error, EmbedSearchError)
        sys.stdout.write((str(reason) if ours else type(error).__name__)[:300])
        return 1
    sys.stdout.buffer.write(_GOOD)
    return 0


def _read_lexical(folder: Path) -> None:
    with LexicalIndex.open(folder) as index:
        index.snapshot.numbers()
        index.snapshot.read_all()


def _read_faiss(path: Path) -> None:
    faiss = load_faiss()
    written = read_index_file(path, verify=True)
    with path.open("rb") as file, _nothing_opened():
        index = faiss.read_index(faiss.PyCallbackIOReader(file.read))
    _check(index)
    Q = np.random.default_rng(0).standard_normal((_QUERIES, index.d), np.float32)
    rows = index.search(Q, 10)[1]
    _expect(-1 <= rows.min(initial=-1) <= rows.max(initial=-1) < index.ntotal)
    if written.description.get("kind") == "proposer":
        candidates = CandidateIndex.load(path)
        for q in Q:
            candidates.search(q, 10)
    else:
        VectorIndex.load(path).search(Q, topn=10)


@contextmanager
def _nothing_opened() -> Iterator[None]:
    """Forbid opening files: an index may name a file of somebody else for its lists."""
    try:
        import resource
    except ImportError:  # Windows
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _check(index: Any) -> None:
    """Raise if parts of an index lead out of it: all that FAISS itself does not compare."""
    faiss = load_faiss()
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        _check_chain(index)
    elif isinstance(index, faiss.IndexRefine):
        _check_inner(index, index.base_index)
        _check_inner(index, index.refine_index)
    elif isinstance(index, faiss.IndexIDMap):
        _check_inner(index, index.index)
    elif isinstance(index, faiss.IndexHNSW):
        _check_inner(index, index.storage)
        _check_graph(index.hnsw, int(index.ntotal))
    elif isinstance(index, faiss.IndexIVF):
        _check_lists(index)
    if isinstance(index, faiss.IndexFlatCodes):
        _expect(index.codes.size() == index.ntotal * index.code_size)
    _check_quantizers(index)


def _expect(holds: object) -> None:
    if not holds:
        raise ValueError("parts that do not fit")


def _check_inner(index: Any, inner: Any) -> None:
    _expect(inner is not None and inner.d == index.d and inner.ntotal == index.ntotal)
    _check(inner)


def _check_chain(index: Any) -> None:
    faiss, d = load_faiss(), index.d
    for place in range(index.chain.size()):
        transform = faiss.downcast_VectorTransform(index.chain.at(place))
        _expect(transform.d_in == d)
        d = transform.d_out
        if isinstance(transform, faiss.LinearTransform):
            _expect(transform.A.size() == transform.d_in * transform.d_out)
            _expect(transform.b.size() == (transform.d_out if transform.have_bias else 0))
        if isinstance(transform, faiss.CenteringTransform):
            _expect(transform.mean.size() == d)
    _expect(index.index.d == d and index.index.ntotal == index.ntotal)
    _check(index.index)


def _check_graph(graph: Any, count: int) -> None:
    faiss = load_faiss()
    levels, offsets, neighbors = (
        faiss.vector_to_array(part).astype(np.int64)
        for part in (graph.levels, graph.offsets, graph.neighbors)
    )
    _expect(len(levels) == count and len(offsets) == count + 1)
    _expect(not len(neighbors) or -1 <= neighbors.min() <= neighbors.max() < count)
    sums = faiss.vector_to_array(graph.cum_nneighbor_per_level)
    _expect(not count or 1 <= levels.min() <= levels.max() < len(sums))
    _expect(offsets[0] == 0 and offsets[-1] == len(neighbors))
    _expect((np.diff(offsets) == sums[levels]).all())
    _expect(-1 <= graph.entry_point < max(count, 1) and graph.max_level < len(sums))


def _check_lists(index: Any) -> None:
    faiss = load_faiss()
    lists = faiss.downcast_InvertedLists(index.invlists)
    _expect(isinstance(lists, faiss.ArrayInvertedLists | faiss.BlockInvertedLists))
    _expect(lists.nlist == index.nlist == index.quantizer.ntotal and index.quantizer.d == index.d)
    total = 0
    for number in range(index.nlist):
        size = lists.list_size(number)
        ids = faiss.rev_swig_ptr(lists.get_ids(number), size) if size else np.empty(0, np.int64)
        _expect(not size or 0 <= ids.min() <= ids.max() < index.ntotal)
        total += size
    _expect(total == index.ntotal)
    _check(index.quantizer)


def _check_quantizers(index: Any) -> None:
    faiss = load_faiss()
    scalar, product = getattr(index, "sq", None), getattr(index, "pq", None)
    if scalar is not None:
        kind, trained = scalar.qtype, scalar.trained.size()
        codes = faiss.ScalarQuantizer
        each = (codes.QT_8bit, codes.QT_4bit, codes.QT_6bit)
        uniform = (codes.QT_8bit_uniform, codes.QT_4bit_uniform)
        _expect(trained >= (2 * scalar.d if kind in each else 2 if kind in uniform else 0))
        _expect(scalar.d == index.d)
    if product is not None:
        _expect(product.d == index.d and product.M * product.dsub == product.d)
        _expect(product.centroids.size() == product.d * product.ksub)
