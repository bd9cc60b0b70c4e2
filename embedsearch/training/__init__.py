"""Tokens in, word vectors out."""
