"""Files that Hypothesis builds piece by piece: read, or refused in one sentence, and no more."""

import json
import logging
import os
import sys
import warnings
import zipfile
from pathlib import Path

import hostile_files
import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from dispr.cells.unpack import unzip
from dispr.errors import DisprError
from dispr.files import read_tiff
from dispr.images.read import look, read_greys, read_numbers, read_size
from dispr.labelled.read import read_image, read_labels
from dispr.model.config import ModelConfig
from dispr.model.published_checkpoint import read_state_dict
from dispr.model.weights import Weights, build_network, fill_network, load_weights, save_weights
from dispr.network.shape_decoder import ShapeDecoderConfig
from dispr.prediction.files import PredictionFolder

EXAMPLES = 100


class Drawn:
    """Choices that Hypothesis draws, and makes simpler where a file fails."""

    def __init__(self, data):
        self.data = data

    def whole(self, low, high):
        return self.data.draw(st.integers(low, high))


few = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def built(test):
    """Run a test on drawn choices, always the same ones."""
    return few(seed(1)(given(st.data())(test)))


STARTED = []


def started(name, given):
    if name in ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect"):
        STARTED.append(name)


sys.addaudithook(started)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A folder whose files are written anew for each example."""
    folder = tmp_path_factory.mktemp("room") / "inside"
    folder.mkdir()
    before = Path.cwd()
    os.chdir(folder)
    logging.disable()
    yield folder
    logging.disable(logging.NOTSET)
    os.chdir(before)
    assert os.listdir(folder.parent) == ["inside"]  # nothing outside of it
    assert "harm.txt" not in os.listdir(folder)


def read(function, path):
    """Read a file; give None where it is refused."""
    del STARTED[:]
    found, said = None, path.name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = function(path)
    except DisprError as error:
        said = str(error)
    assert path.name in said
    assert "\n" not in said
    assert not STARTED
    return found


@built
def test_tiff(room, data):
    path = room / "a.tif"
    path.write_bytes(hostile_files.tiff(Drawn(data)))
    for function in (read_greys, read_numbers, read_size, read_tiff):
        read(function, path)
    looked, whole = read(look, path), read(read_greys, path)
    if whole is not None:
        assert looked is not None
        assert looked[0] == whole.shape


@built
def test_png(room, data):
    path = room / "a.png"
    path.write_bytes(hostile_files.png(Drawn(data)))
    read(read_numbers, path)
    looked, whole = read(look, path), read(read_greys, path)
    if whole is not None:
        assert looked[0] == whole.shape


@built
def test_npy(room, data):
    path = room / "a.npy"
    content = hostile_files.npy(Drawn(data))
    path.write_bytes(content)
    read(read_image, path)
    found = read(read_labels, path)
    if found is not None:
        # As numpy reads what is right.
        np.testing.assert_array_equal(found.ravel(), np.load(path).ravel())


@built
def test_cellpose(room, data):
    path = room / "a_seg.npy"
    path.write_bytes(hostile_files.cellpose(Drawn(data)))
    for function in (read_image, read_labels):
        found = read(function, path)
        assert found is None or found.ndim == 2


@built
def test_archives(room, data):
    path, out = room / "a.zip", room / "out"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that stand there twice
        path.write_bytes(hostile_files.archive(Drawn(data)))
    read(lambda path: unzip(path, out), path)
    if out.exists():
        files = [one for one in out.rglob("*") if one.is_file()]
        assert not any(one.is_symlink() for one in out.rglob("*"))
        with zipfile.ZipFile(path) as archive:
            assert sum(one.stat().st_size for one in files) <= sum(
                member.file_size for member in archive.infolist()
            )
        for one in sorted(out.rglob("*"), reverse=True):
            one.unlink() if one.is_file() else one.rmdir()
        out.rmdir()
    assert not [name for name in os.listdir(room) if name.startswith(".unpacking")]


@built
def test_checkpoints(room, data):
    path = room / "a.pt"
    path.write_bytes(hostile_files.checkpoint(Drawn(data)))
    found = read(read_state_dict, path)
    for value in (found or {}).values():
        assert value.numel() * value.element_size() <= path.stat().st_size


CONFIG = ModelConfig(ShapeDecoderConfig(channels=4), diffusion=None)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Weights without a checksum of their own."""
    path = tmp_path_factory.mktemp("plain") / "a.safetensors"
    save_weights(path, Weights(CONFIG, build_network(CONFIG).state_dict()))
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"].pop("sha256")
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[end:]


@built
def test_weights(room, plain, data):
    path = room / "a.safetensors"
    path.write_bytes(hostile_files.weights(Drawn(data), plain))

    def load(path):
        found = load_weights(path)
        fill_network(build_network(found.config), found.state, str(path))

    read(load, path)


RECORD = {
    "model": "ab",
    "ensemble": 5,
    "cells": {"a": "0" * 8},
    "voxel_sizes_um": {"a": 0.172},
    "squares": {"a": [0, 0, 64, [64, 64]]},
    "intervals": None,
}


@built
def test_records(room, data):
    path = room / "prediction.json"
    path.write_text(json.dumps(hostile_files.record(Drawn(data), RECORD)))

    def load(path):
        folder = PredictionFolder(path.parent)
        folder.intervals()
        for name in folder.settings.get("squares", {}):
            folder.square(name)
            folder.grid(name)

    read(load, path)


@built
def test_ome_xml(room, data):
    import tifffile

    path = room / "a.ome.tif"
    text = hostile_files.ome_xml(Drawn(data)).encode("ascii", "xmlcharrefreplace").decode()
    tifffile.imwrite(path, np.zeros((24, 37), np.uint8), description=text, metadata=None)
    for function in (look, read_greys, read_size):
        read(function, path)


def test_the_watch_can_bark(room):
    del STARTED[:]
    os.system("true" if os.name == "posix" else "rem")
    assert STARTED == ["os.system"]
