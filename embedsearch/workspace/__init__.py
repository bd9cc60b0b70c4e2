"""The folder on disk and the facade that every surface uses.

Names are imported when they are first used, so that a word query does not pay for training.
"""

from __future__ import annotations

from embedsearch._lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
