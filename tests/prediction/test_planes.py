import dataclasses

import numpy as np
import pytest
import torch
from small import CASCADE, randomise
from torch.nn.functional import avg_pool3d

from dispr.cells.folder import find_cells
from dispr.cells.prepare import condition_tensor
from dispr.errors import ArrayError, ConfigError, FileError
from dispr.files import write_tiff
from dispr.intervals.distance import plane_distance
from dispr.intervals.known import Errors, Known
from dispr.intervals.rules import intervals_from
from dispr.measurements.inputs import find_items, with_intervals
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network
from dispr.network.cascade import SURE
from dispr.network.network import Holds
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import SECTIONS_ALONE, predict_folder
from dispr.prediction.model import Model
from dispr.prediction.planes import hold_planes, numbered_planes, outline_depths
from dispr.prediction.settings import PredictionSettings
from dispr.training.presets import get_preset

FAST = get_preset("fast").model
SMALL = dataclasses.replace(CASCADE, planes=True)


def random_model(config: ModelConfig, about: dict | None = None) -> Model:
    return Model(config, randomise(build_network(config)), about)


@pytest.fixture(scope="module")
def model():
    return random_model(dataclasses.replace(FAST, network=SMALL))


def disc(radius: float, size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size / 2
    return np.hypot(y, 0.7 * x) < radius


@pytest.fixture(scope="module")
def cell():
    mask = disc(20)
    return np.where(mask, 120, 30).astype(np.uint8), mask


def test_known_planes_stand_in_every_sample_and_in_the_consensus(model, cell):
    planes = {20: disc(9), 44: disc(14), 3: disc(0)}
    found = model.predict(*cell, ensemble=3, planes=planes)
    for shape in (*found.samples, found.consensus):
        assert (shape[32] == cell[1]).all()
        for number, plane in planes.items():
            assert (shape[number] == plane).all()
    alone = model.predict(*cell, ensemble=3)
    assert (alone.samples[:, 32] == cell[1]).all()
    assert (alone.samples[:, 20] != planes[20]).any()


def test_heights_are_taken_to_the_nearest_plane_above_or_below_the_section(model, cell):
    by_height = model.predict(*cell, pixel_size=0.2, heights_um={2.45: disc(14), -1.0: disc(9)})
    by_number = model.predict(*cell, pixel_size=0.2, planes={44: disc(14), 27: disc(9)})
    assert (by_height.samples == by_number.samples).all()


def test_planes_are_framed_as_their_section(cell):
    frame = {"pixel_um": 0.172, "cells": "discs", "least": 20, "typical": 40, "most": 60}
    model = random_model(dataclasses.replace(FAST, network=SMALL), {"frame": frame})
    large = [np.pad(array, ((30, 6), (11, 25))) for array in (*cell, disc(9))]
    found = model.predict(*large[:2], pixel_size=0.172, planes={40: large[2]})
    square = found.square
    assert square.edge == 64
    shift = 30 - square.y, 11 - square.x
    assert (found.consensus[40] == np.roll(disc(9), shift, (0, 1))).all()
    assert (found.consensus[32] == np.roll(cell[1], shift, (0, 1))).all()


def test_a_batch_takes_planes_of_each_cell(model, cell):
    images, masks = (np.stack([array, array]) for array in cell)
    known, plain = model.predict(images, masks, ensemble=1, planes=[{40: disc(5)}, {}])
    assert (known.samples[0, 40] == disc(5)).all()
    single = model.predict(*cell, ensemble=1)
    assert (plain.samples == single.samples).all()


@pytest.mark.parametrize(
    ("planes", "heights", "size", "message"),
    [
        ({32: 1}, None, None, "plane 32 is the section"),
        ({64: 1}, None, None, "plane 64 is outside the grid of the cell"),
        (None, {-7.0: 1}, 0.2, "plane -3 is outside the grid"),
        ({40: 1}, {1.6: 1}, 0.2, "two masks are given for plane 40"),
        (None, {1.6: 1}, None, "require the pixel size"),
        (None, {"top": 1}, 0.2, 'must be a number of um, not "top"'),
        ({1.5: 1}, None, None, "must be a whole number"),
        ([1], None, None, "planes must map heights to masks"),
    ],
)
def test_wrong_planes_are_refused(planes, heights, size, message):
    with pytest.raises(ConfigError, match=message):
        numbered_planes(planes, heights, size)


def test_planes_of_another_size_are_refused(model, cell):
    with pytest.raises(ArrayError, match="the mask of plane 40 has the shape"):
        model.predict(*cell, planes={40: np.ones((32, 32), bool)})
    with pytest.raises(ConfigError, match="must be a sequence of 1 mappings"):
        model.predict(cell[0][None], cell[1][None], planes={40: cell[1]})


def test_weights_that_see_the_section_alone_keep_known_planes_too(cell):
    blind = random_model(
        dataclasses.replace(FAST, network=dataclasses.replace(SMALL, planes=False))
    )
    found = blind.predict(*cell, ensemble=2, planes={40: disc(9)})
    assert (found.samples[:, 40] == disc(9)).all()
    assert (found.samples[:, 32] == cell[1]).all()
    assert (found.consensus[40] == disc(9)).all()


def test_weights_that_are_given_the_section_only_are_moved_to_other_planes(cell):
    config = dataclasses.replace(FAST, network=dataclasses.replace(SMALL, section_only=True))
    model = random_model(config)
    assert not model.config.network.sees_planes
    alone = model.predict(*cell, ensemble=1).samples[0]
    assert (alone[32] == cell[1]).all()
    planes = {40: disc(9), 20: disc(12)}
    (held,) = model.predict(*cell, ensemble=1, planes=planes).samples
    for number, plane in {32: cell[1], **planes}.items():
        assert (held[number] == plane).all()
    assert (held != alone).any()


def test_a_follower_changes_the_shapes_of_cells_with_further_planes_alone(cell):
    plain = dataclasses.replace(SMALL, section_only=True)
    following = dataclasses.replace(plain, follower_channels=32)
    model = random_model(dataclasses.replace(FAST, network=following))
    state = model.network.state_dict()
    network = build_network(dataclasses.replace(FAST, network=plain))
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    other = Model(dataclasses.replace(FAST, network=network.config), network)
    planes = {40: disc(9), 20: disc(12)}
    images, masks = (np.stack([array, array.T.copy()]) for array in cell)
    ours, beside = model.predict(images, masks, ensemble=2, planes=[planes, {}])
    theirs, alone = other.predict(images, masks, ensemble=2, planes=[planes, {}])
    assert (beside.samples == alone.samples).all()
    assert (ours.samples != theirs.samples).any()
    for number, plane in {32: cell[1], **planes}.items():
        assert (ours.samples[:, number] == plane).all()


@pytest.mark.parametrize("planes", [False, True], ids=["refiner", "leaner refiner"])
def test_further_planes_guide_what_is_drawn(cell, planes):
    """Each answer of the denoiser is moved by what the shape made of it lacks of the planes."""
    config = dataclasses.replace(
        FAST, network=dataclasses.replace(SMALL, planes=planes, section_only=planes)
    )
    network = random_model(config).network
    condition = condition_tensor(*(torch.from_numpy(array)[None] for array in cell))
    given = network.given(condition.repeat(2, 1, 1, 1))
    x, t = torch.zeros(2, 1, 8, 8, 8), torch.tensor([3, 3])
    moved = []

    def hold(shapes):
        moved.append(shapes)
        fuller = shapes.clone()
        fuller[:, 40:48] = True
        return fuller

    guided = given.guided(Holds(torch.tensor([True, False]), hold))
    with torch.inference_mode():
        before, after = torch.sigmoid(given(x, t)), torch.sigmoid(guided(x, t))
        expected = given.refine(before)[:, 0] > 0
    assert (moved[0] == expected).all()
    assert (after[1] == before[1]).all()  # a cell without further planes
    lacking = avg_pool3d(1 - expected[:1, 40:48].float(), 8)[0, 0]
    found = after[0, 0, 5]
    assert (lacking > 0).any()
    torch.testing.assert_close(found, (before[0, 0, 5] + lacking).clamp(SURE, 1 - SURE))
    others = [0, 1, 2, 3, 4, 6, 7]
    torch.testing.assert_close(after[0, 0, others], before[0, 0, others].clamp(SURE, 1 - SURE))


def test_a_cell_does_not_depend_on_planes_of_others_in_its_batch(cell):
    config = dataclasses.replace(FAST, network=dataclasses.replace(SMALL, section_only=True))
    model = random_model(config)
    images, masks = (np.stack([array, array.T.copy()]) for array in cell)
    _, alone = model.predict(images, masks, ensemble=2)
    guided, beside = model.predict(images, masks, ensemble=2, planes=[{40: disc(5)}, {}])
    assert (beside.samples == alone.samples).all()
    assert (guided.samples[:, 40] == disc(5)).all()


def radii(shape):
    return np.sqrt(shape.sum(axis=(1, 2)) / np.pi * 0.7)


def test_planes_beside_a_known_one_follow_it():
    rod = np.broadcast_to(disc(14), (64, 64, 64))
    held = hold_planes(rod, {32: disc(18)})
    moved = radii(held) - radii(rod)
    assert (held[32] == disc(18)).all()
    assert moved[32:43] == pytest.approx(np.linspace(4, 0, 11), abs=0.35)
    assert moved[22:32] == pytest.approx(moved[42:32:-1])
    assert (held[[*range(23), *range(42, 64)]] == disc(14)).all()


def test_between_two_known_planes_the_shape_goes_from_one_to_the_other():
    rod = np.broadcast_to(disc(14), (64, 64, 64))
    held = hold_planes(rod, {4: disc(14), 32: disc(14), 48: disc(20), 63: disc(0)})
    assert radii(held)[32:49] == pytest.approx(np.linspace(14, 20, 17), abs=0.35)
    assert not held[63].any()
    assert (held[:32] == rod[:32]).all()


def test_planes_beyond_the_last_known_one_follow_it_further():
    rod = np.broadcast_to(disc(14), (64, 64, 64))
    held = hold_planes(rod, {26: disc(14), 32: disc(14), 36: disc(18)})
    moved = radii(held) - radii(rod)
    assert moved[36:61] == pytest.approx(np.linspace(4, 0, 25), abs=0.35)
    assert (held[:32] == rod[:32]).all()


def test_a_shape_is_not_prolonged_far_beyond_its_end():
    body = np.broadcast_to(disc(14), (64, 64, 64)).copy()
    body[44:] = False
    held = hold_planes(body, {20: disc(14), 32: disc(14), 46: disc(12)})
    assert held[46:50].any(axis=(1, 2)).all()
    assert not held[51:].any()


@pytest.mark.parametrize("side", [1, -1])
def test_where_one_half_is_larger_than_drawn_the_other_is_smaller(side):
    rod = np.broadcast_to(disc(14), (64, 64, 64))
    moved = radii(hold_planes(rod, {32: disc(14), 32 + 8 * side: disc(18)})) - radii(rod)
    heights = 32 + side * np.arange(31)
    assert moved[heights[:9]] == pytest.approx(np.linspace(0, 4, 9), abs=0.35)
    assert moved[heights[8:]] == pytest.approx(4 * (1 - np.arange(23) / 24), abs=0.35)
    share = 0.7 * (1 - np.arange(31) / 24).clip(0)
    assert moved[64 - heights] == pytest.approx(-moved[heights] * share, abs=0.35)


def test_a_shape_that_has_its_planes_stays_as_it_is():
    shape = np.random.default_rng(0).random((64, 64, 64)) > 0.5
    assert (hold_planes(shape, {z: shape[z] for z in (10, 32, 40)}) == shape).all()


@pytest.fixture
def folder(tmp_path, cell):
    """Two cells, and planes of the first."""
    for name in ("a", "b"):
        for kind, array in zip(("image", "mask"), cell, strict=True):
            write_tiff(tmp_path / "cells" / kind / f"{name}.tif", array.astype(np.uint8))
    for radius in (9, 14):
        write_tiff(tmp_path / "cells" / "planes" / f"{radius}.tif", disc(radius).astype(np.uint8))
    table = "name;mask;height_um\na;planes/9.tif;-1,0\na;planes/14.tif;2.45\n"
    (tmp_path / "cells" / "planes.csv").write_text(table)
    return tmp_path / "cells"


def predicted(model, folder, out, **options):
    rows = predict_folder(
        model, find_cells(folder), out, PredictionSettings(ensemble=2, pixel_size=0.2), **options
    )
    return rows, PredictionFolder(out).samples("a") > 0, PredictionFolder(out).samples("b") > 0


def test_planes_of_a_folder_are_kept_by_its_shapes(model, cell, folder, tmp_path):
    rows, a, b = predicted(model, folder, tmp_path / "out")
    planes = {27: disc(9), 44: disc(14)}
    assert (a == model.predict(*cell, ensemble=2, pixel_size=0.2, planes=planes).samples).all()
    assert (b == model.predict(*cell, ensemble=2, pixel_size=0.2).samples).all()
    assert [row["sections"] for row in rows] == [3, 1]
    consensus = PredictionFolder(tmp_path / "out").probability("a") > 0.5
    distance = plane_distance(consensus, [27, 32, 44])
    assert [row["plane_distance"] for row in rows] == [distance, ""]
    assert 0 < distance < 1


def test_the_depths_of_a_shape_can_be_given(cell):
    shape = np.random.default_rng(0).random((64, 64, 64)) > 0.5
    for planes in ({32: cell[1]}, {3: disc(9), 40: disc(14)}):
        held = hold_planes(shape, planes, outline_depths(shape))
        assert (held == hold_planes(shape, planes)).all()


def made_intervals(further):
    """Intervals of the volume, ten times as narrow where further planes are known."""
    names, values = tuple(f"{i}" for i in range(20)), (1.0,) * 20

    def known(factor):
        residuals = tuple(factor * value for value in np.linspace(0.1, 2, 20))
        errors = {2: {"volume": Errors(0.1, 1.0, True, residuals)}}
        return Known(names, tuple(range(20)), {"volume": values}, {"volume": values}, errors)

    return intervals_from(known(1), further={1.0: known(0.1)} if further else {})


def test_cells_with_further_planes_have_intervals_of_their_own(model, folder, tmp_path):
    about = {"intervals": made_intervals(further=True).to_dict()}
    calibrated = Model(model.config, model.network, about)
    out = tmp_path / "out"
    (a, b), of_a, of_b = predicted(calibrated, folder, out)
    for row, samples, scale in ((a, of_a, 0.2), (b, of_b, 2.0)):
        logs = np.log(samples.sum(axis=(1, 2, 3)))
        half = scale * np.hypot(logs.std(ddof=1), 0.1)
        low, high = np.exp(logs.mean() - half), np.exp(logs.mean() + half)
        ends = min(low, row["volume_voxels"]), max(high, row["volume_voxels"])
        assert (row["volume_low_voxels"], row["volume_high_voxels"]) == pytest.approx(ends, abs=0.1)
    # Measured again from the files, they have the same.
    drawn = PredictionFolder(out)
    items = with_intervals(find_items(out), out, drawn.intervals())
    assert [item.intervals.rules[2]["volume"].scale for item in items] == [0.2, 2.0]
    # A row that is written anew has the same.
    drawn.cells.append({"a": {**drawn.cells["a"], "mark": ""}})
    assert predicted(calibrated, folder, out)[0] == [a, b]
    # Rows of earlier versions do not tell the distance: they have those of a section.
    drawn = PredictionFolder(out)
    row = {name: value for name, value in a.items() if name != "plane_distance"}
    drawn.cells.append({"a": {**drawn.cells["a"], "row": row}})
    drawn.write_table(["a", "b"])
    items = with_intervals(items, out, drawn.intervals())
    assert [item.intervals.rules[2]["volume"].scale for item in items] == [2.0, 2.0]


def test_the_record_has_no_more_intervals_than_its_cells_need(model, folder, tmp_path):
    about = {"intervals": made_intervals(further=True).to_dict()}
    calibrated = Model(model.config, model.network, about)
    predicted(calibrated, folder, tmp_path / "out")
    assert list(PredictionFolder(tmp_path / "out").intervals().further) == [1.0]
    table = (folder / "planes.csv").read_text()
    (folder / "planes.csv").unlink()
    predicted(calibrated, folder, tmp_path / "alone")
    assert PredictionFolder(tmp_path / "alone").intervals() == calibrated.intervals.of_sections()
    # Cells with planes keep theirs when others are predicted into the folder.
    predict_folder(
        calibrated,
        find_cells(folder)[1:],
        tmp_path / "out",
        PredictionSettings(ensemble=2, pixel_size=0.2),
    )
    assert list(PredictionFolder(tmp_path / "out").intervals().further) == [1.0]
    (folder / "planes.csv").write_text(table)


def test_a_model_that_was_calibrated_with_sections_alone_says_so(model, folder, tmp_path, told):
    about = {"intervals": made_intervals(further=False).to_dict()}
    seen = told()
    predicted(Model(model.config, model.network, about), folder, tmp_path / "a", progress=seen)
    assert [note for note in seen.notes if "sections alone" in note] == [SECTIONS_ALONE]
    about = {"intervals": made_intervals(further=True).to_dict()}
    seen = told()
    predicted(Model(model.config, model.network, about), folder, tmp_path / "b", progress=seen)
    assert not [note for note in seen.notes if "sections alone" in note]


def test_in_memory_the_intervals_are_those_of_the_distance(model, cell):
    about = {"intervals": made_intervals(further=True).to_dict()}
    calibrated = Model(model.config, model.network, about)
    planes = {20: disc(9), 44: disc(14)}
    found = calibrated.predict(*cell, ensemble=2, planes=planes)
    assert found.plane_distance == plane_distance(found.consensus, [20, 32, 44])
    assert found.intervals == calibrated.intervals.given(found.plane_distance)
    assert found.intervals.rules[2]["volume"].scale == 0.2
    alone = calibrated.predict(*cell, ensemble=2)
    assert alone.plane_distance is None
    assert alone.intervals is calibrated.intervals


def test_another_plane_is_another_input(model, folder, tmp_path):
    _, before, same = predicted(model, folder, tmp_path / "out")
    write_tiff(folder / "planes" / "14.tif", disc(12).astype(np.uint8))
    _, after, kept = predicted(model, folder, tmp_path / "out")
    assert (after[:, 44] == disc(12)).all()
    assert (before[:, 44] != after[:, 44]).any()
    assert (same == kept).all()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c,planes/9.tif,,40", 'there is no cell "c"'),
        ("a,planes/8.tif,,40", "8.tif does not exist"),
        ("a,,,40", "give the file of the mask"),
        ("a,planes/9.tif,1.0,40", "give either plane or height_um"),
        ("a,planes/9.tif,,", "give either plane or height_um"),
        ("a,planes/9.tif,high,", 'the height_um "high" is not a number'),
        ("a,planes/9.tif,,32", "planes.csv, cell a: plane 32 is the section"),
        ("a,planes/9.tif,1.6,\na,planes/14.tif,,40", "two masks are given for plane 40"),
        ("a,planes/9.tif,,40\na,planes/14.tif,,40", "two masks for one plane of a"),
    ],
)
def test_tables_of_planes_are_understood_or_refused(model, folder, tmp_path, row, message):
    (folder / "planes.csv").write_text(f"name,mask,height_um,plane\n{row}\n")
    with pytest.raises(FileError, match=message):
        predicted(model, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
