"""Training by gensim tells of each epoch."""

from __future__ import annotations

from gensim.models import Word2Vec

from embedsearch.training.gensim import epoch_end


def test_gensim_calls_once_after_each_epoch() -> None:
    calls: list[int] = []
    callback = epoch_end(lambda: calls.append(len(calls)))
    texts = [["wave", "salt", "tide"]] * 5
    Word2Vec(texts, vector_size=4, min_count=1, epochs=3, workers=1, callbacks=[callback])
    assert calls == [0, 1, 2]
