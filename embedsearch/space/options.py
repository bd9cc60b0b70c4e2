"""The names that questions about the space choose from; they import nothing."""

from __future__ import annotations

DOCUMENTS, WORDS, VECTORS = "documents", "words", "vectors"
POINTS = (DOCUMENTS, WORDS, VECTORS)
POINT_KINDS = ("auto", "document", "word", "text")
"""What a text that is described is taken for; "auto" takes the first of these that there is."""
AXES = ("ica", "pca")
"""How the axes are found that points have by themselves."""
OUTLIER_METHODS = ("auto", "neighbors", "lof", "forest", "reconstruction")
"""How outliers are found; "auto" is by neighbors."""
