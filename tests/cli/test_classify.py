import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from dispr.cli.classify import FEATURES, command
from dispr.cli.main import main
from dispr.simulation.folder import simulate_folder
from dispr.study.settings import SOURCES

pytestmark = pytest.mark.usefixtures("few_trees")


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    root = tmp_path_factory.mktemp("cells")
    types = ("0.00_discocyte", "B_keratocytes")
    simulate_folder(root, 12, seed=1, types=types, test_fraction=0.5)
    return root


def arguments(cells, out):
    return [str(cells), "-o", str(out), "--folds", "2", "--trees", "10", "--jobs", "1"]


def test_tables_and_pictures(cells, tmp_path):
    result = CliRunner().invoke(
        command,
        [*arguments(cells, tmp_path), "--features", "2d,cylinder"],
    )
    assert result.exit_code == 0, result.output
    assert "| forest       | cylinder" in result.output
    names = {path.name for path in tmp_path.iterdir()}
    assert {"report.md", "summary.csv", "folds.csv", "f1.png", "confusion.png"} <= names

    # The folds of one run can be used by another.
    again = tmp_path / "again"
    result = CliRunner().invoke(
        command,
        [
            *(str(cells), "-o", str(again), "--trees", "10", "--jobs", "1"),
            *(
                "--folds-file",
                str(tmp_path / "folds.csv"),
                "--classifiers",
                "boosting",
                "--published",
            ),
            *("--no-pictures", "--oversampling", "none", "--audit", "all"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert (again / "folds.csv").read_text() == (tmp_path / "folds.csv").read_text()
    assert "drawn before (folds.csv)" in (again / "report.md").read_text()
    assert not (again / "f1.png").exists()


def test_a_damaged_table_is_noted_and_measured_again(cells, tmp_path):
    line = [*arguments(cells, tmp_path), "--no-pictures", "--audit", "none"]
    first = CliRunner().invoke(command, line)
    path = tmp_path / "features" / "section.csv"
    known = path.read_text()
    path.write_text(known.replace("0", "1"))
    again = CliRunner().invoke(command, line)
    assert again.exit_code == 0
    assert f"Note: {path} is damaged" in again.output
    assert path.read_text() == known
    assert "Note" not in first.output


def test_choices_are_the_sources():
    assert FEATURES == SOURCES


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--features", "predicted"], "give them by --predictions"),
        (["--features", "3d"], "Invalid value for '--features'"),
        (["--folds-file", "nowhere.csv"], "nowhere.csv does not exist; check the name."),
        (["--minority", "platelets"], "platelets is not one of the published classes"),
        (["--features", "augmented", "--predictions", "nowhere"], "nowhere contains neither"),
        (["--folds", "17"], "fill only"),
        (["--trees", "-1"], "at least one tree"),
    ],
)
def test_bad_input_is_one_sentence(options, sentence, cells, tmp_path, monkeypatch, capsys):
    line = ["dispr", "classify", str(cells), "-o", str(tmp_path / "out"), *options]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


def test_unknown_names_are_refused(cells_folder, tmp_path, monkeypatch, capsys):
    # All of these are discocytes.
    monkeypatch.setattr(sys, "argv", ["dispr", "classify", str(cells_folder), "-o", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "all cells are of the class SDE" in capsys.readouterr().err


def test_a_leak_ends_in_one_sentence(cells, tmp_path, monkeypatch, capsys):
    from dispr.model.shipped import shipped_weights
    from dispr.model.weights import fingerprint
    from dispr.prediction.model import load

    model = load(device="cpu")
    folder = tmp_path / "predictions"
    (folder / "probability").mkdir(parents=True)
    (folder / "prediction.json").write_text(json.dumps({"model": fingerprint(model.network)}))
    # A cell that bears the name of one that the shipped model was trained on.
    seen = next(name for name in model.about["training_cells"] if name.startswith("0.00_discocyte"))
    data = tmp_path / "data"
    for kind in ("image", "mask"):
        (data / kind).mkdir(parents=True)
        files = sorted((cells / "train" / kind).glob("*.tif"))
        for i, path in enumerate(files):
            name = seen if i == 0 else path.stem
            (data / kind / f"{name}.tif").write_bytes(path.read_bytes())
    line = ["dispr", "classify", str(data), "-o", str(tmp_path / "out"), "--features", "single"]
    line += ["--predictions", str(folder), "--weights", str(shipped_weights()[0])]
    monkeypatch.setattr(sys, "argv", [*line, "--folds", "2"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "was predicted by a model that was trained on" in capsys.readouterr().err


def test_help_needs_no_heavy_imports():
    code = (
        "import sys; import dispr.cli.classify;"
        "sys.exit(bool({'torch', 'numpy', 'sklearn', 'matplotlib'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
