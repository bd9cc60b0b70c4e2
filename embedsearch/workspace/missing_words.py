"""Why a word has no vector: it is too rare, too new, or no token at all."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from embedsearch._errors import EmbedSearchError
from embedsearch._messages import counted

if TYPE_CHECKING:
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.generation import Generation
    from embedsearch.workspace.layout import Layout

# Documents in which a word is counted: one that is in more is not rare.
_MOST = 1_000


def why_missing(
    layout: Layout, store: DocumentStore, generation: Generation, word: str
) -> str | None:
    """Return the reason as the end of a sentence; None if it is not known, or is none."""
    if generation.imported:
        return None
    token = generation.processor.lookup(word)
    if token is None:
        return f"is left out when text is cut into words ({generation.tokenizer.describe()})"
    try:
        texts = _texts_with(layout, store, word)
        count = sum(generation.processor.process(text).count(token) for text in texts)
    except (EmbedSearchError, OSError):
        # It was only to make an error clearer.
        return None
    least = int(generation.training["parameters"].get("min_count") or 1)
    if 0 < count < least:
        return f"is in the text {counted(count, 'time')}, below --min-count {least}"
    if count and store.change > generation.trained_change:
        return "was added after the training; `embedsearch train --update` learns it"
    return None


def _texts_with(layout: Layout, store: DocumentStore, word: str) -> list[str]:
    """Return the documents that the lexical index has for a word."""
    from embedsearch.search.latent_space import full_text
    from embedsearch.workspace.lexical_sync import open_checked

    # As it is: to bring it up to date might take minutes.
    with closing(open_checked(layout)) as index:
        _, numbers = index.snapshot.search(word, _MOST)
    return list(map(full_text, store.by_number(numbers.tolist()).values()))
