"""Scores of the folds of a study, read back."""

import pytest

from dispr.errors import FileError
from dispr.files import write_csv
from dispr.scores.shape import METRICS
from dispr.study.shape_tables import read_scores

ROW = {"method": "m", "name": "a", "shape": "sample", "class": "SDE", "fold": 1}


@pytest.mark.parametrize("column", ["method", "name", "shape", "class", "fold", METRICS[0]])
def test_tables_without_a_column_are_refused(tmp_path, column):
    row = {**ROW, **dict.fromkeys(METRICS, 0.5)}
    write_csv(tmp_path / "scores.csv", [row])
    assert read_scores(tmp_path / "scores.csv")[0]["fold"] == 1.0
    del row[column]
    write_csv(tmp_path / "scores.csv", [row])
    with pytest.raises(FileError, match=f"lacks the column {column}"):
        read_scores(tmp_path / "scores.csv")
