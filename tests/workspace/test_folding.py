"""What looks alike finds its plain form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import embedsearch as es

ALIKE = {
    "tatweel": "كتـــاب جديد",
    "forms": "ﻛﺘﺎﺏ ﻗﺪﻳﻢ",
    "plain-ar": "كتاب جديد",
    "micro": "10 \u00b5m pore",
    "mu": "10 \u03bcm pore",
    "acute": "I don´t know",
    "grave": "I don`t know",
    "apos": "I don't know",
    "longs": "Waſſer",
    "ss": "Wasser",
    "roman": "Kapitel Ⅳ",
    "sub": "H₂O",
    "dotted": "İzmir",
    "digits": "سنة ٢٠٢٤",
}
FOUND = {
    "كتاب": {"tatweel", "forms", "plain-ar"},
    "ﻛﺘﺎﺏ": {"tatweel", "forms", "plain-ar"},
    "\u00b5m": {"micro", "mu"},
    "\u03bcm": {"micro", "mu"},
    "know don't": {"acute", "grave", "apos"},
    "Wasser": {"longs", "ss"},
    "Waſſer": {"longs", "ss"},
    "IV": {"roman"},
    "H2O": {"sub"},
    "izmir": {"dotted"},
    "2024": {"digits"},
}
SMALL = {"vector_size": 8, "epochs": 2, "min_count": 1, "workers": 1}


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("alike") / "alike.es"
    lines = (json.dumps({"id": id_, "text": text}) for id_, text in ALIKE.items())
    source = path.with_suffix(".jsonl")
    source.write_text("\n".join(lines), encoding="utf-8")
    es.build(source, path, **SMALL).close()
    return path


def test_each_spelling_finds_its_plain_form(alike: Path) -> None:
    with es.open(alike) as ws:
        wrong = {}
        for query, ids in FOUND.items():
            hits = ws.search(query, topn=20, mode="lexical")
            if {hit.id for hit in hits} != ids:
                wrong[query] = {hit.id for hit in hits}
            assert all(hit.highlights for hit in hits), query
        assert not wrong
        for word in ("don´t", "ﻛﺘﺎﺏ", "Waſſer", "\u00b5m", "H₂O", "İZMİR"):
            assert word in ws.words
        assert "don't" in ws.words.index_to_key


def test_highlights_stand_in_the_text_as_it_is_written(alike: Path) -> None:
    with es.open(alike) as ws:
        for query, id_, word in [("كتاب", "tatweel", "كتـــاب"), ("2024", "digits", "٢٠٢٤"),
                                 ("H2O", "sub", "H₂O"), ("izmir", "dotted", "İzmir")]:  # fmt: skip
            hits = {hit.id: hit for hit in ws.search(query, topn=20, mode="lexical")}
            mark = hits[id_].highlights[0]
            assert hits[id_].snippet[mark.start : mark.stop] == word
