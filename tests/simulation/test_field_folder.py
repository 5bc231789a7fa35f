import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from dispr.cli.simulate import command
from dispr.errors import ConfigError, FileError
from dispr.labelled.find import find_fields
from dispr.simulation.field import simulate_field
from dispr.simulation.field_folder import simulate_fields

SPHERES = ["-1.00_spherocyte"]


def test_files_are_the_fields(tmp_path):
    options = ["-o", str(tmp_path / "f"), "--fields", "2", "-n", "3", "--seed", "4"]
    size = ["--field-size", "150", "--types", SPHERES[0]]
    result = CliRunner().invoke(command, [*options, *size])
    assert result.exit_code == 0, result.output
    true = simulate_field(3, 5, (150, 150), SPHERES)
    (_, second) = find_fields(tmp_path / "f", labels="labels/*.tif")
    np.testing.assert_array_equal(tifffile.imread(second.image), true.image)
    np.testing.assert_array_equal(tifffile.imread(second.labels), true.labels)
    truth = tmp_path / "f" / "truth" / second.image.name
    np.testing.assert_array_equal(tifffile.imread(truth), true.truth)


def test_cells_that_do_not_fit_leave_nothing_behind(tmp_path):
    with pytest.raises(ConfigError, match="fit into"):
        simulate_fields(tmp_path / "f", 1, 50, 0, (128, 128), SPHERES)
    assert not (tmp_path / "f").exists()


def test_goes_on_and_refuses_other_fields(tmp_path):
    first, second = simulate_fields(tmp_path, 2, 2, 0, (128, 128), SPHERES)
    second.unlink()
    before = first.stat().st_mtime_ns
    simulate_fields(tmp_path, 2, 2, 0, (128, 128), SPHERES)
    assert second.is_file()
    assert first.stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="seed was 0 and is now 1"):
        simulate_fields(tmp_path, 2, 2, 1, (128, 128), SPHERES)
    with pytest.raises(FileError, match="contains other files"):
        simulate_fields(tmp_path / "labels", 2, 2, 1, (128, 128), SPHERES)


def test_goes_on_where_a_run_was_stopped_before_its_record(tmp_path):
    for name in (".writing-x.json", "dispr_checksums.txt"):
        (tmp_path / name).touch()
    assert len(simulate_fields(tmp_path, 1, 2, 0, (128, 128), SPHERES)) == 1
