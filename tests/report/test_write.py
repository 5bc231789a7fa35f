import json
import os
import re
import shutil

import numpy as np
import pytest

from dispr.cli.main import cli
from dispr.errors import FileError
from dispr.files import read_tiff, write_csv
from dispr.intervals.ensemble import measure_ensemble
from dispr.intervals.rules import Rule
from dispr.measurements.folder import measure_items, write_record
from dispr.measurements.inputs import find_items
from dispr.morphology.shape import measure
from dispr.prediction.files import PredictionFolder
from dispr.report.write import write_report
from dispr.scores.shape import binarise, iou

SCRIPT = re.compile(r'<script type="application/json" id="([^"]*)">(.*?)</script>', re.DOTALL)


def content(path):
    """Give what a page holds: the report and the cells."""
    found = {name: json.loads(text) for name, text in SCRIPT.findall(path.read_text("utf-8"))}
    cells = {name[5:]: body for name, body in found.items() if name.startswith("cell:")}
    return found["report"], cells


def test_measures_and_scores(study, report):
    shared, cells = content(report)
    name = "B_keratocytes000002"
    samples = PredictionFolder(study / "predictions").samples(name)
    probability = PredictionFolder(study / "predictions").probability(name)
    truth = binarise(read_tiff(study / "cells" / "obj" / f"{name}.tif"))
    row = measure_ensemble(probability > 0.5, samples, (0.172,) * 3)
    at = [feature["name"] for feature in shared["features"]].index("surface")
    value, low, high, mean, true = cells[name]["measures"][at]
    assert value == pytest.approx(row["surface_um2"], rel=1e-4)
    assert low == pytest.approx(row["surface_min_um2"], rel=1e-4)
    assert high == pytest.approx(row["surface_max_um2"], rel=1e-4)
    assert mean == pytest.approx(row["surface_mean_um2"], rel=1e-4)
    assert true == pytest.approx(measure(truth, 0.172)["surface_um2"], rel=1e-4)
    assert cells[name]["ellipsoid"] == pytest.approx(20000 * 0.172**3, rel=1e-4)
    index = next(cell for cell in shared["cells"] if cell["name"] == name)
    assert index["iou"][0] == pytest.approx(iou(probability > 0.5, truth), abs=1e-4)
    assert index["iou"][2] == 1.0  # one sample is the truth
    assert index["edge"] == pytest.approx(0.172)
    assert "</script>" in index["warning"]
    # It has a warning, and so the range of its samples alone.
    assert index["main"][0][1] == pytest.approx(row["volume_min_um3"], rel=1e-4)
    assert index["main"][0][2] == pytest.approx(row["volume_max_um3"], rel=1e-4)
    assert index["calibrated"] == "none"
    # The interval of the volume of another, in um3.
    other = next(cell for cell in shared["cells"] if not cell["warning"])
    drawn = PredictionFolder(study / "predictions").samples(other["name"])
    low, high = Rule(2.0, 0.1, log=True).interval(drawn.sum(axis=(1, 2, 3)) * 0.172**3)
    assert other["main"][0][1:3] == pytest.approx([low, high], rel=1e-3)
    assert other["calibrated"] == "volume"
    shapes = [row["shape"] for row in shared["scores"]["summary"]]
    assert shapes == ["single samples", "consensus", "best of N"]
    assert shared["scores"]["intervals"][0]["held"] == pytest.approx(2 / 3, abs=1e-4)


def test_small_and_whole(report):
    _, cells = content(report)
    assert len(cells) == 3
    assert all(len(json.dumps(body)) < 60_000 for body in cells.values())
    text = report.read_text("utf-8")
    # Nothing of it is elsewhere: the only addresses are names of formats.
    assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(?:script|img|link)[^>]+(?:src|href)=\"(?!data:)", text)


def test_pages(many):
    assert [path.name for path in many] == ["many.html", "many_2.html", "many_3.html"]
    for number, path in enumerate(many):
        shared, cells = content(path)
        assert shared["page"] == number
        assert len(shared["cells"]) == 3  # all of them can be found on each page
        assert [cell["page"] for cell in shared["cells"]] == [0, 1, 2]
        assert len(cells) == 1


