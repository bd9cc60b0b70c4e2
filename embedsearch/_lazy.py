"""Public names that are imported when they are first used.

The names of a package stand once, in its stub (`__init__.pyi`), where type checkers and editors
read them: `from embedsearch.index.vector_index import VectorIndex as VectorIndex`.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def public_names(
    package: str, file: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package by its `__name__` and `__file__`.

    A module must not be called like a public function of its package: importing the module would
    hide the function.
    """
    tree = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8"))
    homes = {
        alias.name: str(node.module)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if homes[name] == package:
            return import_module(f"{package}.{name}")
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    # Constants, then classes, then functions.
    order = sorted(homes, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    return get, order.copy, order
