import errno
import shutil
from pathlib import Path

import pytest

from dispr.cli.main import cli
from dispr.cli.report import report_fields, report_prediction
from dispr.errors import WorkerError, write_error
from dispr.report import write as report_writer
from dispr.scores.evaluate import evaluate


def run(*arguments):
    cli.main([*map(str, arguments)], standalone_mode=False)


@pytest.fixture
def prediction(study, tmp_path):
    """A prediction of one cell."""
    name = "E_acanthocytes000003"
    for kind in ("samples", "probability"):
        (tmp_path / "out" / kind).mkdir(parents=True)
        for path in (study / "predictions" / kind).glob(f"{name}*"):
            shutil.copy(path, tmp_path / "out" / kind)
    return tmp_path / "out"


def test_evaluate_writes_a_report_with_its_scores(prediction, study, tmp_path, capsys):
    command = ["evaluate", prediction, study / "cells", "-o", tmp_path / "m.csv", "--jobs", 1]
    run(*command, "--no-report")
    assert not list(tmp_path.glob("*.html"))
    run(*command)
    assert "m_report.html" in capsys.readouterr().out
    text = (tmp_path / "m_report.html").read_text("utf-8")
    assert '"shape":"cylinder"' in text  # the baselines were not scored again
    summary = evaluate(prediction, study / "cells", jobs=1).summary()
    assert f'"iou_mean":{summary[0]["iou_mean"]:.5g}' in text


def test_predictions_have_a_report(prediction, study, capsys):
    report_prediction(prediction, study / "cells")
    assert (prediction / "report.html").is_file()
    assert "Report of 1 cell:" in capsys.readouterr().out


def test_what_keeps_a_report_is_no_error(prediction, study, tmp_path, capsys):
    """A damaged object, which no prediction needs."""
    shutil.copytree(study / "cells", tmp_path / "cells")
    for path in (tmp_path / "cells" / "obj").iterdir():
        path.write_bytes(b"no TIFF")
    report_prediction(prediction, tmp_path / "cells")
    told = capsys.readouterr().err
    assert "No report was written" in told
    assert "cannot be read as TIFF" in told
    assert not (prediction / "report.html").exists()


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("try_in_processes", WorkerError("a worker process was killed.")),
        ("atomic_path", write_error(Path("report.html"), OSError(errno.ENOSPC, ""))),
    ],
)
def test_a_report_that_cannot_be_written_is_an_error(prediction, study, monkeypatch, where, error):
    """Run again, once there is memory or space, the command writes it."""

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(report_writer, where, fail)
        with pytest.raises(type(error), match="the shapes are written, but no report of them: "):
            report_prediction(prediction, study / "cells")
    assert not (prediction / "report.html").exists()
    report_prediction(prediction, study / "cells")
    assert (prediction / "report.html").is_file()


def test_each_field_has_a_report(prediction, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(prediction, tmp_path / "fields" / name)
    (tmp_path / "fields" / "cells.csv").write_text("name\n")
    report_fields(tmp_path / "fields")
    report_fields(prediction)
    assert len(list((tmp_path / "fields").glob("*/report.html"))) == 2
    assert (prediction / "report.html").is_file()
