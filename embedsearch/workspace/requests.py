"""What the user asks of a training, and whether an interrupted one was asked the same."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from embedsearch._errors import InputError, ParameterError
from embedsearch.index.settings import IndexSettings, index_options
from embedsearch.search.options import SearchSettings, changed_search
from embedsearch.text.settings import TokenizerSettings
from embedsearch.training.checkpoint import read_state
from embedsearch.training.settings import TrainingSettings, training_settings
from embedsearch.training.trainers import resolve_trainer
from embedsearch.workspace.imported import IMPORTED
from embedsearch.workspace.plugged import check_search

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedsearch.training.base import Callback
    from embedsearch.workspace.generation import Generation
    from embedsearch.workspace.layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """What the user asks of a training.

    Attributes:
        tokenizer: How text is cut.
        trainer: A name of `TRAINERS`.
        settings: Those that are None are fitted to the corpus.
        callbacks: Called after every epoch.
        update: Go on from the word vectors that there are, on the documents that changed since.
        search: How documents are to be found.
        index: What kind of index the words are to have.
    """

    tokenizer: TokenizerSettings
    trainer: str
    settings: TrainingSettings
    callbacks: Sequence[Callback] = ()
    update: bool = False
    search: SearchSettings = field(default_factory=SearchSettings)
    index: IndexSettings = field(default_factory=IndexSettings)

    def facts(self, change: int) -> dict[str, Any]:
        """Return what must be the same for a checkpoint to fit."""
        # Another number of threads changes the speed, not what is trained.
        settings = {**self.settings.to_json(), "workers": None}
        facts = {"trainer": self.trainer, "settings": settings, "update": self.update}
        return {**facts, "tokenizer": self.tokenizer.to_json(), "change": change}


def search_options(
    options: Mapping[str, Any], before: SearchSettings
) -> tuple[SearchSettings, dict[str, Any]]:
    """Complete the settings of search by options; return them and the other options."""
    rest = dict(options)
    encoders, language = rest.pop("encoders", None), rest.pop("language", None)
    return changed_search(before, encoders, language), rest


def check_options(trainer: str, tokenizer: TokenizerSettings, options: Mapping[str, Any]) -> None:
    """Raise `ParameterError` for what a training would refuse, before anything is read."""
    search, rest = search_options(options, SearchSettings())
    _, rest = index_options(rest, IndexSettings())
    check_search(search, tokenizer)
    resolve_trainer(trainer)
    training_settings(**rest)


def training_request(
    layout: Layout,
    change: int,
    trainer: str,
    tokenizer: TokenizerSettings,
    options: Mapping[str, Any],
    callbacks: Sequence[Callback],
    updated: Generation | None,
    search: SearchSettings,
    index: IndexSettings,
) -> TrainingRequest:
    """Make a request of what was given; where nothing was, that of an interrupted training.

    Args:
        layout: The workspace.
        change: The record's last change.
        trainer: A name of `TRAINERS`.
        tokenizer: How text is cut.
        options: Training parameters; None counts as not given.
        callbacks: Called after every epoch.
        updated: The generation to go on from, for an update.
        search: How documents are to be found.
        index: What kind of index the words are to have.

    Raises:
        ParameterError: An option is unknown or out of range, or does not fit the update.
    """
    check_search(search, tokenizer)
    given = {name: value for name, value in options.items() if value is not None}
    if updated is None and trainer == "auto" and not given:
        found = _interrupted(layout, change)
        if found is not None and found.tokenizer == tokenizer:
            return replace(found, callbacks=callbacks, search=search, index=index)
    if updated is not None:
        if tokenizer != updated.tokenizer:
            raise ParameterError("tokenizer", "as before in an update", tokenizer.describe())
        before = updated.training["trainer"]
        if trainer == "auto":
            trainer = "word2vec" if before == IMPORTED else before
        given = {"vector_size": updated.vectors.vector_size, **given}
    settings = training_settings(**given)
    index.check(settings.vector_size)
    return TrainingRequest(
        tokenizer=tokenizer,
        trainer=resolve_trainer(trainer),
        settings=settings,
        callbacks=callbacks,
        update=updated is not None,
        search=search,
        index=index,
    )


def _interrupted(layout: Layout, change: int) -> TrainingRequest | None:
    """Return what an interrupted training was asked for, if its checkpoint still fits."""
    if not layout.checkpoint.exists():
        return None
    try:
        facts = read_state(layout.checkpoint)["facts"]
        request = TrainingRequest(
            tokenizer=TokenizerSettings.from_json(facts["tokenizer"]),
            trainer=resolve_trainer(facts["trainer"]),
            settings=training_settings(**facts["settings"]),
            update=facts["update"],
        )
    except (InputError, KeyError, ValueError, TypeError):
        return None
    return request if facts["change"] == change and not request.update else None
