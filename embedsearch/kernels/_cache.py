"""Compiled code on disk, which cannot go stale and cannot fail: at worst it compiles again.

numba's own cache looks at the time stamp of the file that a function is in, so a change in `simd`
would not recompile `skipgram`. It raises where there is no folder to write to and where a file is
damaged, and two processes that compile at once can swap each other's entries. Here the name of a
file holds everything that its contents depend on, so no file ever has a second meaning, and a
checksum shows whether it is whole.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core import config
from numba.core.caching import IndexDataCacheFile
from numba.core.compiler import CompileResult

_DIGEST_BYTES = hashlib.sha256().digest_size


class KernelCache:
    """What a numba dispatcher asks for compiled code; one for each function.

    Files lie in `NUMBA_CACHE_DIR`, or else in the user's cache folder (`XDG_CACHE_HOME`, or
    `.cache` in the home folder), below `embedsearch`. The methods are those that numba calls.

    Attributes:
        name: The function, with its module.
        enabled: Whether the disk is used at all.
    """

    def __init__(self, name: str) -> None:
        self.name, self.enabled = name, True

    @property
    def cache_path(self) -> str:
        """The folder that files are read from and written to; empty where there can be none."""
        try:
            return str(cache_folder())
        except RuntimeError:
            return ""

    def enable(self) -> None:
        """Use the disk."""
        self.enabled = True

    def disable(self) -> None:
        """Compile always, and save nothing."""
        self.enabled = False

    def flush(self) -> None:
        """Do nothing: a file is never out of date."""

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return the compiled function of these types for this processor, or None."""
        if not self.enabled:
            return None
        try:
            target.refresh()
            saved = self._entry(signature, target.codegen()).read()
            return None if saved is None else CompileResult._rebuild(target, *saved)  # noqa: SLF001 - numba's cache does the same
        except Exception:  # noqa: BLE001 - unpickling can raise anything; compiling always works
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Save what was compiled, where that is possible."""
        if not self.enabled or result.lifted or result.library.has_dynamic_globals:
            return
        try:
            cache_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
            self._entry(signature, result.codegen).write(result._reduce())  # noqa: SLF001 - as above
        except Exception:  # noqa: BLE001 - a full disk must not end a training
            return

    def _entry(self, signature: Any, codegen: Any) -> _SealedFile:
        parts = (self.name, str(signature), *codegen.magic_tuple(), sources_digest(), *_versions())
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
        return _SealedFile(
            str(cache_folder()), f"{self.name.removeprefix('embedsearch.')}-{key}", ""
        )


class _SealedFile(IndexDataCacheFile):
    """numba's file of one compiled function, with a checksum at its end and without an index."""

    def read(self) -> Any:
        whole = Path(self._data_path(self._data_name(1))).read_bytes()
        body, seal = whole[:-_DIGEST_BYTES], whole[-_DIGEST_BYTES:]
        return self._load_data(self._data_name(1)) if _seal(body) == seal else None

    def write(self, data: Any) -> None:
        self._save_data(self._data_name(1), data)

    def _dump(self, data: Any) -> bytes:
        body: bytes = super()._dump(data)
        return body + _seal(body)


def cache_folder() -> Path:
    """Return where compiled code is kept; the folder need not exist.

    Raises:
        RuntimeError: No folder is named and the user has no home.
    """
    settings: Any = config
    chosen = settings.CACHE_DIR or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) / "embedsearch"


@functools.cache
def sources_digest() -> str:
    """Digest the sources of all kernels, since each has others compiled into it.

    Raises:
        FileNotFoundError: The sources are not on disk, so nothing can be said about them.
    """
    package = Path(__file__).parents[1]
    folders = (package / "kernels",)
    paths = sorted(path for folder in folders for path in folder.rglob("*.py"))
    if not paths:
        raise FileNotFoundError(__file__)
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def _versions() -> tuple[str, ...]:
    return numba.__version__, llvmlite.__version__, platform.python_version()


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
