"""Our own trainers, from the same file: one document a line."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.rivals.common import Job, main
from embedsearch._progress import SilentProgress
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.stream_writer import write_texts
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.training.settings import training_settings
from embedsearch.training.trainers import train_word_vectors


def train(job: Job) -> None:
    """Tokenize, train and save; compiling, where the cache is cold, counts as training."""
    trainer = job.settings.pop("trainer")
    processor = TextProcessor(TokenizerSettings())
    with TemporaryDirectory() as name:
        folder = Path(name)
        with job.timed("read"), job.corpus.open(encoding="utf-8") as lines:
            stream = write_texts(folder, enumerate(lines), processor)
        with job.timed("train"):
            settings = training_settings(**job.settings)
            progress = SilentProgress()
            model, report = train_word_vectors(stream, trainer, settings, progress, folder=folder)
        # PPMI counts once, whatever its settings say.
        job.times["epochs"] = 1 if trainer == "ppmi" else report.parameters["epochs"]
        with job.timed("save"):
            job.save(model.vectors.index_to_key, model.vectors.vectors)


if __name__ == "__main__":
    main(train)
