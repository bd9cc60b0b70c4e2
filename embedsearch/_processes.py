"""Child processes, for what may take too much time or memory, or crash; cores to work with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_START = (
    "import json, sys; from importlib import import_module; sys.path[:] = json.loads(sys.argv[1]); "
    "module, _, name = sys.argv[2].partition(':'); "
    "sys.exit(getattr(import_module(module), name)(*sys.argv[3:]))"
)
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run_apart(
    function: str,
    *arguments: object,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Call `module:name` in a Python process of its own, with its arguments as strings.

    What the function prints is `stdout` of the result, and what it returns the exit status.
    """
    # Isolated (-I), Python finds no modules in the current folder.
    command = [sys.executable or "python", "-I", "-c", _START, json.dumps(sys.path), function]
    return subprocess.run(  # noqa: S603 - this Python, with a function of the package
        [*command, *map(str, arguments)],
        env={**os.environ, **_ONE_THREAD},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=timeout,
        check=False,
    )


def limit_resources(**limits: int) -> None:
    """Limit what this process may take, where the system can.

    By the names of `resource.RLIMIT_*`: bytes of address space (`AS`), seconds of CPU time
    (`CPU`), bytes of a core file (`CORE`), open files (`NOFILE`).
    """
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    for name, most in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):
            continue  # macOS refuses some of them


def count_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let NumPy multiply with one thread.

    Several wait for each other in a loop, in small matrices all the time. Beside other busy
    processes that takes several times the CPU.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield
