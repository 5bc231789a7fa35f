import os
import signal
import subprocess
import sys
import time

import pytest

from dispr.errors import WorkerError
from dispr.processes import map_in_processes

PARENT = """
import os, sys, time
from dispr.errors import WorkerError
from dispr.processes import map_in_processes

if __name__ == "__main__":
    list(map_in_processes(time.sleep, [0, 0, 60, 60], 2))
"""


def test_results_are_in_the_order_of_the_tasks():
    assert list(map_in_processes(abs, [-3, 2, -1], 2)) == [3, 2, 1]


def _end_like_for_lack_of_memory(task):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_worker_that_is_killed_is_told():
    with pytest.raises(WorkerError, match="worker process was killed"):
        list(map_in_processes(_end_like_for_lack_of_memory, range(4), 2))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")])
    children = _wait(lambda: _children(parent.pid), lambda found: len(found) == 2)
    time.sleep(1)  # until both are at work
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    left = _wait(lambda: [pid for pid in children if _runs(pid)], lambda found: not found)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert children
    assert not left


def _wait(look, enough):
    for _ in range(200):
        found = look()
        if enough(found):
            break
        time.sleep(0.1)
    return found


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
