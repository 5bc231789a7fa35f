import numpy as np
import pytest
import tifffile

from dispr import limits
from dispr.errors import ConfigError, FileError
from dispr.images.read import read_pixels
from dispr.labelled.read import read_labels
from dispr.records import read_csv, read_json
from dispr.tables import read_table


def test_defaults(monkeypatch):
    monkeypatch.delenv(limits.VARIABLE, raising=False)
    assert limits.largest_image() == 4 * 2**30
    assert limits.largest_plane() == 16384**2
    monkeypatch.setenv(limits.VARIABLE, " 0.5 ")
    assert limits.largest_image() == 2**29
    assert "above 0.5" in limits.raise_it()


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e400", "four", "4 GiB"])
def test_wrong_limits_are_refused(monkeypatch, text):
    monkeypatch.setenv(limits.VARIABLE, text)
    with pytest.raises(ConfigError, match=r"DISPR_LARGEST_GIB must be a positive number of GiB"):
        limits.largest_image()


def test_one_option_raises_all_limits(tmp_path, monkeypatch):
    array = np.arange(64 * 80, dtype=np.uint16).reshape(64, 80)
    tifffile.imwrite(tmp_path / "a.tif", array)
    np.save(tmp_path / "a.npy", array)
    (tmp_path / "a.json").write_text('{"a": 1}')
    (tmp_path / "a.csv").write_text("name\nb\n")
    reads = (
        lambda: read_pixels(tmp_path / "a.tif"),
        lambda: read_labels(tmp_path / "a.npy"),
        lambda: read_json(tmp_path / "a.json"),
        lambda: read_csv(tmp_path / "a.csv"),
        lambda: read_table(tmp_path / "a.csv", [["name"]]),
    )
    for read in reads:
        monkeypatch.setenv(limits.VARIABLE, "1e-8")
        with pytest.raises(FileError, match="set DISPR_LARGEST_GIB above 1e-08"):
            read()
        monkeypatch.setenv(limits.VARIABLE, "0.1")
        read()
