import numpy as np
import pytest

from dispr.recognition import features
from dispr.recognition.features import (
    fingerprint,
    section_features,
    shape_features,
)

BODY = np.zeros((64, 64, 64), bool)
BODY[20:44, 16:48, 22:42] = True
MASK = np.where(BODY[32], 255, 0).astype(np.uint8)
IMAGE = (MASK * 0.5 + 20).astype(np.uint8)


@pytest.mark.parametrize("published", [False, True])
def test_names_do_not_depend_on_the_cell(published):
    shape = shape_features(BODY, published)
    other = shape_features(np.roll(BODY, 3, axis=0) | np.roll(BODY, 5, axis=1), published)
    assert shape.keys() == other.keys()
    assert all(name.startswith("shape_") for name in shape)
    section = section_features(IMAGE, MASK, published)
    assert section.keys() == section_features(255 - IMAGE, np.roll(MASK, 2, 0), published).keys()
    assert all(name.startswith("section_") for name in section)
    assert not shape.keys() & section.keys()


def test_values():
    shape, section = shape_features(BODY), section_features(IMAGE, MASK)
    assert 24 * 32 * 20 in shape.values()
    assert 32 * 20 in section.values()


def test_fingerprint_changes_with_the_measures(monkeypatch):
    before = fingerprint()
    fingerprint.cache_clear()
    assert fingerprint() == before
    fingerprint.cache_clear()
    monkeypatch.setattr(features, "_with_prefix", lambda prefix, features: {prefix: 1.0})
    assert fingerprint() != before
    monkeypatch.undo()
    fingerprint.cache_clear()
