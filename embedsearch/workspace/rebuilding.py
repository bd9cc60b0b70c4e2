"""What follows from the rest of a workspace, made anew: generations from their words, indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedsearch._errors import EmbedSearchError, InputError, MissingExtraError
from embedsearch._types import Metric
from embedsearch.search.settings import SearchSettings
from embedsearch.text.phrases import PhraseTable
from embedsearch.text.settings import TokenizerSettings
from embedsearch.vectors.tensors import open_tensors, save_tensors
from embedsearch.workspace.files import read_json
from embedsearch.workspace.generation import Generation
from embedsearch.workspace.indexing import IndexSettings, measured_recall, save_index
from embedsearch.workspace.pipeline import refit_generation
from embedsearch.workspace.publishing import publish, publish_vectors, reuse
from embedsearch.workspace.sound_folders import folder_faults
from embedsearch.workspace.verifying import VECTORS, WORDS

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.layout import GenerationLayout, Layout, VectorsLayout

# Without these three there are no words.
_BASE = {"vocabulary.tsv", "phrases.tsv", "words.safetensors"}
_OF_THE_TRAINING = ("trained_change", "tokenizer", "training", "expected_share")


def newest_first(parent: Path, current: int | None) -> list[int]:
    """List the numbers of published folders: the current one, then the newest."""
    if not parent.is_dir():
        return []
    numbers = [int(path.name) for path in parent.iterdir() if path.name.isdecimal()]
    return sorted(numbers, key=lambda number: (number == current, number), reverse=True)


def is_sound(layout: Layout, folder: Path, needed: tuple[str, ...]) -> bool:
    """Tell whether a folder is what was written."""
    return folder.is_dir() and not list(folder_faults(folder, layout.root, needed))


def has_sound_words(layout: Layout, number: int) -> bool:
    """Tell whether the words of a generation are what was written, whatever became of the rest.

    Older generations have no phrases, and nothing to go on training from.
    """
    folder = layout.generation(number).root
    if not folder.is_dir():
        return False
    wrong = {name for name, _ in folder_faults(folder, layout.root, ())}
    try:
        manifest = read_json(folder / "manifest.json", layout.root)
        listed = manifest["files"]
        TokenizerSettings.from_json(manifest["tokenizer"])
        complete = {"vocabulary.tsv", "words.safetensors"} <= listed.keys()
        return complete and "trainer" in manifest["training"] and not wrong & _BASE
    except (EmbedSearchError, OSError, KeyError, TypeError, AttributeError):
        return False


def rebuild_generation(
    layout: Layout,
    store: DocumentStore,
    number: int,
    progress: Progress,
    tokenizer: TokenizerSettings | None = None,
) -> int:
    """Publish a generation of the same words, with all that follows from them made anew.

    Args:
        layout: The workspace, whose lock is held.
        store: The record.
        number: A generation whose words are sound.
        progress: A listener.
        tokenizer: How its corpus was cut, where its manifest cannot be trusted.

    Returns:
        The number of the new one. The caller names it.
    """
    files = layout.generation(number)
    manifest = read_json(files.manifest, layout.root)
    facts = {name: manifest[name] for name in _OF_THE_TRAINING if name in manifest}
    if tokenizer is not None:
        facts["tokenizer"] = tokenizer.to_json()
    index = _index_settings(manifest)
    words = publish(
        layout, lambda new: _words_alone(layout.root, files, new, facts, index, progress)
    )
    generation = Generation(layout, words)
    try:
        return _refitted(layout, store, generation, _search_settings(manifest), index, progress)
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
    workspace: Path,
    old: GenerationLayout,
    new: GenerationLayout,
    facts: dict[str, Any],
    index: IndexSettings,
    progress: Progress,
) -> dict[str, Any]:
    """Write a generation that holds words only; it is never named."""
    broken = {name for name, _ in folder_faults(old.root, workspace, ())}
    for name in WORDS:
        if (old.root / name).exists() and name not in broken:
            reuse(old.root / name, new.root / name)
    if not new.phrases.exists():
        PhraseTable().save(new.phrases)
    if not new.training.exists():
        save_tensors(new.training, {}, {})
    X = open_tensors(new.words)["vectors"]
    made = index.build(X, progress)
    recall = measured_recall(made, X) if made.recall is None else made.recall
    return {"change": 0, **facts, "word_index": save_index(made, index, new.word_index, recall)}


def _index_settings(manifest: dict[str, Any]) -> IndexSettings:
    try:
        settings = IndexSettings.from_facts(manifest.get("word_index", {}))
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
    return publish_vectors(layout, lambda new: _same(layout.root, old.root, new.root))


def republish_generation(layout: Layout, number: int) -> int:
    """Publish the same generation with a manifest of the present format; return the number."""
    old = layout.generation(number)
    return publish(layout, lambda new: _same(layout.root, old.root, new.root))


def _same(workspace: Path, old: Path, new: Path) -> dict[str, Any]:
    manifest = read_json(old / "manifest.json", workspace)
    for name in manifest["files"]:
        reuse(old / name, new / name)
    own = {"format", "generation", "files", "sha256"}
    return {name: value for name, value in manifest.items() if name not in own}


def has_sound_vectors(layout: Layout, number: int) -> bool:
    """Tell whether vectors are what was written, whatever became of their index."""
    folder = layout.vectors_of(number).root
    faults = folder_faults(folder, layout.root, VECTORS) if folder.is_dir() else [("", "")]
    return {name for name, _ in faults} <= {"vectors.faiss"}


def rebuild_vectors(layout: Layout, number: int, progress: Progress) -> int:
    """Publish the same vectors with a new index; return the number to be named."""
    old = layout.vectors_of(number)
    manifest = read_json(old.manifest, layout.root)
    settings = IndexSettings.from_facts(manifest["index"])

    def write(files: VectorsLayout) -> dict[str, Any]:
        reuse(old.tensors, files.tensors)
        tensors = open_tensors(files.tensors)
        numbers, X = tensors["numbers"], tensors["vectors"]
        made = settings.build(X, progress, Metric(manifest["metric"]), numbers)
        recall = measured_recall(made, X, numbers) if made.recall is None else made.recall
        kept = ("change", "metric", "count", "dimension", "following")
        facts = {name: manifest[name] for name in kept}
        indexed = save_index(made, settings, files.index, recall)
        return {**facts, "built": len(numbers), "index": indexed}

    return publish_vectors(layout, write)
