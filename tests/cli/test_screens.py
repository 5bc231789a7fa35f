"""Many cells, some of which fail, on one machine or several: what the commands say and leave."""

import csv
import json
import os
import shutil

import pytest

from dispr.cli.main import cli
from dispr.prediction.files import PredictionFolder
from dispr.simulation.folder import simulate_folder

FAST = ("--ensemble", "1", "--sampling-steps", "2", "--no-report")


def run(*arguments):
    return cli.main([str(a) for a in arguments], standalone_mode=False) or 0


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """Six cells, of which the second has a damaged mask and the fifth none."""
    folder = tmp_path_factory.mktemp("screen") / "cells"
    simulate_folder(folder, 6, types=["0.00_discocyte"], test_fraction=0)
    (folder / "dispr_checksums.txt").unlink()
    masks = sorted((folder / "train" / "mask").iterdir())
    masks[1].write_bytes(masks[1].read_bytes()[:150])
    masks[4].unlink()
    return folder


@pytest.fixture(scope="module")
def whole(six):
    out = six.parent / "whole"
    assert run("predict", six, "-o", out, *FAST) == 3
    return out


def names_of(folder):
    return [cell.stem for cell in sorted((folder / "train" / "image").iterdir())]


def failures(path):
    with open(path, newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_cells_that_fail_do_not_stop_the_others(six, whole, capsys):
    names = names_of(six)
    assert PredictionFolder(whole).names() == [names[k] for k in (0, 2, 3, 5)]
    found = failures(whole / "failures.csv")
    assert sorted(found) == [names[1], names[4]]
    assert found[names[1]]["file"].endswith(f"{names[1]}.tif")
    assert "does not exist" in found[names[4]]["reason"]
    assert run("predict", six, "-o", whole, *FAST) == 3
    assert "2 cells failed" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_to_nothing_are_not_left_out_in_silence(six, tmp_path):
    from dispr.errors import FileError

    cells = tmp_path / "cells"
    shutil.copytree(six, cells)
    for kind in ("image", "mask"):
        (cells / "train" / kind / "far.tif").symlink_to(tmp_path / "nowhere.tif")
    with pytest.raises(FileError, match=r"far\.tif is a link"):
        run("predict", cells, "-o", tmp_path / "out", *FAST)


def test_strict_runs_stop_before_anything_is_computed(six, tmp_path):
    from dispr.errors import FileError

    with pytest.raises(FileError, match="does not exist"):
        run("predict", six, "-o", tmp_path / "out", *FAST, "--strict")
    assert not (tmp_path / "out").exists()


def test_measures_meshes_and_reports_leave_out_what_fails(whole, tmp_path):
    predictions = tmp_path / "predictions"
    shutil.copytree(whole, predictions)
    names = PredictionFolder(predictions).names()
    path = predictions / "samples" / f"{names[1]}_0.tif"
    path.write_bytes(path.read_bytes()[:200])
    assert run("measure", predictions, "-o", tmp_path / "m.csv", "--jobs", 1) == 3
    assert list(failures(tmp_path / "m_failures.csv")) == [names[1]]
    assert len(failures(tmp_path / "m.csv")) == 3
    assert run("mesh", predictions, "-o", tmp_path / "meshes") == 3
    assert list(failures(tmp_path / "meshes" / "failures.csv")) == [names[1]]
    assert len(list((tmp_path / "meshes").glob("*.stl"))) == 3
    assert run("report", predictions, "-o", tmp_path / "r.html", "--jobs", 1) == 3
    assert list(failures(tmp_path / "r_failures.csv")) == [names[1]]
    shutil.copy(whole / "samples" / path.name, path)
    assert run("measure", predictions, "-o", tmp_path / "m.csv", "--jobs", 1) == 0
    assert not (tmp_path / "m_failures.csv").exists()


@pytest.fixture(scope="module")
def shards(six, whole):
    folders = [six.parent / "parts" / str(i) for i in (1, 2, 3)]
    for i, folder in enumerate(folders, 1):
        run("predict", six, "-o", folder, *FAST, "--shard", f"{i}/3")
    return folders


def test_shards_are_joined_to_what_one_machine_predicts(shards, whole, tmp_path):
    assert run("gather", shards[0].parent, "-o", tmp_path / "all") == 3
    for part in ("samples/*.tif", "probability/*.tif", "predictions.csv", "failures.csv"):
        for path in whole.glob(part):
            assert (tmp_path / "all" / path.relative_to(whole)).read_bytes() == path.read_bytes()
    assert len(list(tmp_path.glob("all/samples/*.tif"))) == 4


def test_packed_shapes_that_were_damaged_are_joined_anew(shards, tmp_path):
    pytest.importorskip("zarr", minversion="3")
    command = ("gather", shards[0].parent, "-o", tmp_path, "--store", "zarr")
    assert run(*command) == 3
    before = (tmp_path / "cells.jsonl").read_bytes()
    (tmp_path / "shapes.zarr" / "samples" / "0.0.0.0.0").write_bytes(b"")
    assert run(*command) == 3
    assert (tmp_path / "cells.jsonl").read_bytes() == before
    drawn = PredictionFolder(tmp_path)
    assert len([drawn.samples(name) for name in drawn.names()]) == 4


def test_cells_that_are_missing_or_there_twice_are_named(six, shards, tmp_path):
    from dispr.errors import ConfigError, FileError

    here = {i: PredictionFolder(folder).names() for i, folder in enumerate(shards)}
    with pytest.raises(FileError, match="there is no shard 3/3") as error:
        run("gather", *shards[:2])
    assert all(name in str(error.value) for name in here[2])
    shutil.copytree(shards[0], tmp_path / "again")
    with pytest.raises(FileError, match="there twice") as error:
        run("gather", *shards, tmp_path / "again")
    assert all(name in str(error.value) for name in here[0])
    with pytest.raises(ConfigError, match="named twice"):
        run("gather", *shards, shards[1])
    run("predict", six, "-o", tmp_path / "seed", *FAST, "--shard", "3/3", "--seed", 1)
    with pytest.raises(ConfigError, match="seed was 0 and is now 1"):
        run("gather", *shards[:2], tmp_path / "seed")


def test_shards_without_cells_and_those_that_are_none(six, tmp_path):
    import click

    from dispr.errors import ConfigError

    with pytest.raises(ConfigError, match="use fewer"):
        run("predict", six, "-o", tmp_path / "out", *FAST, "--shard", "9/9")
    for wrong in ("0/3", "4/3", "1", "a/b"):
        with pytest.raises((ConfigError, click.ClickException)):
            run("predict", six, "-o", tmp_path / "out", *FAST, "--shard", wrong)


def test_tables_of_shards_are_joined(whole, tmp_path, capsys):
    from dispr.errors import FileError

    run("measure", whole, "-o", tmp_path / "whole.csv", "--jobs", 1)
    parts = [tmp_path / f"part_{i}.csv" for i in (1, 2)]
    for i, part in enumerate(parts, 1):
        assert run("measure", whole, "-o", part, "--jobs", 1, "--shard", f"{i}/2") == 0
    assert run("gather", *parts, "-o", tmp_path / "all.csv") == 0
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    with pytest.raises(FileError, match="there is no shard 2/2"):
        run("gather", parts[0])
    with pytest.raises(FileError, match="leave one out"):
        run("gather", *parts, parts[1])


def test_tables_of_shards_in_parquet_are_joined(whole, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    from dispr.errors import ConfigError, FileError

    tables = [tmp_path / f"{name}.parquet" for name in ("whole", "part_1", "part_2")]
    run("measure", whole, "-o", tables[0], "--jobs", 1)
    for i in (1, 2):
        run("measure", whole, "-o", tables[i], "--jobs", 1, "--shard", f"{i}/2")
    assert run("gather", *tables[1:], "-o", tmp_path / "all.parquet") == 0
    assert pq.read_table(tmp_path / "all.parquet").equals(pq.read_table(tables[0]))
    with pytest.raises(ConfigError, match="are of two formats"):
        run("gather", *tables[1:], "-o", tmp_path / "all.csv")
    with pytest.raises(FileError, match="is a file; name folders"):
        run("gather", tables[1], whole)
    tables[1].write_bytes(tables[1].read_bytes()[:-9])
    with pytest.raises(FileError, match="is damaged, or no Parquet file; measure it again"):
        run("gather", *tables[1:])


def test_tables_of_other_shapes_are_refused(six, whole, tmp_path):
    from dispr.errors import ConfigError

    run("predict", six, "-o", tmp_path / "other", *FAST, "--seed", 1)
    for i, folder in enumerate((whole, tmp_path / "other"), 1):
        run("measure", folder, "-o", tmp_path / f"{i}.csv", "--jobs", 1, "--shard", f"{i}/2")
    with pytest.raises(ConfigError, match="predicted with other settings or weights"):
        run("gather", tmp_path / "1.csv", tmp_path / "2.csv")


def test_results_are_json(whole, six, tmp_path, capsys):
    assert run("predict", six, "-o", whole, *FAST, "--json") == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["cells"], said["failed"]) == (4, 2)
