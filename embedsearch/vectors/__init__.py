"""Word vectors, document encoders, and their files."""

ENCODING_ERRORS = ("strict", "replace", "skip")
"""What is done with words that are not UTF-8."""
