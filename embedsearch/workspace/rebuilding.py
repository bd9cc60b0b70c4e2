"""What follows from the rest of a workspace, made anew: generations from their words, indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedsearch._errors import EmbedSearchError, InputError, MissingExtraError
from embedsearch._io import read_json
from embedsearch.search.settings import SearchSettings
from embedsearch.vectors.tensors import open_tensors
from embedsearch.workspace.generation import Generation
from embedsearch.workspace.indexing import IndexSettings, measured_recall, save_index
from embedsearch.workspace.publishing import numbered, publish, publish_vectors, reuse
from embedsearch.workspace.sound_folders import folder_faults
from embedsearch.workspace.train import refit_generation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.layout import GenerationLayout, Layout
    from embedsearch.workspace.word_recovery import RecoveredWords

_OF_THE_TRAINING = ("trained_change", "tokenizer", "training", "expected_share")


def newest_first(parent: Path, current: int | None) -> list[int]:
    """List the numbers of published folders: the current one, then the newest."""
    numbers = (number for number, _ in numbered(parent))
    return sorted(numbers, key=lambda number: (number == current, number), reverse=True)


def is_sound(layout: Layout, folder: Path, needed: tuple[str, ...]) -> bool:
    """Tell whether a folder is what was written."""
    return folder.is_dir() and not list(folder_faults(folder, layout.root, needed))


def rebuild_generation(
    layout: Layout, store: DocumentStore, words: RecoveredWords, progress: Progress
) -> int:
    """Publish a generation of the same words, with all that follows from them made again.

    Args:
        layout: The workspace, whose lock is held.
        store: The record.
        words: What is left of a generation.
        progress: A listener.

    Returns:
        The number of the new one. The caller names it.
    """
    index = index_settings(words.facts.get("word_index"))
    number = publish(layout, lambda new: _words_alone(words, new, index, progress))
    generation = Generation(layout, number)
    try:
        return _refitted(layout, store, generation, _search_settings(words.facts), index, progress)
    finally:
        generation.close()


def _refitted(
    layout: Layout,
    store: DocumentStore,
    generation: Generation,
    search: SearchSettings,
    index: IndexSettings,
    progress: Progress,
) -> int:
    try:
        return refit_generation(layout, store, generation, search, index, progress)
    except (MissingExtraError, InputError) as error:
        if not search.encoders:
            raise
        progress.note(f"search goes without {', '.join(search.encoders)}: {error}")
        plain = SearchSettings(language=search.language)
        return refit_generation(layout, store, generation, plain, index, progress)


def _words_alone(
    words: RecoveredWords, new: GenerationLayout, index: IndexSettings, progress: Progress
) -> dict[str, Any]:
    """Write a generation that holds words only; it is never named."""
    for name, path in words.files.items():
        reuse(path, new.root / name)
    X = open_tensors(new.words)["vectors"]
    made = index.build(X, progress)
    recall = measured_recall(made, X) if made.recall is None else made.recall
    facts = {name: words.facts[name] for name in _OF_THE_TRAINING if name in words.facts}
    return {"change": 0, **facts, "word_index": save_index(made, index, new.word_index, recall)}


def index_settings(facts: Any) -> IndexSettings:
    """Return what kind of index a manifest asks for; the usual one where it cannot say."""
    try:
        settings = IndexSettings.from_facts(facts)
        settings.check()
    except (EmbedSearchError, TypeError, AttributeError):
        return IndexSettings()
    return settings


def _search_settings(manifest: dict[str, Any]) -> SearchSettings:
    try:
        asked = manifest["search"]["settings"]
        return SearchSettings(encoders=tuple(asked["encoders"]), language=str(asked["language"]))
    except (EmbedSearchError, KeyError, TypeError):
        return SearchSettings()


def republish_vectors(layout: Layout, number: int) -> int:
    """Publish the same vectors with a manifest of the present format; return the number."""
    old = layout.vectors_of(number)
    facts = read_json(old.manifest, layout.root)
    return publish_vectors(layout, lambda new: _same(old.root, new.root, facts, {}))


def republish_generation(layout: Layout, number: int, words: RecoveredWords | None = None) -> int:
    """Publish the same generation with a manifest of the present format; return the number.

    Args:
        layout: The workspace, whose lock is held.
        number: That of the generation.
        words: Its manifest and its words, where they were damaged.
    """
    old = layout.generation(number)
    facts = read_json(old.manifest, layout.root) if words is None else words.facts
    healed = {} if words is None else words.files
    return publish(layout, lambda new: _same(old.root, new.root, facts, healed))


def _same(
    old: Path, new: Path, manifest: Mapping[str, Any], healed: Mapping[str, Path]
) -> dict[str, Any]:
    for name in manifest["files"]:
        reuse(healed.get(name, old / name), new / name)
    own = {"format", "generation", "files", "sha256"}
    return {name: value for name, value in manifest.items() if name not in own}
