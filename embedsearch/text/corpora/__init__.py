"""The catalogue of corpora, and the one that is generated."""
