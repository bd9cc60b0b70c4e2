"""Tokenizers that other installed packages bring.

A package offers one by an entry point of the group `embedsearch.tokenizers`, whose name is
what users choose and whose object, called without arguments, returns a
`embedsearch.text.base.Tokenizer`:

```
[options.entry_points]
embedsearch.tokenizers =
    sudachi = my_package:SudachiTokenizer
```

A workspace records the name alone. Only what is installed under this group is ever imported.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from embedsearch.text.base import Tokenizer

GROUP = "embedsearch.tokenizers"


def plugin_names() -> tuple[str, ...]:
    """Return the names that installed packages offer, sorted."""
    return tuple(sorted(entry_points(group=GROUP).names))


def load_plugin(name: str) -> Tokenizer:
    """Import the tokenizer that is installed as `name`, and make one.

    Raises:
        ParameterError: It is not installed, cannot be imported, or is no tokenizer.
    """
    for found in entry_points(group=GROUP, name=name):
        try:
            tokenizer = found.load()()
        except (ImportError, AttributeError, TypeError) as error:
            allowed = f"a plug-in that can be loaded ({found.value}: {error})"
            raise ParameterError("tokenizer", allowed, name) from error
        if callable(getattr(tokenizer, "tokenize", None)):
            made: Tokenizer = tokenizer
            return made
        raise ParameterError("tokenizer", f"a plug-in with tokenize(text) ({found.value})", name)
    raise ParameterError("tokenizer", f"installed in the group {GROUP}", name)
