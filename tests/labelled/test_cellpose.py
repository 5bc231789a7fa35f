import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dispr.errors import FileError
from dispr.labelled.cellpose import _from_buffer, _Type
from dispr.labelled.read import read_image, read_labels


def save(path, content, protocol=None):
    """Write as Cellpose does, in any protocol of pickle."""
    array = np.array(content, dtype=object)
    if protocol is None:
        np.save(path, array)
        return
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|O", "fortran_order": False, "shape": ()}
        )
        pickle.dump(array, file, protocol=protocol)


CONTENT = {
    "outlines": np.zeros((4, 5), np.uint16),
    "masks": np.arange(20).reshape(4, 5).astype(np.uint16),
    "img": np.arange(20, dtype=np.float32).reshape(1, 4, 5),
    "chan_choose": [0, 0],
    "ismanual": np.zeros(3, bool),
    "filename": Path("field.tif"),
    "flows": [np.zeros((4, 5, 3), np.uint8), np.float32(0.5), None, [np.zeros((2, 4, 5))]],
    "diameter": np.float64(30.0),
    "model_path": 0,
}


@pytest.mark.parametrize("protocol", [None, 2, 3, 4, 5])
def test_reads_what_cellpose_writes(tmp_path, protocol):
    path = tmp_path / "field_seg.npy"
    save(path, CONTENT, protocol)
    np.testing.assert_array_equal(read_labels(path), CONTENT["masks"])
    np.testing.assert_array_equal(read_image(path), CONTENT["img"][0])


class Harmful:
    def __reduce__(self):
        return os.system, (f"{sys.executable} -c \"open('harm', 'w')\"",)


@pytest.mark.parametrize("place", ["masks", "filename"])
def test_runs_no_code(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "field_seg.npy", {**CONTENT, place: Harmful()})
    with pytest.raises(FileError, match=r"posix\.system|nt\.system"):
        read_labels(tmp_path / "field_seg.npy")
    assert not (tmp_path / "harm").exists()
    # The same file does harm when it is read as any pickle: the test can fail.
    code = "import numpy; numpy.load('field_seg.npy', allow_pickle=True)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [("builtins", "eval"), ("builtins", "getattr"), ("numpy", "load"), ("numpy", "fromfile")],
)
def test_names_are_admitted_one_by_one(tmp_path, module, name):
    path = tmp_path / "field_seg.npy"
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|O", "fortran_order": False, "shape": ()}
        )
        file.write(f"c{module}\n{name}\n(S'1'\ntR.".encode())
    with pytest.raises(FileError, match=f"{module}.{name}"):
        read_labels(path)


def test_damaged_and_incomplete_files(tmp_path):
    path = tmp_path / "field_seg.npy"
    save(path, CONTENT)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(FileError, match="damaged"):
        read_labels(path)
    save(path, {"outlines": 1})
    with pytest.raises(FileError, match="contains no masks"):
        read_labels(path)
    with pytest.raises(FileError, match="contains no image"):
        read_image(path)


def test_arrays_in_the_order_of_fortran():
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    buffer = array.ravel(order="F").tobytes()
    for order, expected in (("F", array), ("C", array.ravel(order="F").reshape(2, 3))):
        found = _from_buffer(buffer, _Type("i2"), (2, 3), order).values
        np.testing.assert_array_equal(found, expected)
