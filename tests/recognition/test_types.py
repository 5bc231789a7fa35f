import numpy as np

from dispr.recognition.types import classes_in, sde_score, summed

TYPES = ("-1.00_spherocyte", "0.33_echinocyte_I", "B_keratocytes")
LIKELY = np.array([[0.2, 0.6, 0.2], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])


def test_probabilities_of_types_add_up_to_those_of_classes():
    assert classes_in(TYPES) == ("SDE", "keratocytes")
    np.testing.assert_allclose(summed(LIKELY, TYPES), [[0.8, 0.2], [0, 1], [1, 0]])
    assert classes_in(("SDE", "keratocytes")) == ("SDE", "keratocytes")


def test_the_score_is_that_of_the_types_that_have_one():
    np.testing.assert_allclose(sde_score(LIKELY, TYPES), [(-0.2 + 0.6 * 0.33) / 0.8, np.nan, -1])
    assert np.isnan(sde_score(np.ones((2, 1)), ["B_keratocytes"])).all()
