import pytest

from dispr.images.sizes import in_um, stated_size


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        *[("µm", 1), ("\u03bcm", 1), ("\\u00B5m", 1), ("Âµm", 1), ("Î¼m", 1), ("micrometres", 1)],
        *[("microns", 1), ("UM", 1), ("nm", 1e-3), ("Å", 1e-4), ("mm", 1e3), ("m", 1e6)],
        *[("inch", None), ("pixel", None), ("", None), ("furlong", None)],
    ],
)
def test_units(unit, factor):
    assert in_um("2", unit) == (None if factor is None else pytest.approx(2 * factor))


def test_what_cannot_be_a_size_is_kept_for_messages():
    size = stated_size({"z": (-2, "nm"), "y": ("-1", "um"), "x": (0, "um")})
    assert (size.z, size.y, size.x) == (0.002, None, None)
    assert size.wrong == {"y": "-1 um", "x": "0 um"}
    nothing = {"z": (None, "um"), "y": (5, "pixels"), "x": (72, "inch")}
    assert stated_size(nothing).wrong == {}
    assert stated_size({"x": ("nan", "um")}).wrong == {"x": "nan um"}
