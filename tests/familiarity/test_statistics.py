import dataclasses
import json

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from dispr.cells.folder import find_cells
from dispr.cells.read import read_cell
from dispr.errors import ArrayError, ConfigError, FileError
from dispr.familiarity.reference import (
    familiarity_of,
    load_familiarity,
    save_familiarity,
    score_inputs,
    warning,
)
from dispr.familiarity.statistics import ALARM, fit_familiarity, from_dict, shrunk_covariance
from dispr.familiarity.traits import TRAITS, describe_all
from dispr.model.seen import digest_of
from dispr.model.shipped import shipped_weights
from dispr.simulation.cell import simulate
from dispr.simulation.wrong import wrong_inputs

TYPES = ("0.00_discocyte", "-1.00_spherocyte", "0.33_echinocyte_I")


def sections(count, seed):
    cells = list(simulate(count, seed=seed, types=TYPES))
    return (
        np.stack([cell.image for cell in cells]),
        np.stack([cell.mask for cell in cells]),
        [cell.name for cell in cells],
    )


@pytest.fixture(scope="module")
def reference():
    return fit_familiarity(*sections(120, 0))


@pytest.fixture(scope="module")
def others():
    return sections(45, 1)[:2]


def test_cells_of_the_same_kind_are_familiar(reference, others):
    scores = reference.score_inputs(*others)
    assert scores.shape == (45,)
    assert (scores >= 0).all()
    assert (scores <= 1).all()
    assert (scores < ALARM).mean() <= 0.07
    # Few training cells judge each other a little more severely than they judge new ones.
    assert 0.3 < np.median(scores) < 0.85


@pytest.mark.parametrize(
    "kind",
    [
        "text",
        "inverted image",
        "half the scale",
        "1.6 times the scale",
        "mask moved",
        "noise",
        "nothing to see",
        "out of focus",
        "all as mask",
    ],
)
def test_wrong_inputs_are_noticed(reference, others, kind):
    scores = reference.score_inputs(*wrong_inputs(*others)[kind])
    assert (scores < ALARM).mean() > 0.9


def test_the_warning_says_what_is_odd(reference, others):
    images, masks = others
    assert reference.warning(images[0], masks[0]) == ""
    wrong = wrong_inputs(images, masks)
    said = reference.warning(*(pair[0] for pair in wrong["inverted image"]))
    assert said.startswith("More unusual than")
    assert "does not darken outwards" in said
    small = reference.warning(*(pair[0] for pair in wrong["half the scale"]))
    assert "the margin around the cell is wider" in small
    # A sentence is given exactly where the score is below the alarm.
    for image, mask in zip(*wrong["another cell's mask"], strict=True):
        alarm = reference.score_inputs(image, mask)[0] < ALARM
        assert bool(reference.warning(image, mask)) == alarm


def test_any_form_of_input(reference, others):
    images, masks = others
    scores = reference.score_inputs(images, masks)
    assert reference.score_inputs(images[3], masks[3]).tolist() == [scores[3]]
    assert reference.score_inputs(images[3], masks[3] > 127).tolist() == [scores[3]]
    with pytest.raises(ArrayError):
        reference.score_inputs(images, masks[:3])


def test_statistics_survive_a_file(reference, others, tmp_path):
    save_familiarity(tmp_path / "f.json", reference)
    again = load_familiarity(tmp_path / "f.json")
    np.testing.assert_allclose(
        again.score_inputs(*others), reference.score_inputs(*others), atol=0.01
    )
    assert (again.cells, again.digest) == (reference.cells, reference.digest)
    assert (tmp_path / "f.json").stat().st_size < 20_000


def test_simulated_cells_can_be_familiar_too(reference, others, tmp_path):
    images, masks = others
    darker = fit_familiarity(*[np.concatenate([a, a]) for a in (255 - images, masks)])
    both = dataclasses.replace(reference, also=darker)
    assert (reference.score_inputs(255 - images, masks) < ALARM).all()
    assert (both.score_inputs(255 - images, masks) < ALARM).mean() < 0.2
    np.testing.assert_array_less(
        reference.score_inputs(images, masks) - 1e-9, both.score_inputs(images, masks)
    )
    save_familiarity(tmp_path / "f.json", both)
    again = load_familiarity(tmp_path / "f.json")
    assert again.also is not None
    assert again.also.cells == 90


def test_shipped_statistics_do_not_warn_of_simulated_cells():
    cells = list(simulate(60, seed=4))
    scores = score_inputs(
        np.stack([cell.image for cell in cells]), np.stack([cell.mask for cell in cells])
    )
    assert (scores < ALARM).mean() <= 0.07


def test_the_order_of_cells_does_not_matter():
    images, masks, names = sections(60, 3)
    order = np.random.default_rng(0).permutation(60)
    fitted = fit_familiarity(images, masks, names)
    other = fit_familiarity(images[order], masks[order], [names[i] for i in order])
    np.testing.assert_allclose(fitted.oddness, other.oddness)
    assert fitted.digest == other.digest


def test_statistics_of_a_model(reference):
    names = ["a", "b"]
    assert familiarity_of({"training_cells": names}) is None
    assert familiarity_of({}) is None
    assert familiarity_of({"familiarity": {"of": "another version"}}) is None
    found = familiarity_of({"familiarity": json.loads(json.dumps(reference.to_dict()))})
    assert found is not None
    assert found.cells == 120
    assert digest_of(names) == digest_of(names[::-1]) != digest_of(["ab"])


def test_shipped_statistics_are_those_of_the_shipped_weights(others):
    from safetensors import safe_open

    with safe_open(shipped_weights()[0], framework="np") as file:
        about = json.loads(file.metadata()["about"])
    assert familiarity_of(about) is not None
    assert familiarity_of({**about, "training_cells": about["training_cells"][1:]}) is None
    images, masks = others
    assert score_inputs(images, masks).shape == (45,)
    assert "darken" in warning(255 - images[0], masks[0])


def test_too_few_cells(others):
    with pytest.raises(ConfigError, match="45 training cells are too few"):
        fit_familiarity(*others)


def test_bad_files(reference, tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        load_familiarity(tmp_path / "f.json")
    (tmp_path / "f.json").write_text("{}")
    with pytest.raises(FileError, match="fit them again"):
        load_familiarity(tmp_path / "f.json")
    with pytest.raises(ConfigError, match="from another version"):
        from_dict({**reference.to_dict(), "traits": ["size"]})


def test_covariance_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6))
    np.testing.assert_allclose(shrunk_covariance(rows), ledoit_wolf(rows)[0])
    assert (shrunk_covariance(np.ones((5, 3))) == 0).all()


def test_looks_can_be_shared(reference, others):
    looks = describe_all(*others)
    assert looks.shape == (45, len(TRAITS))
    np.testing.assert_array_equal(reference.score_looks(looks), reference.score_inputs(*others))
    assert reference.warning_of(looks[0]) == reference.warning(others[0][0], others[1][0])


@pytest.mark.reference
def test_real_cells(real_cells):
    cells = [read_cell(dataclasses.replace(f, obj=None)) for f in find_cells(real_cells, "test")]
    images = np.stack([cell.image for cell in cells])
    masks = np.stack([cell.mask for cell in cells])
    assert (score_inputs(images, masks) < ALARM).mean() < 0.08
    expected = {"nucleus": 0.8, "text": 0.95, "inverted image": 0.95, "another cell's mask": 0.9}
    wrong = wrong_inputs(images[:60], masks[:60])
    for kind, share in expected.items():
        assert (score_inputs(*wrong[kind]) < ALARM).mean() > share, kind
