"""Write whole shards of packed shapes, in a process beside others that write other shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    shard_block,
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

    def _kept_back(self, name: str) -> tuple[Entry, Arrays]:
        """Give a cell that waits."""
        return self._kept[name]

    def _release(self, names: Sequence[str]) -> None:
        """Remove cells that wait no longer."""
        for name in names:
            del self._waiting[name], self._kept[name]

    def _write_block(self, kind: str, first: int, chosen: Mapping[int, np.ndarray]) -> None:
        """Write the file of a shard; other cells that were in it are kept."""
        from zarr.storage import MemoryStore

        like = next(iter(chosen.values()))
        block = shard_block(first, chosen, self._arrays.get(kind))
        content: dict[str, Any] = {}
        make_array(MemoryStore(content), like, packed.CELLS_OF_SHARD)[:] = block
        rest = ".0" * like.ndim
        path = self.path / STORE / kind / f"{first // packed.CELLS_OF_SHARD}{rest}"
        if f"0{rest}" not in content:  # it has zeros alone
            path.unlink(missing_ok=True)
            return
        with atomic_path(path) as temporary:
            temporary.write_bytes(content[f"0{rest}"].to_bytes())
