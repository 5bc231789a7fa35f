import numpy as np
import pytest

from dispr.cells.read import Cell
from dispr.scores.baselines import ellipsoid
from dispr.training.compare import baseline_scores, verdict


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[:64, :64] - 32
    return np.where(np.hypot(y, x) <= radius, 255, 0).astype(np.uint8)


def cell(name: str, radius: float, obj: np.ndarray) -> Cell:
    return Cell(name, disc(radius), disc(radius), obj.astype(np.uint8) * 255)


def rod(radius: float, planes: int) -> np.ndarray:
    body = np.zeros((64, 64, 64), bool)
    body[32 - planes // 2 : 32 + planes // 2] = disc(radius) > 127
    return body


def test_baselines_are_scored_on_the_validation_cells():
    training = [cell("a", 10, rod(10, 10)), cell("b", 20, rod(20, 16))]
    validation = [cell("c", 19, rod(20, 8)), cell("d", 10, ellipsoid(disc(10)))]
    found = baseline_scores(training, validation, 2)
    # The cells most alike are b, of twice the height, and a.
    similar = found["most similar training cell"]
    a, truth = rod(10, 10), ellipsoid(disc(10))
    of_a = (a & truth).sum() / (a | truth).sum()
    assert similar["consensus_iou"] == pytest.approx((0.5 + of_a) / 2)
    assert similar["volume_error"] == pytest.approx((1 + abs(a.sum() / truth.sum() - 1)) / 2)
    first = baseline_scores(training, validation, 1)
    assert first["most similar training cell"]["volume_error"] == 1
    second = baseline_scores(training, validation[1:], 1)["ellipsoid"]
    assert second == {"consensus_iou": 1, "volume_error": 0}


def test_verdict_tells_a_model_that_is_no_better():
    baselines = {
        "most similar training cell": {"consensus_iou": 0.6, "volume_error": 0.2},
        "ellipsoid": {"consensus_iou": 0.5, "volume_error": 0.6},
    }
    good = verdict({"consensus_iou": 0.7, "volume_error": 0.1}, baselines, 9)
    assert good == [
        "On 9 validation cells: this model: IoU 0.700, volume error 0.100; most similar training "
        "cell: IoU 0.600, volume error 0.200; ellipsoid: IoU 0.500, volume error 0.600."
    ]
    (_, told) = verdict({"consensus_iou": 0.7, "volume_error": 0.3}, baselines, 9)
    assert told.startswith("The model does not beat the most similar training cell in both")
    (_, told) = verdict({"consensus_iou": 0.4, "volume_error": 0.9}, baselines, 9)
    assert "the most similar training cell and the ellipsoid" in told
