"""The benchmarks measure and tell what they say they do; none of these tests is timed."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    """The suite, with the modules beside it."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        import bench

        yield bench
        for name in set(sys.modules) - before:
            if name.startswith(("bench", "growth")):
                del sys.modules[name]


def test_tiny_run_writes_each_row(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda count: None)
    groups = ["published", "predictions", "shapes"]
    bench.main(["--tiny", "--only", *groups, "-o", str(tmp_path)])
    result = json.loads((tmp_path / "bench.json").read_text())
    found = {row["group"].split(":")[0].split(",")[0] for row in result["rows"]}
    assert found == {
        "Machine", "Published network", "One cell", "A shape or cell",
    }  # fmt: skip
    page = (tmp_path / "bench.md").read_text()
    for row in result["rows"]:
        assert row["median"] > 0
        assert f"| {row['name']} " in page
    # The plain network, the first of its group, takes the arithmetic of the published one.
    plain, ours, _ = (row for row in result["rows"] if "forward pass" in row["group"])
    assert plain["gflops"] * plain["core"] == pytest.approx(ours["gflops"] * ours["core"])
    assert result["peak_gflops"] == max(row["gflops"] for row in result["rows"][:2])


def test_what_a_gpu_gains_is_measured_by_layout_and_precision(bench, tmp_path):
    """Here on the processor, in a tiny setting."""
    import bench_gpu
    from bench_rounds import Rounds

    rounds = Rounds(0, 1, "cpu", warm=False)
    rows = [*bench_gpu.published(rounds, True), *bench_gpu.ensembles(rounds, True)]
    names = [row.name.partition(",")[0] for row in rows]
    assert names == 2 * ["plain re-statement", *4 * ["DISPR"]] + ["bfloat16", "float32", "bfloat16"]
    assert all(row.median > 0 for row in rows)
    path = bench_gpu.profiled("cpu", tmp_path, True)
    assert "aten::convolution" in path.read_text()


def test_a_stand_in_is_asked_for_all_shapes(bench, tmp_path):
    import bench_work

    case, packed = bench_work.around(tmp_path, 2)
    assert (case.count, packed.count) == (2, 2)
    assert [row["volume_sd_voxels"] for row in case.call()] == [0, 0]
    assert len([*tmp_path.glob("*/samples/*.tif")]) == 10


def test_ratios_are_those_within_rounds(bench):
    from bench_rounds import LEAST_ROUNDS, Case, Measured, Rounds, rows_of

    told, order = {"a": iter([1.0, 2.0, 8.0]), "b": iter([2.0, 6.0, 8.0])}, []

    def case(name, **more):
        def call():
            order.append(name)
            seconds = next(told[name])
            return Measured(seconds, seconds / 2)

        return Case(name, call, **more)

    rows = Rounds(most=3).of("group", [case("a"), case("b", count=2, gflop=12)], warm=False)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert [row.median for row in rows] == [2, 3]  # that of one of two
    assert (rows[1].least, rows[1].most, rows[1].rounds) == (1, 4, 3)
    assert rows[1].ratio == 1  # of 1/1, 3/2, 4/8: not the ratio of the medians, 1.5
    assert (rows[1].ratio_least, rows[1].ratio_most) == (0.5, 1.5)
    assert (rows[1].core, rows[1].gflops) == (1.5, 4)  # 12 in 3 seconds of a core
    on_gpu = rows_of("group", [case("b", gflop=12)], [[Measured(6, 1)]], "s", by_core=False)
    assert on_gpu[0].gflops == 2  # in 6 seconds
    told = {"a": iter([1.0] * 9), "b": iter([4.0] * 9)}
    cases = [case("a", rate=True), case("b", rate=True, count=2)]
    rows = Rounds(seconds=0, most=9).of("group", cases, "cells/s", warm=False)
    assert [(row.median, row.rounds) for row in rows] == [(1, LEAST_ROUNDS), (0.5, LEAST_ROUNDS)]


def test_exponents_are_fitted(bench):
    from bench_growth import exponent, growth_of

    assert exponent([1, 10, 100], [3, 30, 300]) == pytest.approx((1, 0), abs=1e-9)
    sizes, values = [1, 4, 16, 64, 200], [2.1, 7.0, 36.0, 110.0, 444.0]
    line = stats.linregress(np.log(sizes), np.log(values))
    assert exponent(sizes, values) == pytest.approx((line.slope, line.stderr))
    assert np.isnan(exponent([1, 2], [1, 2])[1])
    grown = growth_of("cells", [1, 2, 4], [1, 1, 1], [1.0, 2.0, 8.0], [5, 5, 5])
    assert grown.last == 3  # 6 seconds for 2 more, after 2 seconds for 2
    assert grown.exponents["memory"] == pytest.approx((0, 0))


def test_memory_of_a_process_is_its_own(bench):
    from bench_child import in_process

    held = np.ones(2**26)  # 0.5 GB more, which `ru_maxrss` of a child would count too
    found = in_process("imported", 0, "cpu", 1)
    assert 30 < found.memory < held.nbytes / 1e6
    assert found.seconds > 0


def test_no_gpu_is_one_sentence(bench, capsys, monkeypatch):
    monkeypatch.setattr(bench.torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as left:
        bench.main(["--device", "cuda"])
    assert left.value.code == 2
    assert capsys.readouterr().err == (
        "Error: PyTorch finds no CUDA GPU on this machine; use make bench.\n"
    )
