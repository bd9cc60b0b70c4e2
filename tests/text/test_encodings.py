from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from embedsearch._errors import SourceFormatError
from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.encodings import Repairs, decode_blocks, detect_encoding

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]

TEXTS = {
    "german": "Die Straße über den Fluss führt nach Österreich. Grüße aus München.\n",
    "french": "Le café était fermé à Noël ; les élèves français ont déjà mangé.\n",
    "russian": "Москва - столица России, крупнейший город страны.\n",
    "greek": "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας και η μεγαλύτερη πόλη της χώρας.\n",
    "polish": "Warszawa leży nad Wisłą, w środkowej części państwa, i sięga średniowiecza.\n",
    "turkish": "Türkiye'nin en kalabalık şehridir. Çoğu insan burada yaşıyor, değil mi?\n",
    "japanese": "日本語の文章です。東京は日本の首都であり、世界最大の都市の一つです。\n",
    "chinese": "北京是中华人民共和国的首都，也是全国政治文化中心。\n",
}


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("text", TEXTS.values())
def test_utf_8_is_read_without_a_word(
    codec: str, text: str, put: Put, read: Read, progress: SilentProgress
) -> None:
    put("a.txt", text.encode(codec))
    assert read("a.txt")[0].text == text
    assert not progress.notes


@pytest.mark.parametrize("codec", ["utf-16", "utf-32"])
def test_a_byte_order_mark_tells(
    codec: str, put: Put, read: Read, progress: SilentProgress
) -> None:
    put("a.txt", (TEXTS["polish"] * 3).encode(codec))
    assert [d.text for d in read("a.txt", split="line")] == [TEXTS["polish"].strip()] * 3
    assert progress.notes[0].endswith(f"a.txt: read as {codec} (not UTF-8)")


@pytest.mark.parametrize(
    ("language", "codec"),
    [("german", "cp1252"), ("german", "latin-1"), ("french", "cp1252"), ("russian", "cp1251"),
     ("russian", "koi8-r"), ("greek", "cp1253"), ("polish", "cp1250"), ("turkish", "cp1254"),
     ("japanese", "shift_jis"), ("japanese", "euc_jp"), ("chinese", "gb18030")],
)  # fmt: skip
def test_other_encodings_are_detected_and_said(
    language: str, codec: str, put: Put, read: Read, progress: SilentProgress
) -> None:
    text = "plain words first\n" * 50 + TEXTS[language] * 3
    put("a.txt", text.encode(codec))
    assert read("a.txt")[0].text == text
    assert "(not UTF-8)" in progress.notes[0]


def test_windows_1252_is_called_by_its_name(put: Put, read: Read, progress: SilentProgress) -> None:
    put("letters/a.txt", TEXTS["german"].encode("cp1252"))
    read("letters")
    assert progress.notes[0].endswith("letters/a.txt: read as windows-1252 (not UTF-8)")


def test_many_files_of_another_encoding_are_counted(
    put: Put, read: Read, progress: SilentProgress
) -> None:
    for number in range(5):
        put(f"letters/{number}.txt", TEXTS["german"].encode("cp1252"))
    read("letters")
    assert len(progress.notes) == 4
    more = "2 more files read in an encoding that is not UTF-8 (all: --all-notes)"
    assert progress.notes[3] == more


def test_a_named_encoding_is_used(put: Put, read: Read, progress: SilentProgress) -> None:
    put("a.txt", TEXTS["greek"].encode("utf-16-le"))
    assert read("a.txt", encoding="utf-16-le")[0].text == TEXTS["greek"]
    assert not progress.notes


def test_what_comes_after_a_megabyte_of_ascii_shows_the_encoding(
    put: Put, read: Read, progress: SilentProgress
) -> None:
    ascii_part = "plain line\r\n" * 200_000
    for language, codec in (("german", "cp1252"), ("russian", "koi8-r"), ("japanese", "shift_jis")):
        put("a.txt", (ascii_part + TEXTS[language] * 3).encode(codec))
        assert read("a.txt")[0].text == ascii_part.replace("\r", "") + TEXTS[language] * 3
        assert "(not UTF-8)" in progress.notes.pop()
    put("a.txt", (ascii_part + TEXTS["russian"]).encode() + b"\xff\n")
    assert read("a.txt")[0].text.endswith(TEXTS["russian"] + "\ufffd\n")
    assert "1 byte that is not UTF-8: 0xff in line 200,002 (read as" in progress.notes[0]


@pytest.mark.parametrize(
    ("data", "text", "said"),
    [
        # One byte of windows-1252 among UTF-8: dashes, quotes, letters between ASCII.
        (
            "she said “yes” — a # here.",
            "she said “yes” — a – here.",
            "0x96 in line 1 (read as '–')",
        ),
        ("Ein Grü0 aus Köln, né# à", "Ein Grü0 aus Köln, né– à", "0x96"),
        # What remains of a damaged character is none of windows-1252.
        ("Мос#ва, столица", "Мос�ва, столица", "0x96"),
        ("日本#語の文章", "日本�語の文章", "0x96"),
    ],
)
def test_a_bad_byte_in_utf_8_is_named_and_spoils_no_other_character(
    data: str, text: str, said: str, put: Put, read: Read, progress: SilentProgress
) -> None:
    put("a.txt", data.encode().replace(b"#", b"\x96"))
    assert read("a.txt")[0].text == text
    assert len(progress.notes) == 1
    assert "has 1 byte that is not UTF-8: 0x96 in line 1 (read as" in progress.notes[0]
    assert said in progress.notes[0]


