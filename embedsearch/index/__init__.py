"""Nearest neighbours among vectors."""

from __future__ import annotations

from embedsearch.index.base import VectorIndex

__all__ = ["VectorIndex"]
