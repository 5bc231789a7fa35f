from pathlib import Path

import pytest

from dispr.errors import FileError
from dispr.labelled.find import FieldFiles
from dispr.labelled.stack.survey import label_file


def test_a_stack_without_labels_is_refused():
    files = FieldFiles("a", Path("a.tif"), Path("labels/a.tif"))
    assert label_file(files) is files.labels
    with pytest.raises(FileError, match=r"a\.tif has no labels in its folder; give them by"):
        label_file(FieldFiles("a", Path("a.tif"), None))
