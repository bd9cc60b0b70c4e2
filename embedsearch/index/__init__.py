"""Nearest neighbours among vectors."""

from __future__ import annotations

from embedsearch.index.vector_index import VectorIndex

__all__ = ["VectorIndex"]
