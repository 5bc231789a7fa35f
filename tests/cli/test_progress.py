import re
import warnings

from dispr.cli.progress import Bars


def test_figures_are_whole_and_never_above_the_total(capsys):
    with warnings.catch_warnings(), Bars("cells") as bars:
        warnings.simplefilter("error")
        count = bars.counter(3)
        for _ in range(90):
            count(1 / 30)  # adds up to 2.9999999999999996 or so
        count(1e-3)  # more than there is
    text = capsys.readouterr().err
    figures = re.findall(r"\| (\S+)/3 cells \[", text)
    assert figures[0] == "0"
    assert figures[-1] == "3"
    assert set(figures) <= {"0", "1", "2", "3"}
    assert "<-" not in text


def test_lines_of_work_follow_one_another(capsys):
    with Bars() as bars:
        bars.show("Predicting", 5 / 3, 3)
        bars.show("Measuring", 2, 2)
    text = capsys.readouterr().err
    assert "Predicting:  56%" in text or "Predicting:   0%" in text
    assert "Measuring" in text
