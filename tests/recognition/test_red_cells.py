"""The classes of red blood cells by the shipped classifier."""

import numpy as np
import pytest

from dispr.cells.classes import CLASSES
from dispr.prediction.model import load
from dispr.recognition.calibration import UNSURE
from dispr.recognition.features import fingerprint
from dispr.recognition.red_cells import COLUMNS, are_red_cells, recognise, red_cell_classifier
from dispr.simulation.cell import simulate_cell


def test_it_was_fitted_to_what_is_measured_now():
    kept = red_cell_classifier()
    assert (kept.source, kept.classifier) == ("outline", "linear")
    assert set(kept.classes) == set(CLASSES)
    assert kept.measures == fingerprint()


def test_none_of_its_cells_is_held_out_of_the_model():
    """Test cells of the model are test cells of the classifier."""
    about = load().about
    model = {*about["training_cells"], *about.get("validation_cells", ())}
    assert set(about["training_cells"]) <= set(red_cell_classifier().names)
    assert len(red_cell_classifier().names) < 1.2 * len(model)


@pytest.mark.parametrize(
    ("kind", "name", "score", "least"),
    [
        ("-1.00_spherocyte", "SDE", -0.65, 10),
        ("0.00_discocyte", "SDE", -0.15, 9),
        ("1.00_echinocyte_III", "SDE", 0.7, 4),
        ("A_cell_clusters", "cell_clusters", None, 0),
    ],
)
def test_simulated_cells_of_a_kind(kind, name, score, least):
    """Simulated cells are not what it was fitted to: few are named wrongly, many not at all."""
    told = []
    for i in range(12):
        cell = simulate_cell(kind, seed=5, index=i)
        told.append(recognise(cell.image, cell.mask))
    assert all(tuple(one) == COLUMNS for one in told)
    named = [one for one in told if one["predicted_class"] != UNSURE]
    right = [one for one in named if one["predicted_class"] == name]
    assert len(right) >= least
    assert len(named) - len(right) <= 2
    assert all(one["class_probability"] >= 0.8 for one in named)
    assert all(one["class_probability"] < 0.8 for one in told if one not in named)
    if score is not None:
        assert np.median([one["sde_score"] for one in right]) == pytest.approx(score, abs=0.3)


def test_only_models_of_red_cells_name_classes():
    assert are_red_cells(["0.00_discocyte000001"] * 9 + ["other"])
    assert not are_red_cells(["0.00_discocyte000001"] * 8 + ["other"] * 2)
    assert not are_red_cells(["nucleus_1", "nucleus_2"])
    assert not are_red_cells([])
    model = load()
    assert model.names_classes
    cell = simulate_cell("0.00_discocyte", seed=5, index=0)
    assert model.recognise(cell.image, cell.mask, "") == recognise(cell.image, cell.mask)
    assert set(model.recognise(cell.image, cell.mask, "Odd.").values()) == {""}
