"""Predicted shapes packed in one Zarr store, instead of several files for each cell.

`shapes.zarr` is a group of Zarr 3 with arrays whose first axis counts the cells: `samples`, the
voxels of a row of X packed to bits; `counts`, in how many samples each voxel is (of deterministic
networks, `probability`); and `grey` where that was asked for. A file, a shard, holds the cells of
`CELLS_OF_SHARD` places. Where a cell is, and the checksums of its shapes, stand in its entry of
`cells.jsonl`.

Cells that are finished wait in `pending`, a file each, until all of their shard are; then the shard
is written, then their entries, and then these files are removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dispr.cells.spacing import Spacing
from dispr.errors import ConfigError, FileError
from dispr.files import atomic_path
from dispr.journal import Entry, Journal
from dispr.packages import zarr_package
from dispr.prediction.shapes import SHAPE

if TYPE_CHECKING:
    from dispr.prediction.prediction import Prediction

STORE = "shapes.zarr"
PENDING = "pending"

CELLS_OF_SHARD = 128
"""Cells whose shapes are in one file."""

BITS = (*SHAPE[:2], SHAPE[2] // 8)

AGAIN = "predict the cell again"

Arrays = dict[str, np.ndarray]


class PackedShapes:
    """Shapes in `shapes.zarr`; see `dispr.prediction.shapes.Shapes`.

    Parameters
    ----------
    path : Path
        The folder of the prediction.
    settings : mapping
        Its record.
    cells : Journal
        Where the entries of finished cells are.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], cells: Journal) -> None:
        self.path, self.cells = path, cells
        self.ensemble = int(settings.get("ensemble", 1))
        self._waiting: dict[str, int] = {}
        self._writing = threading.RLock()
        self._expected: dict[int, set[str]] = {}
        self._slots: dict[str, int] = {}
        self._last: tuple[str, Arrays] | None = None

    # Reading

    def names(self) -> list[str]:
        """List the cells that have shapes, by name."""
        return sorted(name for name in self.cells if self._entry(name))

    def is_empty(self) -> bool:
        """Tell whether there is nothing of any cell."""
        pending = self.path / PENDING
        return not any(map(self._entry, self.cells)) and not (
            pending.is_dir() and any(pending.iterdir())
        )

    def _entry(self, name: str) -> dict[str, Any]:
        """Give the entry of a cell whose shapes are there; an empty one of others."""
        entry = self.cells.get(name) or {}
        return entry if "slot" in entry else {}

    def has(self, name: str, count: int, grey: bool = False) -> bool:
        """Tell whether a cell has `count` samples, and their occupancies if these are wanted."""
        sums = self._entry(name).get("shapes", {})
        if not ("samples" in sums and count == self.ensemble and (not grey or "grey" in sums)):
            return False
        try:
            self._read(name)
        except FileError:  # what is damaged is as what is not there: it is made anew
            return False
        return True

    def count(self, name: str) -> int:
        """Count the samples of a cell."""
        self._place(name)
        return self.ensemble

    def sample(self, name: str, k: int) -> np.ndarray:
        """Read a sample of a cell, bool, (64, 64, 64)."""
        bits = self._read(name)["samples"][k]
        return np.unpackbits(bits, axis=-1).astype(bool)

    def probability(self, name: str) -> np.ndarray:
        """Read the ensemble mean of a cell, float32, (64, 64, 64), 0 to 1."""
        arrays = self._read(name)
        if "probability" in arrays:
            return arrays["probability"]
        return arrays["counts"].astype(np.float32) / np.float32(self.ensemble)

    def grey(self, name: str, count: int) -> np.ndarray | None:
        """Read the occupancies of a cell's samples, (K, 64, 64, 64); None unless all are there."""
        return self._read(name).get("grey")

    def spacing(self, name: str) -> Spacing | None:
        """Give the size of a cell's voxels in um; None if it is not known."""
        size = self._place(name).get("voxel_size_um")
        return None if size is None else (size,) * 3

    def digest(self, name: str, about: str = "") -> str:
        """Give a checksum of a cell's samples and probability, and of what else it depends on."""
        entry = self._place(name)
        content = json.dumps([entry["shapes"], entry.get("voxel_size_um"), about], sort_keys=True)
        return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def check(self, name: str, count: int) -> None:
        """Do nothing: `has` has read them."""

    def where(self, name: str) -> Path:
        """Name the file that a cell's shapes are in, for messages."""
        return self.path / STORE

    def _place(self, name: str) -> dict[str, Any]:
        entry = self._entry(name)
        if not entry:
            raise FileError(f"{self.path / STORE} holds no shapes of {name}; predict the cell.")
        return entry

    def _read(self, name: str) -> Arrays:
        """Read all of a cell, and compare it with its checksums."""
        entry = self._place(name)
        key = f"{name} {entry['shapes']}"
        if self._last is not None and self._last[0] == key:
            return self._last[1]
        store = self.path / STORE
        found: Arrays = {}
        for kind, digest in entry["shapes"].items():
            try:
                values = np.asarray(self._arrays[kind][entry["slot"]])
            except Exception as error:  # zarr and its codecs raise many types
                raise FileError(f"{store} is damaged at the cell {name}; {AGAIN}.") from error
            if _digest(values) != digest:
                raise FileError(f"{store} is damaged at the cell {name}; {AGAIN}.")
            found[kind] = values
        self._last = key, found
        return found

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        """The arrays that are there, by what they hold."""
        zarr = zarr_package()
        path = self.path / STORE
        found = {}
        for kind in ("samples", "counts", "probability", "grey"):
            if (path / kind / "zarr.json").is_file():
                with contextlib.suppress(Exception):  # a damaged one is made anew
                    found[kind] = zarr.open_array(_store(path / kind), mode="r+")
        return found

    # Writing

    def plan(self, names: Sequence[str]) -> None:
        """Give cells that are about to be predicted their places.

        Those that have one keep it; the others get the first that are free, in their order.
        """
        slots = {name: entry["slot"] for name in self.cells if (entry := self.cells.get(name))}
        taken = set(slots.values())
        free = (slot for slot in range(len(taken) + len(names)) if slot not in taken)
        for name in names:
            self._slots[name] = slots[name] if name in slots else next(free)
            self._expected.setdefault(self._slots[name] // CELLS_OF_SHARD, set()).add(name)

    def tasks(self, names: Sequence[str], most: int) -> list[list[str]]:
        """Share planned cells out to processes that write at the same time: those of a shard each.

        How many these are does not depend on `most`.
        """
        shards: dict[int, list[str]] = {}
        for name in names:
            shards.setdefault(self._slots[name] // CELLS_OF_SHARD, []).append(name)
        return list(shards.values())

    def slots(self, names: Sequence[str]) -> dict[str, int]:
        """Give the places of planned cells."""
        return {name: self._slots[name] for name in names}

    def accept(self, entries: Mapping[str, Entry]) -> None:
        """Take over the entries of cells whose shapes another process has written.

        It wrote the files of shards alone; what describes the arrays is written here.
        """
        for kind in sorted({kind for entry in entries.values() for kind in entry["shapes"]}):
            slots = [entry["slot"] for entry in entries.values() if kind in entry["shapes"]]
            like = np.empty(*_layout(kind, self.ensemble))
            self._array(kind, like, (max(slots) // CELLS_OF_SHARD + 1) * CELLS_OF_SHARD)
        self.cells.append(entries)

    def write(
        self,
        name: str,
        samples: np.ndarray,
        probability: np.ndarray,
        voxel_size: float | None = None,
        grey: np.ndarray | None = None,
    ) -> None:
        """Refuse: shapes are packed together with what is known of their cells."""
        raise ConfigError("single cells are written as files; leave the store out.")

    def finish(self, name: str, prediction: Prediction | None, entry: dict[str, Any]) -> None:
        """Keep the shapes of a cell, and write them once all of their shard are finished."""
        if prediction is None:
            before = self._place(name)
            self.cells.append({name: {**entry, **{k: before[k] for k in ("slot", "shapes")}}})
            return
        arrays = packed_arrays(prediction)
        slot = self._slots[name]
        entry = {**entry, "slot": slot, "shapes": digests(arrays)}
        path = self.path / PENDING / f"{slot}.npz"
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            about = np.frombuffer(json.dumps([name, entry]).encode(), np.uint8)
            np.savez_compressed(file, **{"about": about, **arrays})  # type: ignore[arg-type]
        self._waiting[name] = slot
        self.leave(name)

    def leave(self, name: str) -> None:
        """Take note that a cell is finished, or that it failed and will not be."""
        shard = self._slots[name] // CELLS_OF_SHARD
        left = self._expected.get(shard, set())
        left.discard(name)
        if not left:
            self._expected.pop(shard, None)
            self._write_shard(shard)

    def flush(self) -> None:
        """Write the shards of all cells that are finished."""
        for shard in sorted({slot // CELLS_OF_SHARD for slot in self._waiting.values()}):
            self._write_shard(shard)

    def recover(self) -> None:
        """Take over what a killed run had finished."""
        folder = self.path / PENDING
        for path in sorted(folder.glob("*.npz")) if folder.is_dir() else ():
            found = _read_pending(path)
            if found is None:
                path.unlink()
            else:
                self._waiting[found[0]] = found[1]["slot"]
        self.flush()
        with contextlib.suppress(OSError):  # it is not there
            folder.rmdir()

    def remove(self, name: str, count: int) -> None:
        """Do nothing: a place is read only where the entry of a cell says so."""

    def _write_shard(self, shard: int) -> None:
        """Write the cells of a shard that wait, then their entries."""
        with self._writing:  # a thread may be at it as an interrupted run ends
            names = [n for n, slot in self._waiting.items() if slot // CELLS_OF_SHARD == shard]
            if not names:
                return
            found = {name: kept for name in names if (kept := self._kept_back(name)) is not None}
            for kind in sorted({kind for _, arrays in found.values() for kind in arrays}):
                chosen = {e["slot"]: arrays[kind] for e, arrays in found.values() if kind in arrays}
                self._write_block(kind, shard * CELLS_OF_SHARD, chosen)
            self.cells.append({name: entry for name, (entry, _) in found.items()})
            self._release(names)

    def _kept_back(self, name: str) -> tuple[Entry, Arrays] | None:
        """Give a cell that waits; None where its file is damaged."""
        read = _read_pending(self._pending(self._waiting[name]))
        return None if read is None else read[1:]

    def _release(self, names: Sequence[str]) -> None:
        """Remove cells that wait no longer."""
        for name in names:
            self._pending(self._waiting.pop(name)).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # there are others
            (self.path / PENDING).rmdir()

    def _write_block(self, kind: str, first: int, chosen: Mapping[int, np.ndarray]) -> None:
        """Write the values of some cells of a shard; those of others in it are kept."""
        array = self._array(kind, next(iter(chosen.values())), first + CELLS_OF_SHARD)
        array[first : first + CELLS_OF_SHARD] = shard_block(first, chosen, array)

    def _array(self, kind: str, like: np.ndarray, length: int) -> Any:
        """Give the array of a kind, made or made longer where it has to be."""
        zarr = zarr_package()
        path = self.path / STORE
        array = self._arrays.get(kind)
        if array is not None and array.shape[1:] == like.shape:
            if array.shape[0] < length:
                array.resize((length, *like.shape))
            return array
        if not (path / "zarr.json").is_file():
            zarr.open_group(_store(path), mode="a", attributes={"dispr": "predicted shapes"})
        if array is None:
            (path / kind / "zarr.json").unlink(missing_ok=True)
        # There may be shards already, of other processes.
        try:
            made = make_array(_store(path / kind), like, length, array is not None)
        except ValueError:  # a call that was interrupted has made it in the meantime
            made = zarr.open_array(_store(path / kind), mode="r+")
        self._arrays[kind] = made
        return made

    def _pending(self, slot: int) -> Path:
        return self.path / PENDING / f"{slot}.npz"


def shard_block(first: int, chosen: Mapping[int, np.ndarray], before: Any) -> np.ndarray:
    """Give the values of all cells of a shard.

    Parameters
    ----------
    first : int
        The first place of the shard.
    chosen : mapping of int to ndarray
        Values of some cells, by their places.
    before : zarr array or None
        Where those of the others are, if they are anywhere.
    """
    like = next(iter(chosen.values()))
    block = np.zeros((CELLS_OF_SHARD, *like.shape), like.dtype)
    slots = range(first, first + CELLS_OF_SHARD)
    if before is not None and len(chosen) < CELLS_OF_SHARD:
        try:
            found = before[slots.start : slots.stop]
            block[: len(found)] = found
        except Exception:  # zarr and its codecs raise many types
            for slot in set(slots) - set(chosen):
                with contextlib.suppress(Exception):  # damaged ones are lost already
                    block[slot - first] = before[slot]
    for slot, values in chosen.items():
        block[slot - first] = values
    return block


def make_array(store: Any, like: np.ndarray, length: int, overwrite: bool = False) -> Any:
    """Make an array of cells in a store of zarr.

    Parameters
    ----------
    store : zarr store
        Where to make it.
    like : ndarray
        The values of a cell.
    length : int
        How many cells there are.
    overwrite : bool
        Remove what is there before.
    """
    zarr = zarr_package()
    axes = (*(("sample",) if like.ndim == 4 else ()), "z", "y", "x")
    return zarr.create_array(
        store,
        shape=(length, *like.shape),
        dtype=like.dtype,
        chunks=(1, *like.shape),
        shards=(CELLS_OF_SHARD, *like.shape),
        compressors=zarr.codecs.ZstdCodec(level=3),
        chunk_key_encoding={"name": "v2", "separator": "."},
        dimension_names=("cell", *axes),
        overwrite=overwrite,
    )


def _layout(kind: str, ensemble: int) -> tuple[tuple[int, ...], Any]:
    """Give the shape and the type of the values of a cell, as `packed_arrays` makes them."""
    return {
        "samples": ((ensemble, *BITS), np.uint8),
        "counts": (SHAPE, np.uint8 if ensemble < 256 else np.uint16),
        "probability": (SHAPE, np.float32),
        "grey": ((ensemble, *SHAPE), np.float32),
    }[kind]


def packed_arrays(prediction: Prediction) -> Arrays:
    """Give the arrays that hold a prediction.

    Returns
    -------
    dict of str to ndarray
        samples, (K, 64, 64, 8) uint8, 8 voxels of X a byte; counts, (64, 64, 64) uint8 or uint16,
        or, where the probability is not the mean of the samples, probability, float32; grey,
        (K, 64, 64, 64) float32, if there is one.
    """
    samples = np.asarray(prediction.samples, bool)
    found: Arrays = {"samples": np.packbits(samples, axis=-1)}
    kind = np.uint8 if len(samples) < 256 else np.uint16
    counts = samples.sum(axis=0, dtype=kind)
    probability = prediction.probability.astype(np.float32)
    if (counts.astype(np.float32) / np.float32(len(samples)) == probability).all():
        found["counts"] = counts
    else:
        found["probability"] = probability
    if prediction.grey is not None:
        found["grey"] = prediction.grey.astype(np.float32)
    return found


def _store(path: Path) -> Any:
    """Give a store of zarr whose files are written as all of ours: whole, and on the disk."""
    from zarr.storage import LocalStore

    class Durable(LocalStore):
        async def set(self, key: str, value: Any) -> None:
            """Write a file."""
            with atomic_path(self.root / key) as temporary:
                temporary.write_bytes(value.to_bytes())

    return Durable(path)


def _read_pending(path: Path) -> tuple[str, dict[str, Any], Arrays] | None:
    """Read a cell that waits; None where its file is damaged."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        name, entry = json.loads(arrays.pop("about").tobytes())
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        return None
    if digests(arrays) != entry.get("shapes"):
        return None
    return name, entry, arrays


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


def digests(arrays: Arrays) -> dict[str, str]:
    """Give the checksums of a cell's arrays, by what they hold."""
    return {kind: _digest(values) for kind, values in arrays.items()}
