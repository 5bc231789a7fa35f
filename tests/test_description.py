"""What machines are told of a file."""

import hashlib
import mimetypes

import pytest

from dispr.description import Description, describe, media_type
from dispr.errors import FileError


def test_a_file_is_described(tmp_path):
    content = bytes(range(256)) * 9000  # more than is read at once
    (tmp_path / "table.CSV").write_bytes(content)
    found = describe(tmp_path / "table.CSV")
    assert found == Description("text/csv", 2_304_000, hashlib.sha256(content).hexdigest())


def test_media_types_do_not_depend_on_the_computer(monkeypatch):
    # Windows takes tables for those of its own program.
    monkeypatch.setitem(mimetypes.types_map, ".csv", "application/vnd.ms-excel")
    kinds = {end: media_type(end) for end in (".csv", ".tiff", ".jpeg", ".parquet", ".xyz")}
    assert kinds == {
        ".csv": "text/csv",
        ".tiff": "image/tiff",
        ".jpeg": "image/jpeg",
        ".parquet": "application/vnd.apache.parquet",
        ".xyz": "application/octet-stream",
    }


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(FileError, match=r"table\.csv cannot be read"):
        describe(tmp_path / "table.csv")
