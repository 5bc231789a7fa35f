import random

import pytest

from dispr.errors import ConfigError, FileError
from dispr.records import begin, changes, read_csv, read_json, taken_up, write_json

RECORD = {"version": 1, "cells": {"a": "0123"}, "size": 0.5, "names": ["a", "b"]}


def test_records_survive_a_file(tmp_path):
    for sealed in (False, True):
        write_json(tmp_path / "a.json", RECORD, sealed=sealed)
        assert read_json(tmp_path / "a.json", {"version": int, "cells": dict}) == RECORD


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[1]",
        b"\xff{}",
        b'{"version": NaN, "cells": {}}',
        b'{"version": 1, "version": 2, "cells": {}}',
        b'{"version": true, "cells": {}}',
        b'{"version": "1", "cells": {}}',
        b'{"version": 1}',
        b'{"version": 1, "cells": {"a": 1e999}}',
        b'{"version": 1, "cells": ' + b'{"a":' * 60 + b"1" + b"}" * 61,
        b'{"version": 1, "cells": {"a": ' + b"[" * 100_000,
        b'{"version": ' + b"1" * 10_000 + b', "cells": {}}',
    ],
)
def test_hostile_records_are_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(FileError, match=r"a\.json is damaged.*; do this\."):
        read_json(tmp_path / "a.json", {"version": int, "cells": dict}, remedy="do this")


def test_a_changed_number_breaks_the_seal(tmp_path):
    write_json(tmp_path / "a.json", RECORD, sealed=True)
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(text.replace("0.5", "0.7"))
    with pytest.raises(FileError, match="was edited"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text(text.replace("\n", "\n  "))  # as another program saves it
    assert read_json(tmp_path / "a.json") == RECORD


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"other\na\n",
        b"name,name\na,b\n",
        b"name,volume\na,1,2\n",
        b"name,volume\na\n",
        b"name,volume\na,x\n",
        b"name,volume\na,inf\n",
        b"name,volume\na,1\na,1\n",
        b"name,volume\n,1\n",
        b"name,volume\na\0,1\n",
        b'name,volume\n"a,1\n',
        b"name,volume\n\xff,1\n",
        b"name,volume\n" + b"a" * 200_000 + b",1\n",
    ],
)
def test_hostile_tables_are_refused(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FileError, match=r"a\.csv is damaged.*; do this\."):
        read_csv(tmp_path / "a.csv", ["name"], numbers=["volume"], unique="name", remedy="do this")


def test_tables_as_spreadsheets_save_them(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfname,volume\r\n"a, b",\r\n\r\nc,2.50\r\n')
    rows = read_csv(tmp_path / "a.csv", ["name"], numbers=["volume"], unique="name")
    assert rows == [{"name": "a, b", "volume": ""}, {"name": "c", "volume": "2.50"}]


def test_any_damage_gives_a_value_or_a_sentence(tmp_path):
    chance = random.Random(1)
    write_json(tmp_path / "a.json", RECORD, sealed=True)
    (tmp_path / "a.csv").write_text("name,volume\na,1\nb,2\n")
    for name, read in (("a.json", read_json), ("a.csv", read_csv)):
        whole = (tmp_path / name).read_bytes()
        refused = 0
        for _ in range(300):
            content = bytearray(whole)
            content[chance.randrange(len(content))] = chance.randrange(256)
            (tmp_path / name).write_bytes(content[: chance.randrange(1, len(content) + 40)])
            try:
                read(tmp_path / name)
            except FileError:
                refused += 1
        assert refused > 100


def test_changes_are_told_briefly():
    before = {"a": 1, "b": {"c": [1, 2]}, "d": "0" * 16, "more": 1}
    assert changes(before, {"a": 1, "b": {"c": [1, 2]}}) == []
    assert changes(before, {"a": 2, "b": {"c": [1, 3]}, "d": "1" * 16}) == [
        "a was 1 and is now 2",
        "b.c was 1, 2 and is now 1, 3",
        "different d",
    ]
    assert changes(before, {"b": {"c": [1, 2], "e": True}}) == ["b.e was None and is now True"]
    assert changes(before, {"b": {}}) == ["b.c was 1, 2 and is now None"]
    assert changes({}, {"new": 3}, absent={"new": 3}) == []
    assert changes({"x": [[1]]}, {"x": [[2]]}) == ["different x"]


def test_a_run_is_taken_up_with_the_same_settings_alone(tmp_path):
    path = tmp_path / "out" / "run.json"
    assert taken_up(path, "shapes", {"seed": (1, 2)}) is None
    assert not path.parent.exists()
    begin(path, {"seed": (1, 2), "about": "more"})
    assert taken_up(path, "shapes", {"seed": (1, 2)}) == {"seed": [1, 2], "about": "more"}
    with pytest.raises(ConfigError, match=r"contains shapes with other settings \(seed was 1, 2"):
        taken_up(path, "shapes", {"seed": (1, 3)})
    path.write_bytes(b"{}")
    with pytest.raises(FileError, match=r"run\.json is damaged"):
        taken_up(path, "shapes", {"seed": (1, 2)})
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="file is a file; name a folder"):
        taken_up(tmp_path / "file" / "run.json", "shapes", {})
