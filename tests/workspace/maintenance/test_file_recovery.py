"""What of a damaged file is still what was written, and bits that were flipped."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from embedsearch._io import sha256, write_json
from embedsearch.workspace.maintenance.file_recovery import read_facts, recover_file
from embedsearch.workspace.publishing import block_checksums

CONTENT = random.Random(3).randbytes(5 * 256 + 100)  # noqa: S311


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


def facts_of(path: Path) -> dict[str, object]:
    size = path.stat().st_size
    return {"size": size, "sha256": sha256(path), "blocks": block_checksums(path)}


def test_a_flipped_bit_of_any_block_is_undone(file: Path) -> None:
    facts, changed = facts_of(file), bytearray(CONTENT)
    for place, bit in ((0, 1), (256, 128), (3 * 256 - 1, 16), (len(CONTENT) - 1, 2)):
        changed[place] ^= bit
    file.write_bytes(changed)
    found = recover_file(file, facts, file.with_name("copy"))
    assert found is not None
    assert found.intact
    assert found.path.read_bytes() == CONTENT
    assert file.read_bytes() == changed


def test_damage_costs_its_own_blocks(file: Path) -> None:
    facts = facts_of(file)
    file.write_bytes(CONTENT[:300] + bytes(20) + CONTENT[320 : 4 * 256])
    found = recover_file(file, facts, file.with_name("copy"))
    assert found is not None
    assert found.damaged == [(256, 512), (4 * 256, 5 * 256), (5 * 256, len(CONTENT))]
    assert found.path.read_bytes()[512 : 4 * 256] == CONTENT[512 : 4 * 256]
    # Rows of 60 bytes after a header of 80: those that a damaged block has a part of.
    sound = found.sound(80, 60, 21)
    assert [row for row in range(21) if not sound[row]] == [
        2,
        3,
        4,
        5,
        6,
        7,
        15,
        16,
        17,
        18,
        19,
        20,
    ]


def test_a_large_file_has_larger_blocks_and_the_manifest_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(3 << 20)
    blocks = block_checksums(path)
    assert blocks["bytes"] == 2048
    assert len(blocks["blake2b"]) == 16 * (3 << 20) // 2048


def test_what_a_manifest_cannot_say_is_not_taken_for_damage_nor_believed(file: Path) -> None:
    copy = file.with_name("copy")
    facts = facts_of(file)
    for told in (None, {}, {"size": -1}, {"size": 1 << 60, "blocks": []}, {"size": True}):
        found = recover_file(file, told, copy)
        assert found is not None
        assert (found.compared, found.damaged, found.path) == (False, [], file)
    blocks = facts["blocks"]
    assert isinstance(blocks, dict)
    for wrong in ({**blocks, "bytes": 0}, {**blocks, "blake2b": "ab"}, {**blocks, "bytes": "9"}):
        whole = recover_file(file, {**facts, "blocks": wrong, "sha256": "0"}, copy)
        assert whole is not None
        assert whole.damaged == [(0, len(CONTENT))]
    # With a wrong hash of the whole, the blocks still tell.
    found = recover_file(file, {**facts, "sha256": "0"}, copy)
    assert found is not None
    assert found.intact
    assert recover_file(file.with_name("none"), None, copy) is None


def test_a_missing_file_is_known_by_its_size(file: Path) -> None:
    facts = facts_of(file)
    file.unlink()
    found = recover_file(file, facts, file.with_name("copy"))
    assert found is not None
    assert found.path.stat().st_size == len(CONTENT)
    assert not found.sound(0, len(CONTENT), 1).any()


def test_a_flipped_bit_of_a_small_file_is_undone_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    values = {"format": 2, "training": {"documents": 12, "ä": [1.5, None]}, "created": "2026"}
    write_json(path, values)
    content, expected = path.read_bytes(), json.loads(path.read_text(encoding="utf-8"))
    for place in range(len(content)):
        for bit in (place % 3, 5):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            found, trusted = read_facts(path)
            assert trusted, (place, bit)
            assert found == expected
    path.write_bytes(content.replace(b'"documents": 12', b'"documents": 34'))
    assert read_facts(path)[1] is False
    for broken in (b"", b"[]", b"{", content[: len(content) // 2], b"\xff" * 40):
        path.write_bytes(broken)
        assert read_facts(path) == ({}, False)
