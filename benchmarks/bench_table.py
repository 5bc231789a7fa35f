"""The results of the benchmarks as Markdown; put them into the documentation.

    python benchmarks/bench_table.py build/bench/cpu docs

copies the results to `docs/speed.json` and `docs/growth.png`, and lays them out in `docs/speed.md`.
The runs of several folders follow each other; of what was measured twice, the last counts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

RATES = {"cpu": "GFLOP a core second (of the best)", "cuda": "GFLOP/s (of the best)"}

HEADS = ["", "median", "range", "rounds", "beside the first", "core seconds (beside the first)"]


def markdown(result: Mapping[str, Any], best: float = 0.0) -> str:
    """Lay out what `bench.py` measured; `best` is the best of the machine in other runs."""
    about = result["about"]
    lines = [
        f"`{about['command']}`, {about['date']}: {about['machine']}; {about['threads']}; "
        f"{about['versions']}.",
        "",
    ]
    peak = max(best, result["peak_gflops"])
    for group, rows in itertools.groupby(result["rows"], key=lambda row: row["group"]):
        lines += [*_group(group, list(rows), peak, about["device"]), ""]
    if result["growth"]:
        lines += [*_growth(result["growth"]), ""]
    return "\n".join(lines)


MILLION = {
    "five shapes and their files (`dispr predict`)": "predict to files (default ensemble)",
    "measures of the shapes and their consensus (`dispr measure`)": "measure, 1 process",
    "report (`dispr report`)": "report, 1 process",
}
"""What a million cells need, by the names of rows."""


def million(results: Sequence[Mapping[str, Any]]) -> str:
    """Say what a million cells take by these figures, in hours of a core."""
    core = {row["name"]: row["core"] for result in results for row in result["rows"]}
    table = [
        [what, number(core[name]), f"{core[name] * 1e6 / 3600:,.0f}"]
        for what, name in MILLION.items()
        if name in core
    ]
    return tabulate(
        table,
        ["a million cells", "core seconds a cell", "core hours"],
        tablefmt="github",
        disable_numparse=True,
    )


def joined(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out of each run what a later one has measured too; the best of the machine stays."""
    kept = []
    for i, result in enumerate(results):
        later = results[i + 1 :]
        again = {row["group"] for other in later for row in other["rows"]}
        rows = [
            row
            for row in result["rows"]
            if row["group"].startswith("Machine") or row["group"] not in again
        ]
        grown = [] if any(other["growth"] for other in later) else result["growth"]
        kept.append({**result, "rows": rows, "growth": grown})
    return kept


def put_into(page: str, results: Sequence[Mapping[str, Any]]) -> str:
    """Put the tables of runs between the marks of a page."""
    best = max(result["peak_gflops"] for result in results)
    tables = "\n".join(markdown(result, best) for result in results)
    for kind, text in (("tables", tables), ("million", million(results) + "\n")):
        begin, end = f"<!-- {kind} of benchmarks/bench.py -->", f"<!-- end of the {kind} -->"
        found = re.search(f"{begin}.*{end}", page, re.DOTALL)
        assert found, f'the page lacks "{begin}" and "{end}"'
        page = f"{page[: found.start()]}{begin}\n\n{text}\n{end}{page[found.end() :]}"
    return page


def _group(
    group: str, rows: Sequence[Mapping[str, Any]], peak: float, device: str
) -> Iterable[str]:
    unit = rows[0]["unit"]
    table = []
    rated = any(row["gflops"] for row in rows)
    busy = unit != "MB"
    for row in rows:
        cells = [
            row["name"],
            number(row["median"]),
            f"{number(row['least'])} to {number(row['most'])}",
            row["rounds"],
            f"{number(row['ratio'])} ({number(row['ratio_least'])} to {number(row['ratio_most'])})",
        ]
        if busy:
            first = row["core"] / rows[0]["core"]
            cells.append(f"{number(row['core'])} ({number(first)})")
        if rated:
            rate = row["gflops"]
            cells.append("" if rate is None else f"{rate:.0f} ({rate / peak:.0%})")
        table.append(cells)
    heads = [f"{group} ({unit})", *HEADS[1 : 6 if busy else 5]]
    if rated:
        heads.append(RATES[device])
    yield tabulate(table, heads, tablefmt="github", disable_numparse=True)


def _growth(found: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    table = []
    for one in found:
        slopes = [
            f"{slope:.2f} ± {error:.2f}" if math.isfinite(error) else f"{slope:.2f}"
            for slope, error in (one["exponents"][what] for what in ("core", "memory"))
        ]
        table.append(
            [
                one["name"],
                ", ".join(f"{size:,}" for size in one["sizes"]),
                ", ".join(number(value) for value in one["core"]),
                slopes[0],
                number(one["last"]),
                ", ".join(f"{value:.0f}" for value in one["memory"]),
                slopes[1],
            ]
        )
    heads = ["by", "sizes", "core seconds", "exponent", "last step", "peak memory, MB", "exponent"]
    yield tabulate(table, heads, tablefmt="github", disable_numparse=True)


def number(value: float) -> str:
    """Write a figure with three digits."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 6)}f}"


def main() -> None:
    """Put results into the documentation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, help="folders that bench.py wrote")
    parser.add_argument("docs", type=Path)
    options = parser.parse_args()
    results = [json.loads((run / "bench.json").read_text(encoding="utf-8")) for run in options.runs]
    results = joined(results)
    page = options.docs / "speed.md"
    page.write_text(put_into(page.read_text(encoding="utf-8"), results), encoding="utf-8")
    text = json.dumps(results, indent=1)
    (options.docs / "speed.json").write_text(text + "\n", encoding="utf-8")
    for run in options.runs:
        if (run / "growth.png").is_file():
            shutil.copy(run / "growth.png", options.docs / "growth.png")


if __name__ == "__main__":
    main()
