from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedsearch._errors import SourceFormatError
from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.reading.encodings import decoded, detect_encoding

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
    assert progress.notes[3] == "2 more files read in an encoding that is not UTF-8"


def test_a_named_encoding_is_used(put: Put, read: Read, progress: SilentProgress) -> None:
    put("a.txt", TEXTS["greek"].encode("utf-16-le"))
    assert read("a.txt", encoding="utf-16-le")[0].text == TEXTS["greek"]
    assert not progress.notes


def test_a_bad_byte_far_behind_names_its_line_and_place(put: Put, read: Read) -> None:
    good = "plain line\n" * 200_000
    put("a.txt", good.encode() + b"caf\xe9\n")
    with pytest.raises(SourceFormatError) as caught:
        read("a.txt")
    assert caught.value.line == 200_001
    assert "byte 0xe9, 2,200,003 bytes into the text, is not utf-8" in str(caught.value)


def test_one_bad_byte_in_much_utf_8_does_not_make_it_another_encoding(put: Put, read: Read) -> None:
    put("a.txt", (TEXTS["russian"] * 4).encode() + b"\xff\n" + TEXTS["greek"].encode())
    with pytest.raises(SourceFormatError, match="line 5: byte 0xff"):
        read("a.txt")


def test_a_character_cut_at_the_end_is_an_error(put: Put, read: Read) -> None:
    put("a.txt", (TEXTS["russian"] * 2).encode()[:-3])
    with pytest.raises(SourceFormatError, match="line 2: byte 0x"):
        read("a.txt")


def test_a_sample_may_end_within_a_character() -> None:
    assert detect_encoding("aé".encode()[:-1], whole=False, name="a") == "utf-8"


@given(
    st.text(st.characters(codec="utf-8")), st.integers(1, 5), st.sampled_from(["utf-8", "utf-16"])
)
def test_decoding_is_the_same_however_the_bytes_are_cut(text: str, step: int, codec: str) -> None:
    data = text.encode(codec)
    blocks = [data[i : i + step] for i in range(0, len(data), step)]
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert "".join(decoded(blocks, codec, "a")) == expected


@given(st.binary(max_size=40), st.integers(1, 5))
def test_the_place_of_a_bad_byte_is_that_which_python_finds(data: bytes, step: int) -> None:
    blocks = [data[i : i + step] for i in range(0, len(data), step)]
    try:
        data.decode()
    except UnicodeDecodeError as error:
        with pytest.raises(SourceFormatError, match=f", {error.start} bytes into the text"):
            list(decoded(blocks, "utf-8", "a"))
    else:
        assert "".join(decoded(blocks, "utf-8", "a")).replace("\n", "") == (
            data.decode().replace("\r", "").replace("\n", "")
        )
