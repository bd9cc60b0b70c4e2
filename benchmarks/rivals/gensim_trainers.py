"""gensim's Word2Vec and FastText from a file, which is their fastest way."""

from __future__ import annotations

from gensim.models import FastText, Word2Vec

from benchmarks.rivals.common import Job, main


def train(job: Job) -> None:
    """Scan, train and save."""
    trainer = FastText if job.settings.pop("trainer", None) == "fasttext" else Word2Vec
    model = trainer(**job.settings)
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
