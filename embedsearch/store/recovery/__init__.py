"""Damaged databases: what is wrong with one, and what can be read of it without SQLite."""
