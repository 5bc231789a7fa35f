"""Stacks that fail, and those that several machines cut: nothing lost, doubled or different."""

import csv
import shutil

import numpy as np
import pytest

from dispr.cli.main import cli
from dispr.errors import ConfigError, FileError
from dispr.files import write_tiff
from dispr.labelled.stack import folder as stacks_folder
from dispr.labelled.stack.folder import prepared
from dispr.labelled.stack.gather import _check_numbers
from dispr.labelled.stack.plan import StackSettings

SPACING = (0.5, 0.25, 0.25)
TYPES = {("a", 1): "bean", ("a", 2): "pea", ("b", 1): "bean", ("c", 2): "bean", ("e", 1): "pea"}
OPTIONS = ("--labels", "labels/*.tif", "--frame", "8", "--test-fraction", "0.4")


def run(*arguments):
    return cli.main([str(a) for a in arguments], standalone_mode=False) or 0


def write_stack(folder, name, seed):
    """Write a stack of two bodies of sizes of their own, and of a scrap at the border."""
    labels = np.zeros((16, 36, 60), np.uint8)
    z, y, x = np.ogrid[:16, :36, :60]
    for label, middle in ((1, 18), (2, 42)):
        radius = 8 + (seed + label) % 4
        away = ((z - 8) * 2) ** 2 + (y - 18) ** 2 + (x - middle) ** 2
        labels[away < radius**2] = label
    labels[:4, :3, :3] = 5
    light = np.random.default_rng(seed).integers(20, 60, labels.shape, np.uint8)
    write_tiff(folder / f"{name}.tif", light + (labels > 0) * np.uint8(120), SPACING)
    write_tiff(folder / "labels" / f"{name}.tif", labels, SPACING)


@pytest.fixture
def stacks(tmp_path):
    """Five stacks, and the types of some cells, whose numbers depend on those before them."""
    folder = tmp_path / "stacks"
    for seed, name in enumerate("abcde"):
        write_stack(folder, name, seed)
    lines = [f"{stack},{label},{kind}" for (stack, label), kind in TYPES.items()]
    (folder / "classes.csv").write_text("\n".join(["stack,label,type", *lines]))
    return folder


def command(stacks, out):
    return ("prepare", stacks, "-o", out, "--classes", stacks / "classes.csv", *OPTIONS)


