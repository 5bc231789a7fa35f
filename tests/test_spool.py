import errno
import os

import pytest

from dispr.errors import FileError
from dispr.spool import Spool


def test_values_come_back_in_order_and_leave_nothing(tmp_path):
    values = [{"a": 1.25, "b": "é", "c": None}, [1, 2], "", {"x": [True]}]
    with Spool(tmp_path / "out") as spool:
        assert spool.append(values[0]) == len('{"a": 1.25, "b": "\\u00e9", "c": null}')
        assert spool[0] == values[0]  # read between two writes
        for value in values[1:]:
            spool.append(value)
        assert len(spool) == 4
        assert list(spool) == list(spool) == values
        assert spool[-1] == values[-1]
        assert spool[1:3] == values[1:3]
        with pytest.raises(IndexError):
            spool[4]
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk that is full, as of Linux")
def test_a_full_disk_is_told_in_a_sentence(tmp_path, monkeypatch):
    with open("/dev/full", "r+b", buffering=0) as full:
        monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full)
        with Spool(tmp_path) as spool, pytest.raises(FileError, match="the disk is full"):
            spool.append("x" * 10**6)
    error = OSError(errno.EACCES, "Permission denied")

    def refused(**_):
        raise error

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    with pytest.raises(FileError, match="permission denied"):
        Spool(tmp_path)
