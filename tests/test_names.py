import os
import sys
import unicodedata

import pytest

from dispr.errors import FileError
from dispr.names import count_of, key, same_file, visible_files

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "z\u00e9lle") for form in ("NFC", "NFD"))


def test_visible_files(tmp_path):
    for name in ("b.TIF", "a.1.tiff", "._a.tif", ".hidden.tif", "Thumbs.db", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.tif").mkdir()
    found = visible_files(tmp_path, (".tif", ".tiff"))
    assert [path.name for path in found] == ["a.1.tiff", "b.TIF"]


def test_links_to_nothing(tmp_path):
    (tmp_path / "good.tif").touch()
    (tmp_path / "linked.tif").symlink_to("good.tif")
    (tmp_path / "b.tif").symlink_to("annex/lost.tif")
    with pytest.raises(FileError, match=r"b\.tif is a link to annex/lost\.tif, which does not"):
        visible_files(tmp_path, (".tif",))
    faults = []
    assert len(visible_files(tmp_path, (".tif",), faults)) == 2
    assert len(faults) == 1
    with pytest.raises(FileError, match="is a link to"):
        same_file(tmp_path / "b.tif")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_utf8(tmp_path):
    with open(os.fsencode(tmp_path) + b"/z_\xfc.tif", "wb"):
        pass
    with pytest.raises(FileError, match=r"z_\?\.tif has a name that is not UTF-8; rename it"):
        visible_files(tmp_path, (".tif",))


def test_same_file(tmp_path):
    assert key(DECOMPOSED) == COMPOSED
    path = tmp_path / f"{DECOMPOSED}.TIF"
    path.touch()
    assert same_file(tmp_path / f"{COMPOSED}.tif").samefile(path)
    assert same_file(tmp_path / "other.tif") is None
    assert same_file(tmp_path / "nowhere" / "a.tif") is None


def test_counts_agree_with_their_words():
    counts = [count_of(n, "cell") for n in (0, 1, 2)]
    assert counts == ["0 cells", "1 cell", "2 cells"]
    assert count_of(1, "mesh is", "meshes are") == "1 mesh is"
    assert count_of(3, "mesh is", "meshes are") == "3 meshes are"