def files_of(out):
    """Give the files of a data set but for checksums, whose order depends on that of writing."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name != "dispr_checksums.txt"
    }


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_parts_are_joined_to_what_one_machine_prepares(stacks, tmp_path):
    assert run(*command(stacks, tmp_path / "whole")) == 0
    whole = files_of(tmp_path / "whole")
    assert len(whole) == 5 * 2 * 3 + 2
    for i in (3, 2, 1):
        part = ("--shard", f"{i}/3")
        assert run(*command(stacks, tmp_path / "parts" / str(i)), *part) == 0
    shard = files_of(tmp_path / "parts" / "1")
    assert 0 < len(shard) < len(whole)
    assert {n: c for n, c in shard.items() if n.endswith("tif")}.items() <= whole.items()
    assert run("gather", tmp_path / "parts") == 0
    assert run("gather", tmp_path / "parts", "-o", tmp_path / "all") == 0
    assert files_of(tmp_path / "all") == whole
    # Each goes on from the other, and there is nothing left to do.
    assert run(*command(stacks, tmp_path / "all")) == 0
    assert run("gather", tmp_path / "whole") == 0
    assert files_of(tmp_path / "all") == whole


def test_parts_that_are_missing_or_there_twice_are_named(stacks, tmp_path):
    parts = [tmp_path / "parts" / str(i) for i in (1, 2, 3)]
    for i, part in enumerate(parts, 1):
        run(*command(stacks, part), "--shard", f"{i}/3")
    with pytest.raises(FileError, match=r"b, e: stacks are missing: there is no shard 2/3"):
        run("gather", parts[0], parts[2])
    shutil.copytree(parts[1], tmp_path / "again")
    with pytest.raises(FileError, match=r"b \(.*\), e \(.*\): stacks are there twice"):
        run("gather", *parts, tmp_path / "again")
    with pytest.raises(ConfigError, match="named twice"):
        run("gather", *parts, parts[1])
    with pytest.raises(ConfigError, match="shard was 2/3 and is now 1/1"):
        run(*command(stacks, parts[1]))
    with pytest.raises(ConfigError, match=r"the shard 6/6 has no stacks: there are 5"):
        run(*command(stacks, tmp_path / "six"), "--shard", "6/6")
    run(*command(stacks, tmp_path / "seed"), "--shard", "2/3", "--seed", 1)
    with pytest.raises(ConfigError, match=r"settings\.seed was 0 and is now 1"):
        run("gather", parts[0], tmp_path / "seed", parts[2])
    with pytest.raises(ConfigError, match="--store does not apply"):
        run("gather", *parts, "--store", "zarr")
    next(parts[1].rglob("image/e_000002.tif")).unlink()
    with pytest.raises(FileError, match=r"e_000002: cell is missing in .*2; run dispr prepare"):
        run("gather", *parts)
    run(*command(stacks, parts[1]), "--shard", "2/3")
    assert run("gather", *parts) == 0
    lines = (parts[1] / "manifest.csv").read_text().splitlines(keepends=True)
    (parts[1] / "dispr_checksums.txt").unlink()
    (parts[1] / "manifest.csv").write_text("".join(lines[:-2]))
    with pytest.raises(FileError, match=r"stack e of .*2 is not finished \(1 of 3 labels\)"):
        run("gather", *parts)


def test_stacks_that_cannot_be_read_are_listed(stacks, tmp_path, capsys):
    damaged = stacks / "labels" / "b.tif"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:300])
    (stacks / "c.tif").write_bytes((stacks / "c.tif").read_bytes()[:-400])
    (stacks / "labels" / "d.tif").unlink()
    with pytest.raises(FileError, match=r"d\.tif does not exist"):
        run(*command(stacks, tmp_path / "strict"), "--strict")
    assert not (tmp_path / "strict").exists()
    out = tmp_path / "out"
    for _ in range(2):
        assert run(*command(stacks, out)) == 3
        assert "3 stacks failed" in capsys.readouterr().err
        failed = {row["name"]: row for row in table(out / "failures.csv")}
        assert list(failed) == ["b", "c", "d"]
        assert failed["b"]["file"] == str(damaged)
        assert "cannot be read as TIFF" in failed["c"]["reason"]
    rows = table(out / "manifest.csv")
    assert {row["stack"] for row in rows} == {"a", "e"}
    assert {row["name"] for row in rows if row["name"]} == {
        *("bean000001", "pea000001", "pea000003", "e_000002")
    }
    for i in (1, 2):
        assert run(*command(stacks, tmp_path / "parts" / str(i)), "--shard", f"{i}/2") == 3
    assert run("gather", tmp_path / "parts", "-o", tmp_path / "all") == 3
    assert files_of(tmp_path / "all") == files_of(out)
    # With it, the frame, the split and the numbers may be others.
    damaged.write_bytes(whole)
    with pytest.raises(ConfigError, match="different stacks"):
        run(*command(stacks, out))


def test_no_stack_can_be_read(stacks, tmp_path):
    for path in (stacks / "labels").iterdir():
        path.write_bytes(b"no TIFF")
    with pytest.raises(FileError, match=r"a\.tif cannot be read .* \(All 5 failed\.\)"):
        run(*command(stacks, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_stack_that_fails_halfway_leaves_no_cell(stacks, tmp_path, monkeypatch):
    cut = stacks_folder.cut_cell

    def short_of_memory(name, *rest):
        if name == "b_000002":
            raise MemoryError
        return cut(name, *rest)

    monkeypatch.setattr(stacks_folder, "cut_cell", short_of_memory)
    assert run(*command(stacks, tmp_path / "out")) == 3
    (failure,) = table(tmp_path / "out" / "failures.csv")
    assert (failure["name"], "memory" in failure["reason"]) == ("b", True)
    rows = table(tmp_path / "out" / "manifest.csv")
    assert {row["stack"] for row in rows} == set("acde")
    names = {row["name"] for row in rows if row["name"]}
    for kind in ("obj", "image", "mask"):
        assert {path.stem for path in (tmp_path / "out").glob(f"*/{kind}/*")} == names
    # Given more memory, the same command cuts it.
    monkeypatch.setattr(stacks_folder, "cut_cell", cut)
    assert run(*command(stacks, tmp_path / "out")) == 0
    assert run(*command(stacks, tmp_path / "whole")) == 0
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


def test_a_full_disk_is_no_failure_of_a_stack(stacks, tmp_path, monkeypatch):
    from dispr.errors import write_error

    def full(path, *_):
        raise write_error(path, OSError(28, ""))

    monkeypatch.setattr(stacks_folder, "write_tiff", full)
    with pytest.raises(FileError, match="the disk is full"):
        run(*command(stacks, tmp_path / "out"))


def test_numbers_of_machines_that_could_not_read_the_same_are_refused(
    stacks, tmp_path, monkeypatch
):
    run(*command(stacks, tmp_path / "parts" / "1"), "--shard", "1/2")
    read = stacks_folder.read_image

    def unreadable(path, *rest):
        if path.name == "a.tif":
            raise FileError(f"{path} cannot be read.")
        return read(path, *rest)

    monkeypatch.setattr(stacks_folder, "read_image", unreadable)
    run(*command(stacks, tmp_path / "parts" / "2"), "--shard", "2/2")
    with pytest.raises(FileError, match=r"bean000001 \(.*1 and .*2\): cell is there twice"):
        run("gather", tmp_path / "parts")
    where = {"a": tmp_path / "1", "b": tmp_path / "2"}
    _check_numbers(where, {"a": ["bean000001", "bean000002"], "b": ["bean000004"]})
    with pytest.raises(FileError, match="cells of the type bean of b in"):
        _check_numbers(where, {"a": ["bean000001", "bean000002"], "b": ["bean000003"]})


def test_rows_are_taken_up_from_what_a_killed_run_left(stacks, tmp_path):
    """The table is written at the end; until then its rows are in a journal."""
    from dispr.labelled.find import find_fields

    fields = find_fields(stacks, labels="labels/*.tif")
    settings = StackSettings(frame=8)
    with prepared(fields, tmp_path / "out", settings) as (rows, _):
        (tmp_path / "out" / "manifest.csv").unlink()  # as where it was not written yet
        kept = (tmp_path / "out" / "manifest.csv.part").read_bytes()
        assert len(rows) == 15
    (tmp_path / "out" / "manifest.csv.part").write_bytes(kept[: 2 * len(kept) // 3])
    with prepared(fields, tmp_path / "out", settings) as (rows, _):
        assert len(rows) == 15
    assert len(table(tmp_path / "out" / "manifest.csv")) == 15
    assert not (tmp_path / "out" / "manifest.csv.part").exists()
