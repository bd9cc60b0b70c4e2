"""A notebook is its cells, without what they printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from embedsearch._types import Document

Read = Callable[..., list[Document]]


Put = Callable[[str, str | bytes], Path]


NOTEBOOK: dict[str, Any] = {
    "nbformat": 4,
    "metadata": {"kernelspec": {"language": "python"}},
    "cells": [
        {"cell_type": "markdown", "source": ["# Tides\n", "\n", "How *high* they are."]},
        {"cell_type": "code", "source": "high = 3", "outputs": [{"text": "printed"}]},
    ],
}


def test_a_notebook_is_its_cells(put: Put, read: Read) -> None:
    put("n.ipynb", json.dumps(NOTEBOOK))
    (found,) = read("n.ipynb")
    assert (found.title, found.text) == ("Tides", "How high they are.\nhigh = 3")
    assert found.metadata == {"language": "python"}
    picture = {"cell_type": "code", "source": "", "outputs": [{"image/png": "A" * (1 << 25)}]}
    put("n.ipynb", json.dumps({**NOTEBOOK, "cells": [*NOTEBOOK["cells"], picture]}))
    assert read("n.ipynb")[0].text == found.text
    cells = [{"cell_type": "heading", "source": "Old"}, {"cell_type": "code", "input": ["x\n"]}]
    put("n.ipynb", json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}))
    assert (read("n.ipynb")[0].title, read("n.ipynb")[0].text) == ("Old", "x")
