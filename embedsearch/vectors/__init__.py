"""Word vectors, document encoders, and their files."""
