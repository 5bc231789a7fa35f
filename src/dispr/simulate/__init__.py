"""Cells made up: analytic shapes, seen through a simulated microscope."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from dispr.simulate.cell import SimulatedCell, simulate, simulate_cell
from dispr.simulate.folder import simulate_folder

__all__ = ["SimulatedCell", "simulate", "simulate_cell", "simulate_folder"]


class _Callable(ModuleType):
    """Python lets `dispr.simulate` name this package once it is imported: it is called alike."""

    def __call__(self, *arguments: Any, **settings: Any) -> Iterator[SimulatedCell]:
        return simulate(*arguments, **settings)


sys.modules[__name__].__class__ = _Callable
