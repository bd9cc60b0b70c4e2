"""Word vectors from counts: positive pointwise mutual information, factorised."""
