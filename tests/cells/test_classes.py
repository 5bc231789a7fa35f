import pytest

from dispr.cells.classes import CLASSES, TYPES, parse_name


@pytest.mark.parametrize(
    ("name", "kind", "cell_class", "number"),
    [
        ("0.00_discocyte000144", "0.00_discocyte", "SDE", 144),
        ("-0.33_stomatocyte_I000000", "-0.33_stomatocyte_I", "SDE", 0),
        ("A_cell_clusters000612", "A_cell_clusters", "cell_clusters", 612),
        ("D_multilobate_cells000727.tif", "D_multilobate_cells", "multilobate", 727),
        ("neutrophil_000003.TIFF", "neutrophil_", None, 3),
        ("my cell", "my cell", None, None),
        ("scan_20240131", "scan_20240131", None, None),  # eight digits are a date
        ("000001", "000001", None, None),
        ("", "", None, None),
    ],
)
def test_names_are_taken_apart(name, kind, cell_class, number):
    parsed = parse_name(name)
    assert (parsed.type, parsed.cell_class, parsed.number) == (kind, cell_class, number)
    assert not parsed.name.lower().endswith((".tif", ".tiff"))


def test_every_class_has_a_type_and_every_type_a_class():
    assert {parse_name(f"{kind}000001").cell_class for kind in TYPES} == set(CLASSES)


@pytest.mark.reference
def test_all_real_cells_have_class_and_number(real_cells):
    names = [parse_name(path.name) for path in (real_cells / "train" / "image").iterdir()]
    assert all(name.cell_class is not None and name.number is not None for name in names)
    assert {name.cell_class for name in names} == set(CLASSES)
