"""One small module per rival; each runs in a process of its own, so that memory is its own."""
