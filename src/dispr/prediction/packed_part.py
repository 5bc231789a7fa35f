"""Write whole shards of packed shapes, in a process beside others that write other shards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dispr.files import atomic_path
from dispr.journal import Entry
from dispr.prediction import packed
from dispr.prediction.packed import (
    STORE,
    Arrays,
    PackedShapes,
    digests,
    make_array,
    packed_arrays,
)

if TYPE_CHECKING:
    from dispr.prediction.prediction import Prediction


class PackedPart(PackedShapes):
    """Shapes of some shards, which nobody else writes to.

    Cells wait in memory until all of their shard are finished. What describes the arrays is left to
    the process that accepts the entries (`PackedShapes.accept`).
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], cells: Any) -> None:
        super().__init__(path, settings, cells)
        self._kept: dict[str, tuple[Entry, Arrays]] = {}

    def finish(self, name: str, prediction: Prediction | None, entry: dict[str, Any]) -> None:
        """Keep the shapes of a cell, and write them once all of their shard are finished."""
        assert prediction is not None
        arrays, slot = packed_arrays(prediction), self._slots[name]
        self._kept[name] = {**entry, "slot": slot, "shapes": digests(arrays)}, arrays
        self._waiting[name] = slot
        self.leave(name)

    def _write_shard(self, shard: int) -> None:
        names = [n for n, slot in self._waiting.items() if slot // packed.CELLS_OF_SHARD == shard]
        found = {name: self._kept[name] for name in names}
        for kind in sorted({kind for _, arrays in found.values() for kind in arrays}):
            chosen = {e["slot"]: a[kind] for e, a in found.values() if kind in a}
            self._write_block(kind, shard * packed.CELLS_OF_SHARD, chosen)
        self.cells.append({name: entry for name, (entry, _) in found.items()})
        for name in names:
            del self._waiting[name], self._kept[name]

    def _write_block(self, kind: str, first: int, chosen: Mapping[int, np.ndarray]) -> None:
        """Write the file of a shard; other cells that were in it are kept."""
        from zarr.storage import MemoryStore

        like, last = next(iter(chosen.values())), first + packed.CELLS_OF_SHARD
        block = np.zeros((packed.CELLS_OF_SHARD, *like.shape), like.dtype)
        before = self._arrays.get(kind)
        if len(chosen) < packed.CELLS_OF_SHARD and before is not None and len(before) >= last:
            block[:] = before[first:last]
        for slot, values in chosen.items():
            block[slot - first] = values
        content: dict[str, Any] = {}
        make_array(MemoryStore(content), like, packed.CELLS_OF_SHARD)[:] = block
        rest = ".0" * like.ndim
        path = self.path / STORE / kind / f"{first // packed.CELLS_OF_SHARD}{rest}"
        if f"0{rest}" not in content:  # it has zeros alone
            path.unlink(missing_ok=True)
            return
        with atomic_path(path) as temporary:
            temporary.write_bytes(content[f"0{rest}"].to_bytes())
