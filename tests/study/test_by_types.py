import numpy as np

from dispr.study.by_types import ByTypes


def test_a_class_may_have_types_that_look_unlike():
    """Discocytes lie between spherocytes and echinocytes of the same class; keratocytes too."""
    rng = np.random.default_rng(0)
    types = np.repeat(["-1.00_spherocyte", "1.00_echinocyte_III", "B_keratocytes"], 40)
    rows = np.repeat([-2.0, 2.0, 0.0], 40)[:, None] + 0.3 * rng.normal(size=(120, 1))
    fitted = ByTypes().fit(rows, types)
    assert list(fitted.classes_) == ["SDE", "keratocytes"]
    np.testing.assert_array_equal(fitted.predict(rows) == "SDE", types != "B_keratocytes")
    likely = fitted.predict_proba(rows)
    np.testing.assert_allclose(likely.sum(axis=1), 1)
    assert fitted.type_probabilities(rows).shape == (120, 3)


def test_rare_types_count_as_much_as_others():
    rng = np.random.default_rng(1)
    types = np.array(["0.00_discocyte"] * 300 + ["B_keratocytes"] * 10)
    rows = rng.normal(size=(310, 1)) * 0.5 + np.where(types == "B_keratocytes", 1.0, -1.0)[:, None]
    named = ByTypes().fit(rows, types).predict(rows)
    assert (named[300:] == "B_keratocytes").sum() == 0  # classes are named, not types
    assert (named[300:] == "keratocytes").sum() >= 9
