import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

from dispr.errors import DisprError, DisprWarning
from dispr.memory import Room, is_out_of_memory


def full(count):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def room(**more):
    return Room("shapes", "use another device", **more)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("Allocation failed"),
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((2**40,), np.dtype(np.uint8)),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate "
            "memory: you tried to allocate 4398046511104 bytes. Error code 12"
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("upsample_nearest3d only supports output tensors with less than INT_MAX"
                     " elements"),
    ],
)  # fmt: skip
def test_out_of_memory_is_told(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not match"), ValueError("CUDA out of memory"), KeyError()]
)
def test_other_errors_are_not_out_of_memory(error):
    assert not is_out_of_memory(error)
    with pytest.raises(type(error)):
        room().fit(4, lambda count: (_ for _ in ()).throw(error))


def test_what_the_processor_really_says():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_fewer_at_once_and_one_warning():
    tried = []

    def compute(start, stop):
        tried.append(stop - start)
        if stop - start > 3:
            full(stop - start)
        return list(range(start, stop))

    kept = room()
    with pytest.warns(DisprWarning, match="12 shapes at once; from now on, 3 or fewer") as warned:
        parts = list(kept.parts(20, 12, compute))
    assert [number for part in parts for number in part] == list(range(20))
    assert [one.category for one in warned].count(DisprWarning) == 1
    assert tried == [12, 6, 3, 3, 3, 3, 3, 3, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [len(part) for part in kept.parts(7, 12, compute)] == [3, 3, 1]
    assert tried[9:] == [3, 3, 1]


def test_parts_are_computed_when_they_are_asked_for():
    done = []
    parts = room().parts(6, 2, lambda start, stop: done.append(stop) or stop)
    assert done == []
    assert next(parts) == 2
    assert done == [2]


def test_even_one_is_too_many():
    with pytest.raises(DisprError, match="not enough memory for 1 of the shapes at once; use"):
        room().fit(4, full)


def test_what_cannot_be_parted_is_refused():
    tried = []

    def compute(count):
        tried.append(count)
        full(count)

    with pytest.raises(DisprError, match="for 4 of the shapes at once, and it is whole; use"):
        room(whole="it is whole").fit(4, compute)
    assert tried == [4]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does")
def test_a_real_limit_of_memory():
    code = """
import resource, warnings, torch
from dispr.memory import Room
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 2**29,) * 2)
parts = Room("rows", "").parts(8, 8, lambda a, b: torch.ones(b - a, 2**25).sum().item())
print(sum(parts) / 2**25)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "8.0", done.stderr
    assert done.stderr.count("not enough memory") == 1
