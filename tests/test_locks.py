import os
import signal
import subprocess
import sys
import time

import pytest

from dispr.errors import ConfigError, FileError
from dispr.files import HALF_WRITTEN, atomic_path, sweep
from dispr.locks import hold

HOLDER = """
import sys, time
from dispr.files import atomic_folder, atomic_path
from dispr.locks import hold
out = sys.argv[1]
with hold(out), atomic_path(out + "/table.csv") as path, atomic_folder(out + "/a.zarr") as folder:
    path.write_text("half")
    (folder / "0").write_text("half")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_and_told_who_holds_it(holder, tmp_path):
    told = f"in use by process {holder.pid} on .* since"
    with pytest.raises(ConfigError, match=told), hold(tmp_path / "out"):
        pass
    assert holder.poll() is None


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_lock_ends_with_its_process_and_what_it_left_is_swept(holder, tmp_path):
    out = tmp_path / "out"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    left = sorted(p.suffix for p in out.iterdir() if p.name.startswith(HALF_WRITTEN))
    assert left == [".csv", ".zarr"]
    (out / "mine.csv").write_text("")
    with hold(out):
        assert not [p.name for p in out.iterdir() if p.name.startswith(HALF_WRITTEN)]
    assert [path.name for path in out.iterdir()] == ["mine.csv"]


def test_the_same_process_may_hold_it_again(tmp_path):
    with hold(tmp_path / "out"), hold(tmp_path / "out"):
        (tmp_path / "out" / "a").write_text("")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_nothing_is_left_where_nothing_was_written(tmp_path):
    with hold(tmp_path / "a" / "b"):
        pass
    assert not (tmp_path / "a").exists()
    with hold(tmp_path / "table.csv", folder=False):
        pass
    assert not list(tmp_path.iterdir())


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(FileError, match="name a folder"), hold(tmp_path / "out"):
        pass


def test_files_of_the_living_and_of_other_computers_are_left(tmp_path):
    with atomic_path(tmp_path / "a.csv") as mine:
        theirs = tmp_path / f"{HALF_WRITTEN}1-ffffff-x.csv"
        old = tmp_path / f"{HALF_WRITTEN}x.csv"
        for path in (mine, theirs, old):
            path.write_text("")
        os.utime(old, (time.time() - 10**6,) * 2)
        sweep(tmp_path)
        assert mine.exists()
        assert theirs.exists()
        assert not old.exists()
