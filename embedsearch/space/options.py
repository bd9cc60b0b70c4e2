"""The names that questions about the space choose from; they import nothing."""

from __future__ import annotations

DOCUMENTS, WORDS, VECTORS = "documents", "words", "vectors"
POINTS = (DOCUMENTS, WORDS, VECTORS)
POINT_KINDS = ("auto", "document", "word", "text")
"""What a text that is described is taken for; "auto" takes the first of these that there is."""
CLUSTERS = "clusters"
TOPIC_METHODS = (CLUSTERS, "plsa", "lda", "nmf", "lsa")
CLUSTER_METHODS = ("kmeans", "ward")
AXES = ("ica", "pca")
"""How the axes are found that points have by themselves."""

LINEAR_MAPS = ("pca", "svd", "factor-analysis", "ica")
NEIGHBOR_MAPS = ("tsne", "localmap", "umap")
MAP_METHODS = ("auto", *NEIGHBOR_MAPS, *LINEAR_MAPS)
MAP_METRICS = ("cosine", "euclidean")
GENERATORS = ("vae", "neighbors", "gaussian", "gan")
"""How points are made up; the default first."""
PATHS = ("neighbors", "spherical", "straight", "codes")
"""How a path goes; the default first."""
OUTLIER_METHODS = ("auto", "neighbors", "lof", "forest", "reconstruction")
"""How outliers are found; "auto" is by neighbors."""
