import click
import numpy as np
import pytest
import trimesh

from dispr.cli.main import cli
from dispr.errors import ConfigError, FileError
from dispr.prediction.files import PredictionFolder
from dispr.simulation.cell import simulate_cell
from dispr.surface.files import FORMATS
from dispr.surface.mesh import mesh_of


@pytest.fixture(scope="module")
def samples():
    body = simulate_cell("B_keratocytes", seed=2).obj > 127
    return np.stack([body, np.roll(body, 1, 1), np.roll(body, 2, 2)])


@pytest.fixture(scope="module")
def mesh(samples):
    return mesh_of(samples.mean(0), (0.172,) * 3, samples)


@pytest.mark.parametrize("form", FORMATS)
def test_round_trip(form, mesh, tmp_path):
    path = tmp_path / f"cell.{form}"
    mesh.save(path)
    read = trimesh.load(path, force="mesh")
    assert read.is_watertight
    assert read.volume == pytest.approx(mesh.volume, rel=1e-5)  # outwards, in um
    assert len(read.faces) == len(mesh.faces)
    np.testing.assert_allclose(read.bounds[0], mesh.vertices.min(0), atol=1e-5)
    np.testing.assert_allclose(read.bounds[1], mesh.vertices.max(0), atol=1e-5)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("unit", ["um", "voxel"])
def test_files_state_their_unit(form, unit, samples, tmp_path):
    path = tmp_path / f"cell.{form.upper()}"
    mesh_of(samples[0], (0.172,) * 3 if unit == "um" else None).save(path)
    head = path.read_bytes()
    assert (b'"unit":"%b"' if form == "glb" else b"unit: %b") % unit.encode() in head


@pytest.mark.parametrize("form", ["ply", "glb"])
def test_spread_goes_along(form, mesh, tmp_path):
    mesh.save(tmp_path / f"cell.{form}")
    read = trimesh.load(tmp_path / f"cell.{form}", force="mesh", process=False)
    colours = np.asarray(read.visual.vertex_colors)
    assert colours[mesh.spread.argmin()][2] > colours[mesh.spread.argmin()][0]  # blue
    assert colours[mesh.spread.argmax()][0] > colours[mesh.spread.argmax()][2]  # orange
    if form == "ply":
        np.testing.assert_allclose(
            read.metadata["_ply_raw"]["vertex"]["data"]["spread"], mesh.spread, atol=1e-6
        )


def test_bad_files(mesh, tmp_path):
    with pytest.raises(ConfigError, match=r"cell\.xyz.*stl, ply, obj, glb"):
        mesh.save(tmp_path / "cell.xyz")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="Cannot write"):
        mesh.save(tmp_path / "file" / "cell.stl")


def run(*arguments):
    return cli.main(["mesh", *map(str, arguments)], standalone_mode=False)


def test_command(samples, tmp_path, capsys):
    predictions = tmp_path / "predictions"
    PredictionFolder(predictions).write("a", samples, samples.mean(0), 0.172)
    PredictionFolder(predictions).write("b", samples, samples.mean(0))
    run(predictions, "-o", tmp_path / "out", "--samples", "--format", "ply")
    told = "".join(capsys.readouterr())
    assert "8 meshes of 2 cells in um and voxels" in told
    assert "--voxel-size" in told
    assert len(list((tmp_path / "out").iterdir())) == 8
    edges = [np.ptp(trimesh.load(tmp_path / "out" / f"{name}.ply").bounds[:, 0]) for name in "ab"]
    assert edges[0] == pytest.approx(0.172 * edges[1], rel=1e-4)
    run(predictions, "-o", tmp_path / "out2", "--voxel-size", 0.2)
    b = trimesh.load(tmp_path / "out2" / "b.stl")
    assert np.ptp(b.bounds[:, 0]) == pytest.approx(0.2 * edges[1], rel=1e-4)
    assert "in um:" in capsys.readouterr().out


def test_command_tells_of_empty_shapes(samples, tmp_path, capsys):
    empty = np.zeros_like(samples)
    PredictionFolder(tmp_path / "p").write("a", empty, empty.mean(0))
    PredictionFolder(tmp_path / "p").write("b", samples, samples.mean(0))
    assert run(tmp_path / "p", "-o", tmp_path / "out") == 3
    assert "1 shape (a) is empty and has no mesh" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.stl"]


def test_command_refuses(samples, tmp_path):
    with pytest.raises(click.BadParameter, match="not one of 'stl'"):
        run(tmp_path, "-o", tmp_path / "out", "--format", "xyz")
    with pytest.raises(FileError, match="contains no predictions"):
        run(tmp_path, "-o", tmp_path / "out")
