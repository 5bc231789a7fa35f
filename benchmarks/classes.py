"""How often the shipped classifier names the right class of red blood cells.

    dispr classify red_blood_cells/test --apply shipped -o classes.csv
    python benchmarks/classes.py classes.csv
    python benchmarks/classes.py --simulated 80

The cells must be others than those that it was fitted to, and their names must state their types.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score

from dispr.cells.blocks import block_numbers
from dispr.cells.classes import CLASSES, parse_name, score_of_type
from dispr.recognition.calibration import UNSURE, calibration_error
from dispr.recognition.red_cells import recognise, red_cell_classifier
from dispr.records import read_csv
from dispr.simulation.cell import simulate

DRAWS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path, nargs="?")
    parser.add_argument("--simulated", type=int, default=0, metavar="N")
    options = parser.parse_args()
    if options.simulated:
        of_simulated(options.simulated)
        return
    rows = read_csv(options.table)
    seen = {row["name"] for row in rows} & set(red_cell_classifier().names)
    if seen:
        raise SystemExit(f"the classifier was fitted to {len(seen)} of these cells")
    classes = [name for name in CLASSES if f"p_{name}" in rows[0]]
    truth = np.array([classes.index(row["class"]) for row in rows])
    likely = np.array([[float(row[f"p_{name}"]) for name in classes] for row in rows])
    found = likely.argmax(axis=1)
    low, high = spread(truth, found, [row["name"] for row in rows])
    print(
        f"{len(rows)} cells: macro F1 {macro(truth, found):.1f} ({low:.1f} to {high:.1f} in 95 % "
        f"of draws of blocks), accuracy {100 * (truth == found).mean():.1f} %, calibration error "
        f"{100 * calibration_error(likely, truth):.1f} %"
    )
    named = np.array([row["predicted_class"] != UNSURE for row in rows])
    print(f"named: {named.mean():.0%}, rightly: {(truth == found)[named].mean():.0%}")
    print("true class: taken for", ", ".join(classes))
    for name, line in zip(classes, confusion_matrix(truth, found), strict=True):
        print(f"{name:14} {' '.join(f'{count:4}' for count in line)}")
    pairs = np.array(
        [
            (float(row["sde_score"]), score_of_type(parse_name(row["name"]).type))
            for row in rows
            if row["class"] == "SDE" == row["predicted_class"]
        ]
    )
    off = np.abs(pairs[:, 0] - pairs[:, 1])
    print(
        f"score of {len(pairs)} SDE cells: off by {off.mean():.3f} on average, correlation "
        f"{np.corrcoef(pairs.T)[0, 1]:.3f}"
    )


def of_simulated(count: int) -> None:
    """Tell how it does on simulated cells, which are unlike those that it was fitted to."""
    told = [
        (recognise(cell.image, cell.mask), parse_name(f"{cell.type}000001").cell_class)
        for cell in simulate(count, seed=11)
    ]
    for title, of in (("SDE", {"SDE"}), ("other", set(CLASSES) - {"SDE"})):
        mine = [(one["predicted_class"], name) for one, name in told if name in of]
        named = [found == name for found, name in mine if found != UNSURE]
        print(f"{len(mine)} simulated {title} cells: named {len(named)}, rightly {sum(named)}")


def macro(truth: np.ndarray, found: np.ndarray) -> float:
    return 100 * float(f1_score(truth, found, average="macro", labels=np.unique(truth)))


def spread(truth: np.ndarray, found: np.ndarray, names: list[str]) -> tuple[float, float]:
    """Draw blocks of neighbouring cells with replacement, within each class."""
    rng = np.random.default_rng(0)
    blocks = np.array(block_numbers(names))
    scores = []
    for _ in range(DRAWS):
        chosen = []
        for of in np.unique(truth):
            mine = np.unique(blocks[truth == of])
            chosen += [
                np.flatnonzero((blocks == b) & (truth == of)) for b in rng.choice(mine, len(mine))
            ]
        places = np.concatenate(chosen)
        scores.append(macro(truth[places], found[places]))
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
