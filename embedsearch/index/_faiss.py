"""FAISS, imported when first needed; untyped, for its own types leave its Python wrappers out."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load_faiss() -> Any:
    """Import FAISS."""
    return import_module("faiss")
