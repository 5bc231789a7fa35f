import pytest

from dispr.errors import ConfigError, FileError
from dispr.labelled.find import find_fields


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()


def test_one_image(tmp_path):
    touch(tmp_path, "a.ome.tif", "l.png")
    (found,) = find_fields(tmp_path / "a.ome.tif", labels=str(tmp_path / "l.png"))
    assert (found.name, found.labels) == ("a", tmp_path / "l.png")
    (found,) = find_fields(tmp_path / "a.ome.tif")
    assert found.labels is None


@pytest.mark.parametrize("name", ["a_seg.npy", "a_cp_masks.tif", "a_cp_masks.png"])
def test_labels_that_cellpose_left_beside(tmp_path, name):
    touch(tmp_path, "a.tif", name)
    (found,) = find_fields(tmp_path / "a.tif")
    assert found.labels == tmp_path / name
    (same,) = find_fields(tmp_path)
    assert same == found


def test_patterns(tmp_path):
    touch(tmp_path, "a_c1.tif", "b_c1.tif", "b_c2.tif", "notes.txt", "masks/a.png", "masks/b.png")
    found = find_fields(tmp_path, "*_c1.tif", "masks/*.png")
    assert [f.name for f in found] == ["a", "b"]
    assert [f.labels.name for f in found] == ["a.png", "b.png"]


def test_labels_in_the_same_folder_are_no_images(tmp_path):
    touch(tmp_path, "a.tif", "a_labels.tif", "b.tif", "b_labels.tif")
    found = find_fields(tmp_path, labels="*_labels.tif")
    assert [f.image.name for f in found] == ["a.tif", "b.tif"]


def test_what_cannot_be_found(tmp_path):
    touch(tmp_path, "a.tif", "b.tif", "a_l.tif")
    with pytest.raises(FileError, match=r"b_l\.tif does not exist"):
        find_fields(tmp_path, labels="*_l.tif")
    with pytest.raises(ConfigError, match="one \\*"):
        find_fields(tmp_path, labels="l.tif")
    with pytest.raises(FileError, match="no files that match"):
        find_fields(tmp_path, "*.png")
    with pytest.raises(FileError, match="does not exist"):
        find_fields(tmp_path / "a.tif", labels="nowhere.tif")
    with pytest.raises(ConfigError, match="cannot be combined"):
        find_fields(tmp_path / "a.tif", labels="x", mask=tmp_path)
    with pytest.raises(ConfigError, match="single cell"):
        find_fields(tmp_path, mask=tmp_path / "a.tif")
    touch(tmp_path, "a.png")
    with pytest.raises(FileError, match="the same name"):
        find_fields(tmp_path)


OTHERS = ["a_cp_output.png", "a_flows.tif", "a_outlines.png", "._a.tif", "Thumbs.db", "a_rois.zip"]


@pytest.mark.parametrize(
    "end", ["_masks.tif", ".labels.TIF", "_label.png", "-labels.npy", "_mask.tif"]
)
def test_labels_that_others_left_beside(tmp_path, end):
    touch(tmp_path, "a.ome.tif", f"a{end}", *OTHERS)
    (found,) = find_fields(tmp_path)
    assert (found.name, found.image.name, found.labels.name) == ("a", "a.ome.tif", f"a{end}")


def test_images_that_end_as_labels_do(tmp_path):
    touch(tmp_path, "a_label.tif", "b_label.tif")
    assert [f.name for f in find_fields(tmp_path)] == ["a_label", "b_label"]
    assert [f.labels for f in find_fields(tmp_path)] == [None, None]


def test_capital_extensions(tmp_path):
    touch(tmp_path, "s.1.TIF", "labels/s.1.Tif")
    for images, labels in (
        ("*.TIF", "labels/*.TIF"),
        ("*.tif", "labels/*.tif"),
        (None, "labels/*.tif"),
    ):
        (found,) = find_fields(tmp_path, images, labels)
        assert (found.name, found.labels.name) == ("s.1", "s.1.Tif")


