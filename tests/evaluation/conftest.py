from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gensim.test.utils import datapath

from embedsearch.vectors.word_vectors import WordVectors

SECTIONS = ("capital-common-countries", "family", "gram2-opposite", "gram8-plural")


@pytest.fixture(scope="session")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sections of Google's questions, a part of each."""
    text = Path(datapath("questions-words.txt")).read_text(encoding="utf-8")
    sections = [part.split("\n") for part in text.split(": ")[1:]]
    kept = [": " + "\n".join(lines[:120]) for lines in sections if lines[0] in SECTIONS]
    path = tmp_path_factory.mktemp("analogies") / "questions.txt"
    path.write_text("\n".join(kept), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def analogous(questions: Path) -> WordVectors:
    """Vectors that answer some of the questions; most words have several spellings.

    A few words of the questions are missing, and "boy" is spelt in so many ways that gensim,
    which looks at five answers, finds nothing else.
    """
    rng = np.random.default_rng(0)
    places: dict[str, np.ndarray] = {}
    for line in questions.read_text(encoding="utf-8").lower().split("\n"):
        if line.startswith(":"):
            step = rng.standard_normal(10)
        else:
            for one, other in zip(line.split()[::2], line.split()[1::2]):
                first = places.setdefault(one, rng.standard_normal(10))
                places.setdefault(other, first + step)
    known = sorted(places)[6:]
    spelt = known + [word.upper() for word in known[::2]] + [word.title() for word in known[::3]]
    spelt += ["bOy", "boY", "BOy", "bOY", "BoY", *(f"w{number}" for number in range(400))]
    words = rng.permutation(list(dict.fromkeys(spelt))).tolist()
    X = np.array([places.get(word.lower(), rng.standard_normal(10)) for word in words])
    X += 0.4 * rng.standard_normal(X.shape)
    X *= rng.uniform(0.1, 9, (len(X), 1))
    return WordVectors(X.astype(np.float32), words)
