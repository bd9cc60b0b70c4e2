"""The public names of the stage."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

from embedsearch import evaluation


@pytest.mark.parametrize("name", evaluation.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(evaluation, name) is not None


def test_all_is_sorted_and_whole() -> None:
    # Constants first, then classes, then functions, as the linter sorts.
    order = sorted(evaluation.__all__, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    assert order == evaluation.__all__


def test_no_module_hides_a_public_name() -> None:
    modules = {module.name for module in pkgutil.iter_modules(evaluation.__path__)}
    assert not modules & set(evaluation.__all__)


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'guesses'"):
        evaluation.guesses  # noqa: B018


def test_analogies_do_not_pay_for_what_they_do_not_use() -> None:
    heavy = "'faiss', 'gensim', 'numba', 'scipy', 'sklearn', 'ir_measures'"
    imports = "import sys; from embedsearch.evaluation import analogies"
    code = f"{imports}; print({{{heavy}}} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
