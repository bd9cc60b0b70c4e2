"""A function in a child of its own."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable
from typing import Any


def in_child(work: Callable[[], Any]) -> Callable[[], Any]:
    """Start a function in a fork, and return what waits for its result.

    A child that dies has a complaint for a result.
    """
    answer, told = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(answer)
            with os.fdopen(told, "w") as file:
                json.dump(work(), file)
        except BaseException:  # noqa: BLE001 - the child must not go on as its parent
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(told)

    def wait() -> Any:
        with os.fdopen(answer) as file:
            content = file.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        dead = {"done": {}, "complaints": [f"ended with {status}"]}
        return json.loads(content) if content else dead

    return wait
