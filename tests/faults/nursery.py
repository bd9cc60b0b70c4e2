"""A process that has imported everything, and forks a child for each task.

It reads a request a line from its standard input, and answers with a line. The children die
often; they cost what they do, not a second of imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from typing import Any

import faults
import tasks


def main() -> None:
    """Answer requests until there are no more."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/warm.es"
        state = tasks.make(path)
        tasks.change(path, state, ["add", "word2vec", "refit", "index"], f"{folder}/log", 0)
        tasks.check(path)
    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)  # noqa: T201


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Do a task in a child, and tell how that ended."""
    (answer, write_answer), (report, write_report) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(answer)
        _do(request, write_answer, write_report)
    os.close(write_answer)
    os.close(write_report)
    with os.fdopen(answer, "rb") as told, os.fdopen(report, "rb") as reported:
        late = _wait(child, answer, request)
        content = told.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        hit = reported.read().decode()
    value = json.loads(content) if content and status == 0 else None
    return {"status": status, "value": value, "hit": hit.strip(), "late": late}


def _wait(child: int, answer: int, request: dict[str, Any]) -> bool:
    """Wait until the child is done, or kill it when its time is over."""
    seconds = request.get("kill_after")
    ready, _, _ = select.select(
        [answer], [], [], request["timeout"] if seconds is None else seconds
    )
    if ready:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    return seconds is None


def _do(request: dict[str, Any], write_answer: int, write_report: int) -> None:
    status = 1
    try:
        faults.report_to(write_report)
        began = time.monotonic()
        result = getattr(tasks, request["task"])(**request["arguments"])
        seconds = time.monotonic() - began
        with os.fdopen(write_answer, "w") as file:
            json.dump({"result": result, "seconds": seconds}, file)
        status = 0
    except BaseException:  # noqa: BLE001 - the child must not go on as its parent
        faults.disarm()
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
