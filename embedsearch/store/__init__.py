"""The documents, in SQLite: stored, filtered, checked and repaired."""
