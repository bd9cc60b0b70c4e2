"""The preloaded library of `failing.c`, from Python."""

from __future__ import annotations

import ctypes
import errno

PASS, FAIL_ONCE, FAIL_ON, KILL_BEFORE, KILL_TORN, KILL_AFTER = range(6)
_library = ctypes.CDLL(None)
_report = -1


def report_to(descriptor: int) -> None:
    """Let the library write there what it has let fail."""
    global _report
    _report = descriptor


def arm(root: str, at: int, action: int, error: str = "EIO") -> None:
    """Let the n-th call from now that changes something below a folder go wrong."""
    number = getattr(errno, error)
    _library.faults_arm(root.encode(), ctypes.c_long(at), action, number, _report)


def disarm() -> None:
    """Let all calls be."""
    _library.faults_disarm()


def calls() -> int:
    """Return how many calls there were since `arm`."""
    _library.faults_calls.restype = ctypes.c_long
    return int(_library.faults_calls())
