"""A generation from its words: published again, or with all that follows from them made again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from embedsearch._errors import EmbedSearchError, InputError, MissingExtraError
from embedsearch.search.options import SearchSettings
from embedsearch.vectors.tensors import open_tensors
from embedsearch.workspace.generation import Generation
from embedsearch.workspace.indexing import write_index
from embedsearch.workspace.maintenance.vector_recovery import index_settings
from embedsearch.workspace.publishing import publish, reuse
from embedsearch.workspace.train import refit_generation

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.index.settings import IndexSettings
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.layout import GenerationLayout, Layout
    from embedsearch.workspace.maintenance.word_recovery import RecoveredWords

_OF_THE_TRAINING = ("trained_change", "tokenizer", "training", "expected_share")
# What `publish` writes itself; the time of creation stays that of the words.
_OF_THE_FOLDER = ("format", "generation", "files", "sha256")


def rebuild_generation(
    layout: Layout, store: DocumentStore, words: RecoveredWords, progress: Progress
) -> int:
    """Publish words with all that follows from them made again; return the number to be named."""
    index = index_settings(words.facts.get("word_index"))
    # Encoders are fitted to a generation: one of the words alone, which is never named, so that
    # the next writer removes it.
    number = publish(layout, lambda new: _write_words(words, new, index, progress))
    search = _search_settings(words.facts)
    with closing(Generation(layout, number)) as generation:
        try:
            return refit_generation(layout, store, generation, search, index, progress)
        except (MissingExtraError, InputError) as error:
            # An encoder that was plugged in may be gone; the documents must stay searchable.
            if not search.encoders:
                raise
            progress.note(f"search goes without {', '.join(search.encoders)}: {error}")
            plain = SearchSettings(language=search.language)
            return refit_generation(layout, store, generation, plain, index, progress)


def republish_generation(layout: Layout, words: RecoveredWords) -> int:
    """Publish a generation of which only words were damaged; return the number to be named."""
    old = layout.generation(words.number).root

    def write(new: GenerationLayout) -> dict[str, Any]:
        for name in words.facts["files"]:
            reuse(words.files.get(name, old / name), new.root / name)
        facts = words.facts.items()
        return {name: value for name, value in facts if name not in _OF_THE_FOLDER}

    return publish(layout, write)


def _write_words(
    words: RecoveredWords, new: GenerationLayout, settings: IndexSettings, progress: Progress
) -> dict[str, Any]:
    for name, path in words.files.items():
        reuse(path, new.root / name)
    X = open_tensors(new.words)["vectors"]
    index = write_index(new.word_index, X, settings, progress)
    facts = {name: words.facts[name] for name in _OF_THE_TRAINING if name in words.facts}
    return {"change": 0, **facts, "word_index": index}


def _search_settings(manifest: dict[str, Any]) -> SearchSettings:
    try:
        asked = manifest["search"]["settings"]
        return SearchSettings(encoders=tuple(asked["encoders"]), language=str(asked["language"]))
    except (EmbedSearchError, KeyError, TypeError):
        return SearchSettings()
