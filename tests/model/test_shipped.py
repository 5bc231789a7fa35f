import hashlib
import json

import pytest

import dispr
from dispr.errors import FileError
from dispr.model import shipped
from dispr.prediction import model


def test_index_names_the_checksums_of_the_files():
    index = json.loads(shipped.INDEX.read_text(encoding="utf-8"))
    for name in index:
        path, checksum = shipped.shipped_weights(name)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == checksum == index[name]["sha256"]


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    path, checksum = shipped.shipped_weights()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    changed = tmp_path / path.name
    changed.write_bytes(content)
    monkeypatch.setattr(model, "shipped_weights", lambda: (changed, checksum))
    with pytest.raises(FileError, match="SHA-256 differs"):
        dispr.load(device="cpu")


def test_the_checksum_asked_for_is_that_of_the_index(tmp_path, monkeypatch):
    index = json.loads(shipped.INDEX.read_text(encoding="utf-8"))
    index["fast"]["sha256"] = "0" * 64
    monkeypatch.setattr(shipped, "INDEX", tmp_path / "index.json")
    shipped.INDEX.write_text(json.dumps(index))
    assert shipped.shipped_weights()[1] == "0" * 64
    with pytest.raises(FileError, match="SHA-256 differs"):
        dispr.load(device="cpu")


def test_no_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "INDEX", tmp_path / "index.json")
    with pytest.raises(FileError, match="the weights fast are not installed"):
        shipped.shipped_weights()
    with pytest.raises(FileError, match="the weights other are not installed"):
        shipped.shipped_weights("other")
    assert shipped.shipped_remarks("0" * 64) == {}
