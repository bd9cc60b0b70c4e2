"""numba's `njit` as every kernel here uses it, with a cache on disk that cannot fail.

numba's own cache (`cache=True`) does not do: it recompiles a function only if its own file has
changed, though kernels are compiled into each other; two processes that compile one function for
different types at once can leave an index that names the code of the other; it raises if there is
no folder to write to or a file is damaged, and runs machine code with a hole in it, as a power
failure leaves. Here each function and signature has a file of its own with a checksum, in a
folder named by a digest of all that the code depends on; at worst a function is compiled again.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llvmlite
import numba
from numba.core import config, serialize
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# numba has no types.
_RESULT: Any = CompileResult
_SERIALIZE: Any = serialize
_SETTINGS: Any = config
_NJIT: Any = numba.njit

_NAME = re.compile(r"kernels-[0-9a-f]{32}")
_DIGEST_BYTES = hashlib.sha256().digest_size
# A folder that no process used for a month is of another version, or of sources edited since.
_UNUSED_SECONDS = 30 * 24 * 3600


def jit(*, fastmath: bool = False, allocates: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, keep it on disk, run it without the GIL.

    Division by zero gives infinity, since a check for it stops LLVM from vectorising a loop.
    `fastmath` lets LLVM reorder sums, and assume that there is no NaN. `allocates` says that the
    function makes arrays; otherwise numba need not count references to those that are passed,
    which takes longer than many a small function.
    """

    def wrap(function: Callable[..., Any]) -> Any:
        options = {"nogil": True, "fastmath": fastmath, "error_model": "numpy", "_nrt": allocates}
        compiled = _NJIT(**options)(function)
        compiled._cache = KernelCache(function)  # noqa: SLF001 - numba has no public place for one
        return compiled

    return wrap


# For a function of a few operations: its body is copied into its callers.
inline: Any = _NJIT(inline="always")


class KernelCache(NullCache):
    """What a numba dispatcher asks for compiled code, by function and signature."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return the compiled function of these types for this processor, or None."""
        try:
            target.refresh()
            data = self._path(signature, target.codegen()).read_bytes()
            body, checksum = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
            if hashlib.sha256(body).digest() != checksum:
                return None
            _touch(kernel_folder())
            return _RESULT._rebuild(target, *_SERIALIZE.loads(body))  # noqa: SLF001 - numba's cache does the same
        except Exception:  # noqa: BLE001 - unpickling can raise anything; compiling always works
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Save what was compiled, if that is possible."""
        if result.lifted or result.library.has_dynamic_globals:
            return
        with suppress(Exception):  # a full disk must not end a training
            path = self._path(signature, result.codegen)
            body = _SERIALIZE.dumps(result._reduce())  # noqa: SLF001 - as above
            _write(path, body + hashlib.sha256(body).digest())

    def _path(self, signature: Any, codegen: Any) -> Path:
        name = f"{self._function.__module__}.{self._function.__qualname__}"
        key = "\0".join(map(str, (name, signature, *codegen.magic_tuple())))
        digest = hashlib.sha256(key.encode()).hexdigest()[:32]
        return kernel_folder() / f"{self._function.__name__}-{digest}"


def cache_folder() -> Path:
    """Return the parent of `kernel_folder`, which need not exist; RuntimeError without a home."""
    chosen = _SETTINGS.CACHE_DIR or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) / "embedsearch"


def kernel_folder() -> Path:
    """Return the folder of compiled code of this version."""
    return cache_folder() / f"kernels-{_own_digest()}"


@functools.cache
def _own_digest() -> str:
    return digest_of(Path(__file__).parent.glob("*.py"))


def digest_of(sources: Iterable[Path]) -> str:
    """Digest all that compiled code depends on but the processor, in 32 hexadecimal digits."""
    parts = [path.read_bytes() for path in sorted(sources)]
    if not parts:
        raise FileNotFoundError(__file__)
    versions = numba.__version__, llvmlite.__version__, platform.python_version()
    parts += [version.encode() for version in versions]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


def _write(path: Path, content: bytes) -> None:
    # What is read is run, so no other user may write there.
    path.parents[1].mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.parent.mkdir(mode=0o700)
        remove_unused(path.parents[1])
    # Not flushed: the checksum shows a file that a crash has cut off.
    new = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        new.write_bytes(content)
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


@functools.cache
def _touch(folder: Path) -> None:
    with suppress(OSError):  # it may be read-only
        os.utime(folder)


def remove_unused(folder: Path, seconds: float = _UNUSED_SECONDS) -> None:
    """Remove the code of versions unused for so long; who still runs one compiles again."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            ours = _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            if ours and time.time() - entry.stat(follow_symlinks=False).st_mtime > seconds:
                shutil.rmtree(entry.path, ignore_errors=True)


# Now, before an update of the package can replace the sources that are being imported.
with suppress(OSError):
    _own_digest()
