from dispr.cells.blocks import blocks
from dispr.cells.classes import parse_name


def cut(*numbers, size=8):
    names = ["discocyte" if number is None else f"0.00_discocyte{number:06d}" for number in numbers]
    return blocks([(parse_name(name), k) for k, name in enumerate(names)], size)


def test_runs_of_consecutive_numbers():
    assert cut(1, 2, 3, 5, 6, 9) == [[0, 1, 2], [3, 4], [5]]
    assert cut(4, 4, 5) == [[0, 1, 2]]
    assert cut(5, 4) == [[0], [1]]


def test_long_runs_are_cut():
    names = [(parse_name(f"0.00_discocyte{k:06d}"), k) for k in range(20)]
    assert [len(block) for block in blocks(names)] == [8, 8, 4]
    assert [len(block) for block in cut(*range(5), size=2)] == [2, 2, 1]


def test_cells_without_a_number():
    assert cut(None, None) == [[0], [1]]
    assert cut(1, None, 2) == [[0], [1], [2]]
    assert cut() == []
