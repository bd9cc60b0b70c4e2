"""Our own word2vec: skip-gram and CBOW with negative sampling, in compiled loops.

Sources: Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their
Compositionality"; Ji et al. 2016, "Parallelizing Word2Vec in Shared and Distributed Memory"
(the noise words of a centre are shared by its context).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError
from embedsearch.kernels._simd import MOST_NEGATIVE
from embedsearch.kernels.matrices import compacted
from embedsearch.kernels.rounds import merge_rounds
from embedsearch.training.base import TrainedModel
from embedsearch.training.encoded import encode
from embedsearch.training.loop import Loop
from embedsearch.training.nets import Cbow, SkipGram
from embedsearch.training.plan import ROUND_PIECE, Plan
from embedsearch.training.starting import begin_from
from embedsearch.training.workers import Hogwild, Rounds
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._progress import Progress
    from embedsearch.training.base import Corpus, Hooks
    from embedsearch.training.encoded import EncodedCorpus
    from embedsearch.training.nets import Net
    from embedsearch.training.settings import TrainingSettings


class Word2Vec:
    """Skip-gram (`sg=1`) or CBOW with negative sampling.

    With one worker a seed gives the same bytes on every run; with `deterministic=1` also with
    several, at about a third of their speed.

    Attributes:
        losses: The held-out loss after each epoch.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        check_settings(settings)
        self.settings = settings
        self.losses: list[float] = []

    def fit(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> TrainedModel:
        """Train on the corpus, or go on from `hooks.start` or a checkpoint."""
        encoded, words = encode(corpus), corpus.vocabulary.words
        net = (SkipGram if self.settings.sg else Cbow)(encoded, self.settings)
        if hooks.start is not None:
            begin_from(hooks.start, words, net.x, net.y, progress)
        self.losses = run_net(net, encoded, self.settings, words, progress, hooks)
        size = self.settings.vector_size or 1
        vectors, context = compacted(net.x, size), compacted(net.y, size)
        counts = corpus.vocabulary.counts
        return TrainedModel(WordVectors(vectors, list(words), counts), context)


def run_net(
    net: Net,
    corpus: EncodedCorpus,
    settings: TrainingSettings,
    words: Sequence[str],
    progress: Progress,
    hooks: Hooks,
) -> list[float]:
    """Train a network on a corpus; return the held-out losses."""
    workers = settings.workers or 1
    apart = bool(settings.deterministic) and workers > 1
    plan = Plan(corpus.total, settings, ROUND_PIECE if apart else None)
    crew = _apart(net, plan, workers) if apart else Hogwild(net.train, plan, workers)
    loop = Loop(net, corpus, plan, settings, words, hooks)
    loop.run(crew, progress)
    return loop.losses


def check_settings(settings: TrainingSettings) -> None:
    """Refuse what only gensim's trainers can do.

    Raises:
        ParameterError: Hierarchical softmax, or more noise words than the kernels take.
    """
    if settings.hs:
        raise ParameterError("hs", '0, or used with trainer="gensim"', settings.hs)
    if (settings.negative or 0) > MOST_NEGATIVE:
        raise ParameterError("negative", f"at most {MOST_NEGATIVE}", settings.negative)


def _apart(net: Net, plan: Plan, count: int) -> Rounds:
    workers = [net.round_worker() for _ in range(count)]

    def merge(part: int, parts: int, active: int) -> None:
        merge_rounds(workers[:active], part, parts)

    return Rounds([partial(net.train_apart, worker) for worker in workers], merge, plan)
