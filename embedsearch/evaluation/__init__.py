"""How good vectors, search and indexes are, on standard sets and on the user's own.

Names are imported when they are first used, so that one evaluation does not pay for another.
A module is never called like a public function: importing it would hide the function.
"""

from __future__ import annotations

from embedsearch._lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
