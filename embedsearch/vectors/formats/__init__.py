"""Files of word vectors, from anywhere and for anywhere: one module for each format."""

ENCODING_ERRORS = ("strict", "replace", "skip")
"""What is done with words that are not UTF-8."""
