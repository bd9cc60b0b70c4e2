"""Encoders of texts that come from elsewhere: adapters, and those of other packages."""
