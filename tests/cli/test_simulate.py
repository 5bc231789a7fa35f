from click.testing import CliRunner

from dispr.cells.folder import find_cells
from dispr.cli.simulate import command


def test_writes_the_cells_and_says_how_many(tmp_path):
    options = ["-o", str(tmp_path / "new"), "-n", "3", "--seed", "5", "--types"]
    result = CliRunner().invoke(command, [*options, "0.00_discocyte, C_knizocytes"])
    assert result.exit_code == 0, result.output
    names = [cell.name for cell in find_cells(tmp_path / "new", need_obj=True)]
    assert sorted(names) == [
        "0.00_discocyte000000",
        "0.00_discocyte000002",
        "C_knizocytes000001",
    ]
    assert "3 training cells, 0 test cells" in result.output


def test_unknown_type_is_one_sentence_and_exit_code_2(tmp_path, dispr):
    done = dispr("simulate", "-o", tmp_path / "new", "--types", "x")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: x is not a cell type; choose from -1.00_spherocyte, ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_help_and_defaults():
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert "--test-fraction" in result.output
    assert CliRunner().invoke(command, []).exit_code == 2
