"""The record as token streams, in the temporary folder of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch.search.latent_space import full_text
from embedsearch.text.phrases import PhraseTable, with_phrases
from embedsearch.text.processing import TextProcessor
from embedsearch.text.stream_writer import write_texts
from embedsearch.workspace.publishing import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._progress import Progress
    from embedsearch.store.documents import DocumentStore
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.text.stream import TokenStream
    from embedsearch.workspace.layout import Layout


class TokenizedRecord:
    """Tokenizes documents of the record; phrases are found once, and joined ever after.

    Args:
        layout: The workspace.
        store: The record.
        settings: How text is cut.
        phrases: Those of an earlier training, to be used again; None finds them, if the
            settings say so.
        progress: A listener.

    Attributes:
        phrases: Those that are joined, after the first stream; may be empty.
    """

    def __init__(
        self,
        layout: Layout,
        store: DocumentStore,
        settings: TokenizerSettings,
        phrases: PhraseTable | None,
        progress: Progress,
    ) -> None:
        self._layout, self._store, self._progress = layout, store, progress
        self._settings, self._known = settings, phrases
        self.phrases = phrases or PhraseTable()

    def since(self, change: int) -> TokenStream:
        """Tokenize the documents that changed after a change of the record."""
        folder = temporary_folder(self._layout, f"stream-{change}")
        processor = TextProcessor(self._settings, self._known)
        stream = write_texts(folder, self._texts(change), processor, self._progress)
        wanted = self._settings.phrase_settings
        if wanted is not None and self._known is None:
            stream, self.phrases = with_phrases(stream, wanted, folder, self._progress)
            self._known = self.phrases
        return stream

    def _texts(self, change: int) -> Iterator[tuple[int, str]]:
        total = self._store.count_since(change)
        with self._progress.task("tokenizing", total, "documents") as task:
            for number, document in self._store.changed_since(change):
                yield number, full_text(document)
                task.advance(1)
