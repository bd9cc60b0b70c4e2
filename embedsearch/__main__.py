"""`python -m embedsearch` is the shell command `embedsearch`."""

from __future__ import annotations

from embedsearch.cli.main import main

if __name__ == "__main__":
    main(prog_name="embedsearch")
