"""Tables as spreadsheets, R and pandas save them: the same values, or a sentence."""

import pytest

from dispr.errors import FileError
from dispr.tables import read_table

WANTED = (("stack",), ("label",), ("type", "class"))
PLAIN = "stack,label,type\na,1,discocyte\na,2,\n"


def values_of(path):
    return [(*row.values.values(), row.whole("label")) for row in read_table(path, WANTED)]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", "\t").encode("utf-16"),
        b"sep=;\n" + PLAIN.replace(",", ";").encode(),
        b"\n Stack , LABEL ,Type\n\n a , 1.0 , discocyte \n,,\na,2.0,NA\n",
        b'"stack", "label", "type"\n"a", "1", "discocyte"\n"a", "2", "<NA>"\n',
        b"stack;label;type;\na;1,0;discocyte;\na;2,0;nan;\n",
        b"stack,label,type\na,1,discocyte\na,2\n",
    ],
)
def test_ways_of_saving_one_table(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    found = [(stack, kind, label) for stack, _, kind, label in values_of(path)]
    assert found == [("a", "discocyte", 1), ("a", "", 2)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no heading"),
        (b"a,1,discocyte\n", r'columns stack, label, type or class, .* has "a", "1", "discocyte"'),
        (b"stack,label,type,Type\na,1,x,y\n", 'two columns "type"'),
        (b"stack,label,type\na,1,b,c\n", "line 2 has 4 values for 3 columns"),
        ("stack,label,type\nä,1,b\n".encode("cp1252"), "not in UTF-8"),
        (b"PK\x03\x04" + b"\0" * 40, "workbook"),
        (b'stack,label,type\na,1,"b\n', "cannot be read as CSV"),
    ],
)
def test_what_is_no_table(tmp_path, content, words):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(FileError, match=words):
        read_table(path, WANTED)


@pytest.mark.parametrize("text", ["x", "1.5", "", "True"])
def test_what_is_no_whole_number(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(f"stack,label,type\n\na,{text},b\n")
    (row,) = read_table(path, WANTED)
    with pytest.raises(FileError, match=rf'line 3: the label "{text}" is not a whole number'):
        row.whole("label")


def test_no_file(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        read_table(tmp_path / "t.csv", WANTED)
    with pytest.raises(FileError, match="cannot be read"):
        read_table(tmp_path, WANTED)
