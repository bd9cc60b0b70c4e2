"""SQLite alone opens a record and reads a row: `python -m ...sqlite_opening PATH`."""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    """Take the time of the import, and of opening."""
    started = time.perf_counter(), time.process_time()
    import sqlite3

    connection = sqlite3.connect(f"file:{sys.argv[1]}/documents.sqlite?mode=ro", uri=True)
    connection.execute("SELECT change FROM latest").fetchone()
    seconds, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    print(json.dumps({"open": {"seconds": seconds, "cpu_seconds": cpu}}))


if __name__ == "__main__":
    main()