def test_letters_of_windows_1252_between_ascii_are_read(put: Put, read: Read) -> None:
    put("a.txt", "naïve, “cliché”\n".encode() + "café à la crème, Größe\n".encode("cp1252") * 2)
    assert read("a.txt")[0].text == "naïve, “cliché”\n" + "café à la crème, Größe\n" * 2


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("at", [0, 7, 40])
def test_a_character_that_is_cut_becomes_a_mark(
    language: str, at: int, put: Put, read: Read, progress: SilentProgress
) -> None:
    text = TEXTS[language] * 2
    place = next(i for i in range(at, len(text)) if not text[i].isascii() and text[:i].strip())
    place = next(i for i in range(place + 1, len(text)) if not text[i].isascii())
    head, cut = text[:place].encode(), text[place].encode()[:-1]
    put("end.txt", head + cut)
    put("middle.txt", head + cut + text[place + 1 :].encode())
    assert read("end.txt")[0].text == text[:place] + "\ufffd"
    assert read("middle.txt")[0].text.replace("\ufffd", "") in (
        text[:place] + text[place + 1 :],
        # A lone lead byte between Latin letters may be a letter of windows-1252.
        text[:place] + cut.decode("cp1252", "ignore") + text[place + 1 :],
    )
    assert all("not UTF-8: 0x" in note for note in progress.notes)


def test_utf_8_that_continues_in_another_encoding_is_an_error(put: Put, read: Read) -> None:
    words = TEXTS["greek"] + TEXTS["russian"] * 40_000
    put("a.txt", words.encode() + b"\n" + TEXTS["russian"].encode("cp1251") * 3)
    with pytest.raises(SourceFormatError, match="continues in another encoding") as caught:
        read("a.txt")
    assert caught.value.line == 40_004


def test_an_encoding_that_was_named_and_does_not_fit_is_an_error(put: Put, read: Read) -> None:
    put("a.txt", b"plain\n" * 200_000 + b"caf\xe9\n")
    with pytest.raises(SourceFormatError) as caught:
        read("a.txt", encoding="utf-8")
    assert caught.value.line == 200_001
    assert "byte 0xe9, 1,200,003 bytes into the text, is not utf-8" in str(caught.value)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", TEXTS.values())
def test_utf_16_and_32_without_a_mark_are_read(codec: str, text: str, put: Put, read: Read) -> None:
    put("a.txt", text.encode(codec))
    assert read("a.txt")[0].text == text


@pytest.mark.parametrize("word", ["café", "naïve", "é", "Grüße aus Köln", "¡Él está aquí!"])
def test_a_few_letters_of_latin_1_are_read(word: str, put: Put, read: Read) -> None:
    put("a.txt", word.encode("latin-1"))
    assert read("a.txt")[0].text == word


def test_a_sample_may_end_within_a_character() -> None:
    assert detect_encoding("aé".encode()[:-1], complete=False, name="a") == "utf-8"


@given(
    st.text(st.characters(codec="utf-8")), st.integers(1, 5), st.sampled_from(["utf-8", "utf-16"])
)
def test_decoding_is_the_same_however_the_bytes_are_cut(text: str, step: int, codec: str) -> None:
    data = text.encode(codec)
    blocks = [data[i : i + step] for i in range(0, len(data), step)]
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert "".join(decode_blocks(blocks, codec, "a")) == expected


@given(st.binary(max_size=40), st.integers(1, 5))
def test_the_place_of_a_bad_byte_is_that_which_python_finds(data: bytes, step: int) -> None:
    blocks = [data[i : i + step] for i in range(0, len(data), step)]
    try:
        data.decode()
    except UnicodeDecodeError as error:
        with pytest.raises(SourceFormatError, match=f", {error.start} bytes into the text"):
            list(decode_blocks(blocks, "utf-8", "a"))
    else:
        assert "".join(decode_blocks(blocks, "utf-8", "a")).replace("\n", "") == (
            data.decode().replace("\r", "").replace("\n", "")
        )


@given(st.binary(max_size=40), st.integers(1, 5))
def test_repairs_are_the_same_however_the_bytes_are_cut(data: bytes, step: int) -> None:
    def repaired(blocks: list[bytes]) -> tuple[str, list[str]]:
        notes: list[str] = []
        return "".join(decode_blocks(blocks, "utf-8", "a", Repairs("a", notes.append))), notes

    cut = repaired([data[i : i + step] for i in range(0, len(data), step)])
    assert cut == repaired([data])
    good = data.decode("utf-8", "ignore").replace("\r\n", "\n").replace("\r", "\n")
    assert set(good) <= set(cut[0])
    assert bool(cut[1]) == (data.decode("utf-8", "surrogateescape").isascii() is False
                            and data != data.decode("utf-8", "ignore").encode())  # fmt: skip