def test_a_shorter_report_leaves_no_further_pages(study, tmp_path):
    out = tmp_path / "r.html"
    foreign = tmp_path / "r_4.html"
    foreign.write_text("<title>Mine</title>")
    write_report(study / "predictions", study / "cells", out, jobs=1, page_bytes=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "r.html",
        "r_2.html",
        "r_3.html",
        "r_4.html",
    ]
    write_report(study / "predictions", study / "cells", out, jobs=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r_4.html"]


def test_without_data_and_size(study, tmp_path):
    name = "a b#%&'\""
    samples = np.zeros((1, 64, 64, 64), bool)
    samples[0, 20:40, 20:40, 20:40] = True
    PredictionFolder(tmp_path / "p").write(name, samples, np.where(samples[0], 0.9, 0.2))
    done = write_report(tmp_path / "p", None, tmp_path / "r.html", jobs=1)
    assert (done.cells, done.truths, done.sections) == (1, 0, 0)
    shared, _ = content(tmp_path / "r.html")
    (cell,) = shared["cells"]
    assert (cell["name"], cell["edge"], cell["unit"]) == (name, None, "voxel")
    assert cell["iou"] is None
    assert cell["main"][0] == [8000, None, None, None]
    assert shared["scores"] is None


def test_field_of_view(study, tmp_path):
    """The crops of a field are found; lengths are in its pixels where these have no size."""
    out = tmp_path / "field"
    for i in (1, 2):
        body = np.zeros((1, 64, 64, 64), bool)
        body[0, 20:40, 20:40, 20:40] = True
        PredictionFolder(out).write(f"cell_{i}", body, body[0].astype(float))
        for kind in ("image", "mask"):
            source = next((study / "cells" / kind).iterdir())
            target = out / "cells" / kind / f"cell_{i}.tif"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    rows = [
        {"name": "cell_1", "voxel_px": 1.5, "x_px": 70, "y_px": 9, "warning": "On the border."},
        {"name": "cell_2", "voxel_px": 3.0, "warning": ""},
    ]
    write_csv(out / "cells.csv", rows)
    assert write_report(out, None, out / "report.html", jobs=1).sections == 2
    first, second = content(out / "report.html")[0]["cells"]
    assert (first["unit"], first["edge"], second["edge"]) == ("px", 1.5, 3.0)
    assert first["main"][0][0] == pytest.approx(8000 * 1.5**3)
    assert second["main"][0][0] == pytest.approx(8000 * 3**3)
    assert first["warning"] == "On the border."
    assert (first["place"], second["place"]) == ([70, 9], None)


def test_measures_at_hand_are_used(study, tmp_path):
    """Those that are of these shapes, and not those from before them."""
    folder = tmp_path / "p"
    one = shutil.ignore_patterns("B_*", "E_*")
    shutil.copytree(study / "predictions", folder, ignore=one)
    table = folder / "measurements.csv"
    items = find_items(folder)
    rows = measure_items(items, table, jobs=1)
    write_csv(table, [{**row, "surface_um2": 12.5, "calibrated": "all"} for row in rows])
    write_record(folder, items)

    def surface():
        write_report(folder, None, tmp_path / "r.html", jobs=1)
        cell = content(tmp_path / "r.html")[0]["cells"][0]
        return cell["main"][1][0], cell["calibrated"]

    assert surface() == (12.5, "all")
    others = {"surface_um2": 12.5, "voxel_x_um": 0.3, "calibrated": "all"}
    write_csv(table, [{**row, **others} for row in rows])
    value, calibrated = surface()
    assert calibrated == "volume"
    assert value == pytest.approx(rows[0]["surface_um2"], rel=1e-4)  # of other voxels
    write_csv(table, [{**row, "surface_um2": 12.5} for row in rows])
    for path in items[0].paths:
        os.utime(path)
    assert surface()[0] == 12.5  # newer, but the same
    samples = PredictionFolder(folder).samples(items[0].name)
    samples[0] = samples[1]
    PredictionFolder(folder).write(items[0].name, samples, samples.mean(0), 0.172)
    assert surface()[0] != 12.5  # of other shapes


def test_empty_shape(tmp_path):
    samples = np.zeros((2, 64, 64, 64), bool)
    PredictionFolder(tmp_path / "p").write("a", samples, samples.mean(0))
    write_report(tmp_path / "p", None, tmp_path / "r.html", jobs=1)
    (cell,) = content(tmp_path / "r.html")[0]["cells"]
    assert cell["main"][0][0] == 0


def run(*arguments):
    cli.main(["report", *map(str, arguments)], standalone_mode=False)


def test_command(study, tmp_path, capsys):
    run(study / "predictions", "-o", tmp_path / "r.html", "--jobs", 1)
    told = "".join(capsys.readouterr())
    assert "Report of 3 cells" in told
    assert "give the data set that was predicted" in told
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


def test_command_refuses(study, tmp_path):
    with pytest.raises(FileError, match=r"must end in \.html"):
        run(study / "predictions", "-o", tmp_path / "r.pdf")
    with pytest.raises(FileError, match="no predictions"):
        run(study / "cells", "-o", tmp_path / "r.html")
    with pytest.raises(FileError, match="does not exist"):
        run(study / "predictions", tmp_path / "none", "-o", tmp_path / "r.html")
    other = tmp_path / "other"
    (other / "image").mkdir(parents=True)
    (other / "mask").mkdir()
    for kind in ("image", "mask"):
        source = next((study / "cells" / kind).iterdir())
        (other / kind / "else.tif").write_bytes(source.read_bytes())
    with pytest.raises(FileError, match="contains none of the cells"):
        run(study / "predictions", other, "-o", tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
