"""What the user asks of a training or an index, and whether that can be done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from embedsearch._errors import InputError, ParameterError
from embedsearch.index.settings import IndexSettings, index_options
from embedsearch.search.options import SearchSettings, changed_search
from embedsearch.text.settings import FOLDING, TokenizerSettings, apply_options
from embedsearch.training.checkpoint import read_state
from embedsearch.training.settings import TrainingSettings, training_settings
from embedsearch.training.trainers import resolve_trainer
from embedsearch.vectors.encoders import encoder_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedsearch.training.base import Callback
    from embedsearch.workspace.generation import Generation
    from embedsearch.workspace.layout import Layout
    from embedsearch.workspace.session import Session


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What the user gave to `Workspace.train`, unchecked."""

    trainer: str = "auto"
    tokenizer: TokenizerSettings | str | None = None
    callbacks: Sequence[Callback] = ()
    update: bool = False
    # Settings of training, tokenizing, search and index by their names.
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """A training that can be done: settings that were checked, and complete each other."""

    tokenizer: TokenizerSettings
    trainer: str
    # Those that are None are fitted to the corpus.
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


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """What the user gave to `Workspace.index`; `index` has its spec, recall and memory."""

    refit: bool = False
    encoders: Sequence[str] | None = None
    language: str | None = None
    index: Mapping[str, Any] = field(default_factory=dict)


def check_options(trainer: str, tokenizer: TokenizerSettings, options: Mapping[str, Any]) -> None:
    """Raise `ParameterError` for what a training would refuse, before anything is read."""
    search, rest = _search_options(options, SearchSettings())
    _, rest = index_options(rest, IndexSettings())
    check_search(search, tokenizer)
    resolve_trainer(trainer)
    training_settings(**rest)


def check_search(settings: SearchSettings, tokenizer: TokenizerSettings) -> None:
    """Raise `ParameterError` for an encoder or a language that is not known; load nothing."""
    from embedsearch.index.lexical import LexicalAnalyzer

    for spec in settings.encoders:
        if not isinstance(spec, str) or spec.partition(":")[0] not in encoder_names():
            allowed = f"NAME or NAME:ARGUMENT, with a name of {', '.join(encoder_names())}"
            raise ParameterError("encoder", allowed, spec)
    if len(set(settings.encoders)) < len(settings.encoders):
        raise ParameterError("encoders", "different ones", list(settings.encoders))
    if settings.language != "auto":
        LexicalAnalyzer.for_language(settings.language, tokenizer)


def training_request(session: Session, options: TrainingOptions) -> TrainingRequest:
    """Check and complete what the user gave; if that was nothing, go on as last interrupted."""
    updated = session.trained() if options.update else None
    before = session.state.tokenizer
    if updated is None:
        # Only an update continues from words that an older folding made.
        before = replace(before, folding=FOLDING)
    tokenizer, rest = apply_options(options.tokenizer or before, options.parameters, before)
    current = session.generation
    search, rest = _search_options(
        rest, SearchSettings() if current is None else current.search_settings
    )
    index, rest = index_options(
        rest, IndexSettings() if current is None else current.index_settings
    )
    check_search(search, tokenizer)
    given = {name: value for name, value in rest.items() if value is not None}
    asked: dict[str, Any] = {"callbacks": options.callbacks, "search": search, "index": index}
    if updated is None and options.trainer == "auto" and not given:
        interrupted = _interrupted(session.layout, session.store.change)
        if interrupted is not None and interrupted.tokenizer == tokenizer:
            return replace(interrupted, **asked)
    trainer = options.trainer
    if updated is not None:
        trainer = _trainer_of_update(updated, trainer, tokenizer)
        given = {"vector_size": updated.vectors.vector_size, **given}
    settings = training_settings(**given)
    index.check(settings.vector_size)
    return TrainingRequest(
        tokenizer=tokenizer,
        trainer=resolve_trainer(trainer),
        settings=settings,
        update=options.update,
        **asked,
    )


def _search_options(
    options: Mapping[str, Any], before: SearchSettings
) -> tuple[SearchSettings, dict[str, Any]]:
    """Complete the settings of search by options; return them and the other options."""
    rest = dict(options)
    encoders, language = rest.pop("encoders", None), rest.pop("language", None)
    return changed_search(before, encoders, language), rest


def _trainer_of_update(updated: Generation, trainer: str, tokenizer: TokenizerSettings) -> str:
    if tokenizer != updated.tokenizer:
        raise ParameterError("tokenizer", "as before in an update", tokenizer.describe())
    if trainer != "auto":
        return trainer
    return "word2vec" if updated.imported else str(updated.training["trainer"])


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
