from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.settings import ReadSettings
from embedsearch.text.sources import read_sources


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


_CALLS = """
import json, resource, sys, time
from importlib import import_module
calls, seconds, memory = json.load(sys.stdin)
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
from embedsearch._errors import EmbedSearchError
from embedsearch._progress import SilentProgress
from embedsearch.text.sources import read_sources
from embedsearch.text.settings import ReadSettings

def read(path):
    count = length = 0
    for count, document in enumerate(read_sources([path], ReadSettings(), SilentProgress()), 1):
        length += len(document.text)
        if count == 20:
            break
    return count, length

def parse_query(text):
    from embedsearch.index.lexical import LexicalAnalyzer
    from embedsearch.index.lexical.query import parse_query
    return parse_query(text, LexicalAnalyzer.for_language("english")).required

for name, argument in calls:
    module, _, function = name.rpartition(":")
    call = getattr(import_module(module), function) if module else globals()[name]
    try:
        result = repr(call(argument) if isinstance(argument, str) else call(*argument))[:200]
    except EmbedSearchError as error:
        result = f"{type(error).__name__}: {error}"[:500]
    print(json.dumps(result), flush=True)
status = open("/proc/self/status").read() if sys.platform == "linux" else "VmHWM: 0"
print(status.partition("VmHWM:")[2].split()[0])
"""

Limited = Callable[..., tuple[list[str], int]]


@pytest.fixture
def limited() -> Limited:
    """Call functions, `read` or `parse_query` in a process of limited CPU time and memory.

    A pattern or a loop that takes the square of its input ends with the process, not by a time
    that a test would compare. Returns what each call gave, or its error, and the peak of resident
    memory in bytes (0 where the system does not tell it).
    """

    def run(
        calls: Sequence[tuple[str, Any]], seconds: int = 60, memory: int = 2**33
    ) -> tuple[list[str], int]:
        done = subprocess.run(
            [sys.executable, "-c", _CALLS],
            input=json.dumps([calls, seconds, memory]), capture_output=True, text=True, check=False,
        )  # fmt: skip
        *results, peak = done.stdout.splitlines() or [""]
        assert done.returncode == 0, f"call {len(done.stdout.splitlines())}: {done.stderr[-2000:]}"
        return [json.loads(result) for result in results], int(peak) * 1024

    return run
