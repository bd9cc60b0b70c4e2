from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.reading.sources import read_sources
from embedsearch.text.settings import ReadSettings


@pytest.fixture
def progress() -> SilentProgress:
    """What was noted while reading."""
    return SilentProgress()


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file below the test's folder, and the folders above it."""

    def write(name: str, data: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


@pytest.fixture
def read(tmp_path: Path, progress: SilentProgress) -> Callable[..., list[Document]]:
    """Read sources below the test's folder; keywords are settings, or bytes of `stdin`."""

    def read(*names: str, stdin: bytes = b"", **settings: Any) -> list[Document]:
        sources = [name if name == "-" else str(tmp_path / name) for name in names]
        wanted = ReadSettings(**settings)
        return list(read_sources(sources, wanted, progress, io.BytesIO(stdin)))

    return read
