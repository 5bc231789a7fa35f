"""Out of memory: tell it from other errors, and go on with fewer things at once."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import TypeVar

from dispr.errors import DisprError, DisprWarning

Result = TypeVar("Result")

SAID = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "DefaultCPUAllocator: not enough memory",
    "DefaultCPUAllocator: can't allocate memory",
    "std::bad_alloc",
    # More values in an array than some kernels can count.
    "INT_MAX elements",
    "32-bit index math",
)
"""What torch says where the memory is full, or an array has become too long."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell that an error would not have come up with fewer things at once."""
    if isinstance(error, MemoryError):
        return True
    # torch.OutOfMemoryError, without importing torch.
    named = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)
    said = isinstance(error, RuntimeError) and any(words in str(error) for words in SAID)
    return named or said


class Room:
    """How many things are computed at once: fewer, and fewer again, where the memory is full.

    What was found is kept, so that memory runs out once.

    Parameters
    ----------
    what : str
        What is computed, in the plural.
    remedy : str
        What a user can do where it does not fit.
    result : str
        What becomes of the result where fewer are computed at once.
    whole : str
        Why it cannot be fewer; empty where it can.
    """

    def __init__(
        self, what: str, remedy: str, result: str = "with the same result", whole: str = ""
    ) -> None:
        self.what, self.remedy, self.result, self.whole = what, remedy, result, whole
        self.most: int | None = None
        """Most that were found to fit; None as long as all did."""

    def fit(self, asked: int, compute: Callable[[int], Result]) -> Result:
        """Compute so many things at once, or half as many, a quarter, and so on.

        Parameters
        ----------
        asked : int
            How many, at most.
        compute : callable
            Computes as many as it is given, and can begin anew after an error.

        Warns
        -----
        DisprWarning
            If it became fewer for the first time, once that is done.

        Raises
        ------
        DisprError
            If the memory does not suffice for one, or for all where it cannot be fewer.
        """
        count = first = min(asked, self.most or asked)
        while True:
            try:
                result = compute(count)
                break
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if count == 1 or self.whole:
                    why = f", and {self.whole}" if self.whole and count > 1 else ""
                    raise DisprError(
                        f"There is not enough memory for {count} of the {self.what} at once{why}; "
                        f"{self.remedy}."
                    ) from error
            # Not in the block above, in which the error still holds all that was computed.
            count = (count + 1) // 2
            release()
        if count < first:
            before, self.most = self.most, count
        if count < first and before is None:
            warnings.warn(
                f"There is not enough memory for {first} {self.what} at once; from now on, "
                f"{count} or fewer are computed at once, {self.result}.",
                DisprWarning,
                stacklevel=2,
            )
        return result

    def parts(
        self, total: int, asked: int, compute: Callable[[int, int], Result]
    ) -> Iterator[Result]:
        """Compute things part after part, each as soon as it is asked for.

        Parameters
        ----------
        total : int
            How many there are.
        asked : int
            How many to compute at once, at most.
        compute : callable
            Computes those from one number to before another, and can begin anew after an error.

        Yields
        ------
        object
            What `compute` gave.
        """
        start = 0
        while start < total:

            def count_in(count: int, start: int = start) -> tuple[int, Result]:
                return start + count, compute(start, start + count)

            start, result = self.fit(min(asked, total - start), count_in)
            yield result


def release() -> None:
    """Give memory back that nothing uses any more."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
