import pytest

from dispr.errors import FileError
from dispr.journal import Journal


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "cells.jsonl")
    made.append({"a": {"volume": 1}, "b\tc": {"volume": 2}})
    return made


def entries(path):
    return {name: Journal(path)[name] for name in Journal(path)}


def test_later_entries_count(journal):
    journal.append({"a": {"volume": 3}})
    assert entries(journal.path) == {"a": {"volume": 3}, "b\tc": {"volume": 2}}
    assert {name: journal[name] for name in journal} == entries(journal.path)
    size = journal.path.stat().st_size
    journal.compact()
    assert journal.path.stat().st_size < size
    assert journal["a"] == {"volume": 3}
    assert entries(journal.path) == {"a": {"volume": 3}, "b\tc": {"volume": 2}}


@pytest.mark.parametrize("cut", [2, 5, 20])
def test_a_line_cut_short_is_left_out_and_those_behind_it_are_read(journal, cut):
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:-cut])
    again = Journal(journal.path)
    assert list(again) == ["a"]
    again.append({"d": {"volume": 4}})
    assert again["d"] == {"volume": 4}
    assert entries(journal.path) == {"a": {"volume": 1}, "d": {"volume": 4}}


def test_damaged_lines_are_left_out(journal):
    content = bytearray(journal.path.read_bytes())
    content[content.index(b"volume")] ^= 1
    journal.path.write_bytes(bytes(content))
    assert list(Journal(journal.path)) == ["b\tc"]


def test_what_is_no_entry_is_as_damaged(journal):
    chosen = Journal(journal.path, lambda entry: entry["volume"] == 2)
    assert chosen.get("a") is None
    assert chosen.get("b\tc") == {"volume": 2}


def test_nothing_to_read_or_to_write_to(tmp_path):
    assert len(Journal(tmp_path / "none")) == 0
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="Cannot write"):
        Journal(tmp_path / "file" / "cells.jsonl").append({"a": {}})


def test_nothing_is_rewritten_where_nothing_was_replaced(journal):
    before = journal.path.stat()
    journal.compact()
    assert (journal.path.stat().st_ino, journal.path.stat().st_size) == (
        before.st_ino,
        before.st_size,
    )


def test_a_cut_line_is_gone_after_compaction(journal):
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:-5])
    again = Journal(journal.path)
    again.append({"b\tc": {"volume": 2}})
    again.compact()
    assert journal.path.read_bytes() == content
