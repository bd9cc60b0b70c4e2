"""Which language a corpus is in, and which elision follows from it."""

from __future__ import annotations

import pytest

from embedsearch.text.languages import detect_language, settle_elision
from embedsearch.text.settings import TokenizerSettings

SAMPLES = {
    "english": "It was the best of times, and it was not the worst of all that we had known.",
    "german": "Der Hund und die Katze sind nicht in dem Haus, aber sie haben es mit uns gesehen.",
    "french": "Le chat est dans la maison avec les enfants, mais il ne veut pas de nous pour ami.",
    "spanish": "El perro no está en la casa de los niños, pero la gata sí que es muy de ellos.",
    "italian": "Il gatto è nella casa con la madre, ma non si sa di chi sono le chiavi che ho.",
    "finnish": "Hän on sen jälkeen ollut siellä, mutta me emme tiedä mitä he ovat nyt tehneet.",
    "russian": "Я не знаю, что это было, но он и она были там, как и все мы, в том доме.",
    "turkish": "Bu ev çok güzel ama ben ve o bir daha buraya gelmek için hiçbir şey yapmadık.",
}


@pytest.mark.parametrize("language", SAMPLES)
def test_a_language_is_known_by_its_stop_words(language: str) -> None:
    assert detect_language([SAMPLES[language]] * 3) == language


@pytest.mark.parametrize(
    "text", ["", "東京大学で学ぶ", "x86 arm64 risc-v cmake ninja gcc 12.1", "4711 0815 42"]
)
def test_text_without_stop_words_is_of_no_language(text: str) -> None:
    assert detect_language([text]) == "none"
    assert detect_language([]) == "none"


@pytest.mark.parametrize("text", ["cat", "cat cat cat", "a cat on the mat", "die", "du cat"])
def test_a_few_words_are_of_no_language(text: str) -> None:
    assert detect_language([text] * 3) == "none"


KEYWORDS = {
    "english": """boundary layer separation, heat transfer, laminar flow, turbulent wake,
        shock waves, wing design, pressure distribution, hypersonic vehicles, blunt bodies,
        skin friction, aerodynamic heating, buckling shells, supersonic nozzles""",
    "german": """Grenzschicht, Wärmeübertragung, Strömungsmechanik, Tragflügel, Überschallflug,
        Druckverteilung, Luftwiderstand, Hitzeschild, Verbrennung, Schwingungen, Werkstoffe,
        Festigkeit, Berechnungsverfahren, Windkanalmessungen, Triebwerk""",
    "french": """couche limite, transfert chaleur, écoulement laminaire, sillage turbulent,
        ondes choc, conception ailes, répartition pression, véhicules hypersoniques,
        frottement surface, échauffement aérodynamique, tuyères supersoniques""",
    "czech": """mezní vrstva, přenos tepla, laminární proudění, rázové vlny, návrh křídla, rozložení
        tlaku, nadzvuková vozidla, povrchové tření, ohřev, vzpěr skořepin, kmitání válců, vědecký
        výzkum, městská knihovna, železniční doprava, příroda""",
    "greek": """οριακό στρώμα, μετάδοση θερμότητας, στρωτή ροή, κρουστικά κύματα, σχεδίαση πτέρυγας,
        κατανομή πίεσης, υπερηχητικά οχήματα, επιφανειακή τριβή, θέρμανση, ταλαντώσεις κυλίνδρων,
        επιστημονική έρευνα, βιβλιοθήκη, συγκοινωνίες""",
    "none": """Quercus robur, Canis lupus, Escherichia coli, Drosophila melanogaster,
        Felis silvestris, Arabidopsis thaliana, Saccharomyces cerevisiae, Bacillus subtilis,
        Passer domesticus, Rosa canina, Ursus arctos, Fagus sylvatica, Parus major, Mus musculus""",
}


@pytest.mark.parametrize("language", KEYWORDS)
def test_keywords_are_enough_to_know_a_language(language: str) -> None:
    assert detect_language(KEYWORDS[language].split(", ")) == language


def test_keywords_of_two_languages_are_of_none() -> None:
    assert detect_language([KEYWORDS["german"], KEYWORDS["czech"], KEYWORDS["french"]]) == "none"


def test_digits_and_made_up_words_are_of_no_language() -> None:
    codes = [f"{number * 7919:x} {number}kg v{number}.{number}" for number in range(200)]
    assert detect_language(codes) == "none"
    consonants = [
        "".join("bcdfghjklmnpqrstvwxz"[(i * k) % 20] for k in range(7)) for i in range(99)
    ]
    assert detect_language(consonants) == "none"


def test_titles_are_enough_to_know_a_language() -> None:
    titles = ["Heat transfer in laminar flow", "Theory of the wing", "Notes on jets", "A balance"]
    assert detect_language(titles) == "english"


@pytest.mark.parametrize(
    ("language", "elision"), [("french", "french"), ("italian", "italian"), ("english", "none")]
)
def test_the_elision_follows_the_language_of_the_texts(language: str, elision: str) -> None:
    settled = settle_elision(TokenizerSettings(), [SAMPLES[language]] * 3)
    assert settled == TokenizerSettings(elision=elision)


def test_an_elision_or_a_language_that_was_chosen_is_not_detected() -> None:
    texts = [SAMPLES["french"]] * 3
    for chosen in (TokenizerSettings(elision="none"), TokenizerSettings(elision="catalan")):
        assert settle_elision(chosen, texts) == chosen
    assert settle_elision(TokenizerSettings(), texts, "italian").elision == "italian"
    assert settle_elision(TokenizerSettings(tokenizer="tweet"), texts).elision == "none"


@pytest.mark.parametrize("apostrophe", ["'", "’"])
def test_a_language_is_known_by_its_elided_words(apostrophe: str) -> None:
    text = "L'école d'été n'est qu'une idée; c'est l'homme qu'il a vu lorsqu'elle dit l'adresse."
    assert detect_language([text.replace("'", apostrophe)] * 3) == "french"
