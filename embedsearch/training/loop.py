"""The loop of every network: epochs, held-out loss, callbacks, checkpoints, early stopping."""

from __future__ import annotations

import math
import time
from hashlib import blake2b
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError
from embedsearch.kernels.sampling import stream_key
from embedsearch.text.stream import release
from embedsearch.training.base import EpochReport
from embedsearch.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._progress import Progress, Task
    from embedsearch._types import FloatMatrix
    from embedsearch.training.base import Hooks
    from embedsearch.training.encoded import EncodedCorpus
    from embedsearch.training.nets import Net
    from embedsearch.training.plan import Plan
    from embedsearch.training.settings import TrainingSettings
    from embedsearch.training.workers import Crew

# Between two rounds nothing trains: progress is told, and a checkpoint can be written.
_WORDS_A_ROUND = 2_000_000
_HELD_OUT = 0x5EED


class Loop:
    """Runs a plan to its end, or to where it should stop.

    Attributes:
        losses: The held-out loss after each epoch.
    """

    def __init__(
        self,
        net: Net,
        corpus: EncodedCorpus,
        plan: Plan,
        settings: TrainingSettings,
        words: Sequence[str],
        hooks: Hooks,
    ) -> None:
        self._net, self._corpus, self._plan, self._settings = net, corpus, plan, settings
        self._words, self._hooks = words, hooks
        self.losses: list[float] = []
        facts = {**hooks.facts, "text": _digest(words, corpus)}
        self._checkpoint = Checkpoint(hooks.checkpoint, facts, hooks.seconds)

    def run(self, crew: Crew, progress: Progress) -> None:
        """Train; an interrupted training writes a checkpoint and goes on from it next time."""
        position = self._resume(progress)
        total = self._plan.words * self._plan.epochs
        with progress.task("training", total, "words") as task:
            task.advance(self._plan.words_before(position))
            try:
                self._train(crew, position, task)
            except KeyboardInterrupt:
                self._save(crew.position)
                raise
            finally:
                crew.close()
        self._checkpoint.remove()

    def _train(self, crew: Crew, position: int, task: Task) -> None:
        plan, began, start = self._plan, time.perf_counter(), position
        while position < plan.pieces:
            last = plan.epoch_end(position)
            while position < last:
                position = self._round(crew, position, last, task)
            rate = (plan.words_before(position) - plan.words_before(start)) / (
                time.perf_counter() - began
            )
            if self._epoch_done(position // len(plan.starts), rate, task):
                return

    def _round(self, crew: Crew, position: int, last: int, task: Task) -> int:
        before = self._plan.words_before(position)
        size = max(1, _WORDS_A_ROUND * len(self._plan.starts) // max(self._plan.words, 1))
        end = min(last, position + size)
        crew.run(position, end)
        release(self._corpus.ids)
        task.advance(self._plan.words_before(end) - before)
        if self._checkpoint.due:
            self._save(end)
        return end

    def _epoch_done(self, epoch: int, rate: float, task: Task) -> bool:
        loss = self._held_out_loss()
        if loss is not None:
            self.losses.append(loss)
        shown = "" if loss is None else f", loss {loss:.3f}"
        task.describe(f"epoch {epoch}/{self._plan.epochs}{shown}")
        size = self._settings.vector_size
        vectors = self._net.x[: len(self._words), :size]
        self._check(vectors)
        report = EpochReport(epoch, self._plan.epochs, loss, rate, self._words, vectors)
        stops = [callback(report) is True for callback in self._hooks.callbacks]
        return any(stops) or self._out_of_patience()

    def _held_out_loss(self) -> float | None:
        total, pairs = 0.0, 0
        for place, (start, stop) in enumerate(self._plan.held_out):
            key = stream_key(self._settings.seed, _HELD_OUT, place)
            part, count = self._net.loss(int(start), int(stop), key)
            total, pairs = total + part, pairs + count
        return total / pairs if pairs else None

    def _check(self, vectors: FloatMatrix) -> None:
        # One number that is not finite makes the sum so.
        if not math.isfinite(float(vectors.sum())):
            allowed = "lower, as training diverged: vectors are no longer finite"
            raise ParameterError("alpha", allowed, self._settings.alpha)

    def _out_of_patience(self) -> bool:
        patience = self._settings.patience
        if patience is None or not self.losses:
            return False
        best = self.losses.index(min(self.losses))
        return len(self.losses) - 1 - best >= patience

    def _resume(self, progress: Progress) -> int:
        saved = self._checkpoint.load(self._net.x.shape[0], self._net.y.shape[0], progress)
        if saved is None:
            return 0
        size = saved.x.shape[1]
        self._net.x[:, :size], self._net.y[:, :size] = saved.x, saved.y
        self.losses = saved.losses
        share = saved.position / max(self._plan.pieces, 1)
        progress.note(f"going on from a checkpoint: {share:.0%} of the training was done")
        return saved.position

    def _save(self, position: int) -> None:
        size = self._settings.vector_size
        self._checkpoint.save(self._net.x[:, :size], self._net.y[:, :size], position, self.losses)


def _digest(words: Sequence[str], corpus: EncodedCorpus) -> str:
    """Digest what tells one corpus from another without reading it all again."""
    digest = blake2b("\n".join(words).encode(), digest_size=16)
    digest.update(corpus.counts.tobytes())
    digest.update(corpus.offsets.tobytes())
    return digest.hexdigest()
