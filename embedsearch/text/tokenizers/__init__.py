"""Tokenizers: text into tokens.

Users may bring their own: see `embedsearch.text.tokenizers.plugins`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch.text.tokenizers.unicode import UnicodeTokenizer

if TYPE_CHECKING:
    from embedsearch.text.base import Tokenizer
    from embedsearch.text.settings import TokenizerSettings

__all__ = ["UnicodeTokenizer", "make_tokenizer"]


def make_tokenizer(settings: TokenizerSettings) -> Tokenizer:
    """Return the tokenizer that `settings` name; all but the default import a package.

    Raises:
        ParameterError: NLTK refuses the pattern, or a plug-in cannot be loaded.
    """
    name = settings.tokenizer
    if name == "unicode":
        return UnicodeTokenizer(settings.folding)
    from embedsearch.text.tokenizers import nltk, plugins

    if settings.pattern is not None:
        return nltk.RegexpTokenizer(settings.pattern)
    if name == "tweet":
        return nltk.TweetTokenizer()
    if name in ("treebank", "toktok"):
        return nltk.SentenceTokenizer(name)
    return plugins.load_plugin(name)
