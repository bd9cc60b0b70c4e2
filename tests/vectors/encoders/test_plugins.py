"""Installed packages can bring encoders; nothing else is imported."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from embedsearch._errors import MissingExtraError, ParameterError
from embedsearch.vectors.encoders.plugins import encoder_names, load_encoder

ENTRY_POINTS = """
[embedsearch.encoders]
lengths = house_encoders:Lengths
broken = house_encoders:Broken
gone = house_encoders:Gone
absent = no_such_module:Encoder
half = house_encoders:Half
"""
MODULE = """
class Lengths:
    batch_size = 2

    def __init__(self, unit="letters"):
        if unit not in ("letters", "words"):
            raise ValueError(unit)
        self.count = len if unit == "letters" else lambda text: len(text.split())

    def encode_documents(self, texts):
        return [[self.count(text), 1] for text in texts]

    def encode_queries(self, texts):
        return [[1, self.count(text)] for text in texts]

class Broken(Lengths):
    def __init__(self, path):
        pass

class Half:
    def encode_documents(self, texts):
        return [[1.0] for text in texts]
"""


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "house_encoders-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house-encoders\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "house_encoders.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("_installed")
def test_an_installed_encoder_is_used_by_its_name() -> None:
    encoder = load_encoder("lengths")
    assert "lengths" in encoder_names()
    made = encoder.encode_documents(["abc", "a", ""])
    np.testing.assert_allclose(made, [[0.9**0.5, 0.1**0.5], [0.5**0.5, 0.5**0.5], [0, 1]])
    np.testing.assert_allclose(encoder.encode_queries(["abc"]), [[0.1**0.5, 0.9**0.5]])
    assert encoder.batch_size == 2


@pytest.mark.usefixtures("_installed")
def test_what_follows_the_colon_is_given_to_it() -> None:
    made = load_encoder("lengths:words").encode_documents(["one two three"])
    np.testing.assert_allclose(made, [[0.9**0.5, 0.1**0.5]])


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("gone", "Gone"),
        ("absent", "no_such_module"),
        ("half", "encode_queries"),
        ("broken", "written broken:ARGUMENT"),
        ("lengths:miles", "ValueError: miles.*got 'lengths:miles'"),
        ("os:system", "model2vec.*sentence-transformers.*got 'os:system'"),
        ("", "NAME or NAME:ARGUMENT"),
    ],
)
def test_what_cannot_be_used_says_why(spec: str, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        load_encoder(spec)


@pytest.mark.parametrize("name", ["model2vec", "sentence-transformers"])
def test_a_missing_package_names_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name.replace("-", "_"), None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'embedsearch-engine\[{name}\]'"):
        load_encoder(f"{name}:folder")


def test_names_are_listed_without_loading_anything() -> None:
    assert {"model2vec", "sentence-transformers"} <= set(encoder_names())
