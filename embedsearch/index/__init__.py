"""Nearest neighbours among vectors."""

from __future__ import annotations

from embedsearch._lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
