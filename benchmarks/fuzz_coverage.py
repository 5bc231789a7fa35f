"""Search for files that readers cannot cope with, led by the code that each file reaches.

    pip install atheris
    python benchmarks/fuzz_coverage.py TIFF -max_total_time=60

Atheris is no dependency of the project. The first argument is a reader of `fuzz_readers.py` that
has a builder in `hostile_files.py`; the others are options of libFuzzer. What a reader does beside
reading or refusing a file ends the search, and the input is kept (`crash-...`).
"""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dispr", "tifffile"]):
    from fuzz_readers import make, readers
    from hostile_files import build

    from dispr.errors import DisprError


class Consumed:
    """Choices that Atheris makes."""

    def __init__(self, content: bytes) -> None:
        self.provider = atheris.FuzzedDataProvider(content)

    def whole(self, low: int, high: int) -> int:
        """Give a whole number from `low` to `high`."""
        return int(self.provider.ConsumeIntInRange(low, high))


def main() -> None:
    """Search for one reader until libFuzzer's own limits."""
    name = sys.argv.pop(1)
    warnings.simplefilter("ignore")
    logging.disable()
    room = Path(tempfile.mkdtemp())
    make(room)
    reader = readers(room)[name]
    folder = room / "read"
    folder.mkdir()
    path = folder / reader.file

    def one(content: bytes) -> None:
        built = build(name, Consumed(content), reader.valid[0])
        path.write_bytes(content if built is None else built)
        with contextlib.suppress(DisprError):
            reader.read(path)

    # As many choices as a file takes, from the beginning.
    atheris.Setup([sys.argv[0], "-len_control=0", "-max_len=4000", *sys.argv[1:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
