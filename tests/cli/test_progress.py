import re
import warnings

import pytest

from dispr.cli import progress
from dispr.cli.progress import Bars, counted
from dispr.progress import SILENT


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(progress, "is_terminal", lambda: True)


def test_figures_are_whole_and_never_above_the_total(capsys, terminal):
    with warnings.catch_warnings(), Bars() as bars:
        warnings.simplefilter("error")
        count = bars.counter("Predicting", 3)
        for _ in range(90):
            count(1 / 30)  # adds up to 2.9999999999999996 or so
        count(1e-3)  # more than there is
    text = capsys.readouterr().err
    figures = re.findall(r"\| (\S+)/3 \[", text)
    assert figures[0] == "0"
    assert figures[-1] == "3"
    assert set(figures) <= {"0", "1", "2", "3"}
    assert "<-" not in text


def test_lines_of_work_follow_one_another(capsys, terminal):
    with Bars() as bars:
        bars.show("Predicting", 5 / 3, 3)
        bars.show("Measuring", 2, 2)
    text = capsys.readouterr().err
    assert "Predicting:  56%" in text or "Predicting:   0%" in text
    assert "Measuring" in text


def test_lines_instead_of_bars_where_there_is_no_terminal(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    for _ in counted(range(5), "Making"):
        now[0] += 20
    assert capsys.readouterr().err.splitlines() == [
        "Making: 2 of 5",
        "Making: 4 of 5",
        "Making: 5 of 5",
    ]
    now[0] = 0.0
    assert list(counted(range(5), "Making")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_notes_and_remarks_are_written_as_one_line_each(capsys):
    with Bars() as bars:
        inner = bars.within("fold 3")
        inner.note("pixels are not known.")
        inner.remark("Computing in bf16.")
    assert capsys.readouterr().err.splitlines() == [
        "Note: pixels are not known.",
        "Note: Computing in bf16.",
    ]


def test_remarks_are_no_warnings_of_python(recwarn):
    SILENT.remark("Computing in bf16.")
    assert not recwarn.list
    SILENT.note("pixels are not known.")
    assert len(recwarn.list) == 1
