"""gensim's Word2Vec from a file, which is its fastest way."""

from __future__ import annotations

from gensim.models import Word2Vec

from benchmarks.rivals.common import Job, main


def train(job: Job) -> None:
    """Scan, train and save."""
    settings = {name: value for name, value in job.settings.items() if name != "trainer"}
    model = Word2Vec(**settings)
    path = str(job.corpus)
    job.times["epochs"] = model.epochs
    with job.timed("read"):
        model.build_vocab(corpus_file=path)
    with job.timed("train"):
        model.train(
            corpus_file=path,
            total_words=model.corpus_total_words,
            total_examples=model.corpus_count,
            epochs=model.epochs,
        )
    with job.timed("save"):
        job.save(model.wv.index_to_key, model.wv.vectors)


if __name__ == "__main__":
    main(train)
