"""Cores shared among searches: never more taken than there are, and answers stay the same."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest

from embedsearch._processes import count_cores
from embedsearch.index.threads import Cores, omp_threads, run_in_threads, shared_cores
from embedsearch.index.vector_index import VectorIndex

X = np.random.default_rng(0).standard_normal((3000, 16)).astype(np.float32)


class Watched:
    """Work that notes how many threads are at it."""

    def __init__(self) -> None:
        self._lock, self._now, self.most = threading.Lock(), 0, 0
        self.done: list[int] = []
        self.omp: set[int] = set()

    def __call__(self, part: slice) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.omp.add(faiss.omp_get_max_threads())
        time.sleep(0.002)
        with self._lock:
            self._now -= 1
            self.done += range(part.start, part.stop)


@pytest.fixture
def cores() -> Cores:
    """Four cores, whatever the machine has."""
    return Cores(4)


@pytest.mark.parametrize("searches", [1, 2, 3, 4, 9])
def test_searches_never_take_more_threads_than_there_are_cores(cores: Cores, searches: int) -> None:
    work = Watched()
    with ThreadPoolExecutor(searches) as pool:
        list(pool.map(lambda _: run_in_threads(work, 1500, least=8, cores=cores), range(searches)))
    assert work.most <= 4
    assert work.omp == {1}
    assert cores.free == cores.total
    assert sorted(work.done) == sorted(list(range(1500)) * searches)


def test_a_search_alone_takes_every_core(cores: Cores) -> None:
    together = threading.Barrier(4, timeout=30)
    run_in_threads(lambda part: together.wait() and None, 400, least=8, cores=cores)
    assert cores.free == cores.total


def test_few_queries_take_one_core(cores: Cores) -> None:
    work = Watched()
    run_in_threads(work, 7, least=8, cores=cores)
    assert (work.most, work.done) == (1, list(range(7)))


@pytest.mark.parametrize("threads", [1, 3, 64])
def test_as_many_threads_work_as_were_asked_for(cores: Cores, threads: int) -> None:
    work = Watched()
    run_in_threads(work, 640, least=8, threads=threads, cores=cores)
    assert 1 <= work.most <= threads
    assert sorted(work.done) == list(range(640))
    assert cores.free == cores.total


def test_an_error_in_a_thread_is_raised_and_cores_are_released(cores: Cores) -> None:
    def fail(part: slice) -> None:
        if part.stop > 100:
            raise ValueError("a query too many")

    with pytest.raises(ValueError, match="too many"):
        run_in_threads(fail, 400, least=8, cores=cores)
    assert cores.free == cores.total


def test_the_settings_of_faiss_are_as_before_afterwards() -> None:
    before = faiss.omp_get_max_threads()
    index = VectorIndex.build(X, spec="flat", threads=1)
    index.search(X[:100], threads=2)
    with omp_threads(3):
        assert faiss.omp_get_max_threads() == 3
        with omp_threads(1):
            assert faiss.omp_get_max_threads() == 1
        assert faiss.omp_get_max_threads() == 3
    assert faiss.omp_get_max_threads() == before


@pytest.mark.parametrize("spec", ["flat", "hnsw", "ivf"])
def test_answers_are_the_same_from_many_python_threads(spec: str) -> None:
    index = VectorIndex.build(X, "euclidean", spec, threads=1)
    wanted = index.search(X[:300], threads=1)[1]
    allowed = np.arange(0, 3000, 3)
    narrowed = index.search(X[:300], allowed=allowed, threads=1)[1]

    def ask(i: int) -> bool:
        if i % 3 == 0:
            return bool((index.search(X[:300])[1] == wanted).all())
        if i % 3 == 1:
            return bool((index.search(X[i])[1][0] == wanted[i]).all())
        return bool((index.search(X[:300], allowed=allowed)[1] == narrowed).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(60)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_begins_with_all_cores() -> None:
    shared = shared_cores()
    taken = shared.take(count_cores())
    try:
        child = os.fork()
        if not child:
            os._exit(shared_cores().total - shared_cores().free)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        shared.release(taken)