def test_unicode_forms(tmp_path):
    touch(tmp_path, "ze\u0301.tif", "labels/z\u00e9.tif")
    (found,) = find_fields(tmp_path, labels="labels/*.tif")
    assert found.name == "z\u00e9"
    assert found.labels.is_file()


def test_links_to_nothing(tmp_path):
    touch(tmp_path, "a.tif")
    (tmp_path / "b.tif").symlink_to("gone.tif")
    with pytest.raises(FileError, match=r"b\.tif is a link to gone\.tif"):
        find_fields(tmp_path)
    with pytest.raises(FileError, match=r"b\.tif is a link to gone\.tif"):
        find_fields(tmp_path / "b.tif")


@pytest.mark.parametrize(
    "name",
    [
        *["a_Labels.tif", "a_MASK.TIF", "a_segmentation.png", "a_Object Identities.tiff"],
        *["Mask of a.tif", "Count Masks of a.tif", "mask_a.png", "a.tif_labels.tif", "a-lbl.npy"],
    ],
)
def test_habits_of_naming_labels(tmp_path, name):
    touch(tmp_path, "a.tif", "b.tif", name)
    assert [(f.name, f.labels and f.labels.name) for f in find_fields(tmp_path)] == [
        ("a", name),
        ("b", None),
    ]


def test_likelier_labels_come_first(tmp_path):
    touch(tmp_path, "a.tif", "a_mask.tif", "a_masks.tif", "mask_a.tif")
    assert [f.labels.name for f in find_fields(tmp_path)] == ["a_masks.tif"]
    touch(tmp_path, "a_cp_masks.png")
    assert [f.labels.name for f in find_fields(tmp_path)] == ["a_cp_masks.png"]
    touch(tmp_path, "a_seg.npy")
    assert [f.labels.name for f in find_fields(tmp_path)] == ["a_seg.npy"]


def test_a_folder_of_labels(tmp_path):
    touch(tmp_path, "a.tif", "b[1].ome.tif", "m/a_masks.png", "m/b[1].tif", "m/._b[1].tif")
    found = find_fields(tmp_path, labels="m")
    assert [(f.name, f.labels.name) for f in found] == [("a", "a_masks.png"), ("b[1]", "b[1].tif")]
    touch(tmp_path, "c.tif")
    with pytest.raises(FileError, match=r"m contains no labels of .*c\.tif"):
        find_fields(tmp_path, labels="m")
    with pytest.raises(FileError, match=r"b\[1\]\.png does not exist, but b\[1\]\.tif does"):
        find_fields(tmp_path, images="b*.ome.tif", labels="m/b*.png")


@pytest.mark.parametrize("name", ["a_RoiSet.zip", "a_rois.zip", "a.roi", "a.geojson", "a.ROI"])
def test_outlines_beside(tmp_path, name):
    touch(tmp_path, "a.tif", name)
    (found,) = find_fields(tmp_path)
    assert found.labels == tmp_path / name
    touch(tmp_path, "a_seg.npy")  # labels come first
    (found,) = find_fields(tmp_path)
    assert found.labels.name == "a_seg.npy"


def test_archives_and_records_beside_are_not_taken_for_outlines(tmp_path):
    touch(tmp_path, "a.tif", "a.zip", "a.json")
    (found,) = find_fields(tmp_path)
    assert found.labels is None


def test_folder_of_outlines(tmp_path):
    touch(tmp_path, "a.tif", "b.tif", "rois/a.zip", "rois/b_rois.zip")
    found = find_fields(tmp_path, labels="rois")
    assert [f.labels.name for f in found] == ["a.zip", "b_rois.zip"]
    (found,) = find_fields(tmp_path / "a.tif", labels=str(tmp_path / "rois" / "a.zip"))
    assert found.labels.name == "a.zip"
