import hashlib
import http.server
import io
import json
import re
import threading
import zipfile

import pytest

from dispr.cells.fetch import fetch
from dispr.cells.folder import find_cells
from dispr.errors import FileError


class Server:
    """A record like Zenodo's on this machine, with the faults that a test asks for."""

    def __init__(self):
        self.files = {}
        self.checksums = {}
        self.ranges = True
        self.cut = None  # bytes after which each transfer breaks off
        self.shift = 0  # answers with bytes from so much later than asked
        self.status = None
        self.record = None
        self.asked = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.answer(self)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, handler):
        name = handler.path.rpartition("/")[2]
        handler.close_connection = True
        if self.status:
            handler.send_error(self.status)
        elif name == "record":
            body = json.dumps(self.listing()) if self.record is None else self.record
            self.send(handler, 200, body.encode())
        else:
            body = self.files[name]
            wanted = handler.headers.get("Range")
            self.asked.append((name, wanted))
            start = int(re.match(r"bytes=(\d+)-", wanted)[1]) if wanted and self.ranges else None
            if start is not None and self.shift:
                start, self.cut = start + self.shift, None
            if start is None:
                self.send(handler, 200, body)
            elif start >= len(body):
                self.send(handler, 416, b"", {"Content-Range": f"bytes */{len(body)}"})
            else:
                where = f"bytes {start}-{len(body) - 1}/{len(body)}"
                self.send(handler, 206, body[start:], {"Content-Range": where})

    def send(self, handler, status, body, headers=None):
        handler.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(key, value)
        handler.end_headers()
        handler.wfile.write(body if status == 416 or not self.cut else body[: self.cut])

    def listing(self):
        md5 = {name: "md5:" + hashlib.md5(body).hexdigest() for name, body in self.files.items()}
        return {
            "files": [
                {
                    "key": name,
                    "checksum": self.checksums.get(name, md5[name]),
                    "links": {"self": f"{self.url}/files/{name}"},
                }
                for name in self.files
            ]
        }

    @property
    def api(self):
        return f"{self.url}/record"


@pytest.fixture
def server(monkeypatch):
    # What is lost of a transfer that breaks off is the chunk that it broke off in.
    monkeypatch.setattr("dispr.cells.download._CHUNK", 100)
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def zipped(members, **infos):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = infos.get("attributes", 0)
            archive.writestr(info, content)
    return buffer.getvalue()


@pytest.fixture
def cells_zip(tmp_path, write_cells):
    """One cell, in train/ inside of a folder, with what a Mac adds."""
    source = write_cells(tmp_path / "source", ["0.00_discocyte000001"])
    members = {
        f"data/set/train/{p.parent.name}/{p.name}": p.read_bytes() for p in source.rglob("*.tif")
    }
    return zipped({**members, "__MACOSX/data/._set": b"x"})


def left(folder):
    return [p.name for p in folder.rglob("*")] if folder.exists() else []


def test_a_record_is_downloaded_and_unpacked(server, cells_zip, tmp_path):
    server.files = {"cells.zip": cells_zip, "README.txt": b"read me"}
    found = fetch(tmp_path / "out", base_url=server.api)
    assert found == tmp_path / "out" / "cells" / "data" / "set"
    assert [cell.name for cell in find_cells(found, need_obj=True)] == ["0.00_discocyte000001"]
    assert (tmp_path / "out" / "README.txt").read_bytes() == b"read me"
    assert not [name for name in left(tmp_path / "out") if name.startswith((".", "__"))]
    server.asked.clear()
    assert fetch(tmp_path / "out", base_url=server.api) == found
    assert server.asked == []


def test_a_transfer_that_breaks_off_again_and_again_is_completed(server, cells_zip, tmp_path):
    server.files, server.cut = {"cells.zip": cells_zip}, 100_000
    assert find_cells(fetch(tmp_path / "out", base_url=server.api))
    ranges = [wanted for _, wanted in server.asked]
    assert ranges == [None, "bytes=100000-", "bytes=200000-"]


def test_another_run_resumes(server, cells_zip, tmp_path):
    server.files, server.ranges, server.cut = {"cells.zip": cells_zip}, False, 1000
    with pytest.raises(FileError, match="was interrupted; re-run the same command"):
        fetch(tmp_path / "out", base_url=server.api)
    server.asked.clear()
    server.ranges, server.cut = True, None
    assert find_cells(fetch(tmp_path / "out", base_url=server.api))
    assert server.asked == [("cells.zip", "bytes=1000-")]


def test_a_server_without_ranges_starts_anew(server, cells_zip, tmp_path):
    server.files, server.cut = {"cells.zip": cells_zip}, 1000
    server.ranges = False
    with pytest.raises(FileError):
        fetch(tmp_path / "out", base_url=server.api)
    server.cut = None
    assert find_cells(fetch(tmp_path / "out", base_url=server.api))


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_a_part_that_is_whole_or_too_long(server, cells_zip, tmp_path, extra):
    server.files = {"cells.zip": cells_zip}
    digest = hashlib.md5(cells_zip).hexdigest()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f".cells.zip.{digest[:12]}.part").write_bytes(cells_zip + extra)
    assert find_cells(fetch(tmp_path / "out", base_url=server.api))
    assert len(server.asked) == (2 if extra else 1)


def test_a_server_that_goes_on_from_elsewhere_is_not_believed(server, cells_zip, tmp_path):
    server.files, server.cut = {"cells.zip": cells_zip}, 1000
    server.shift = 7
    assert find_cells(fetch(tmp_path / "out", base_url=server.api))


def test_another_hash_is_refused_and_nothing_left(server, cells_zip, tmp_path):
    server.files, server.checksums = {"cells.zip": cells_zip}, {"cells.zip": "md5:" + "0" * 32}
    with pytest.raises(FileError, match=r"cells\.zip does not match its md5 hash"):
        fetch(tmp_path / "out", base_url=server.api)
    assert left(tmp_path / "out") == []


def test_a_part_of_another_file_is_found_out(server, cells_zip, tmp_path):
    server.files = {"cells.zip": cells_zip}
    digest = hashlib.md5(cells_zip).hexdigest()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f".cells.zip.{digest[:12]}.part").write_bytes(b"x" * 100)
    with pytest.raises(FileError, match="hash"):
        fetch(tmp_path / "out", base_url=server.api)
    assert left(tmp_path / "out") == []
    assert find_cells(fetch(tmp_path / "out", base_url=server.api))


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (zipped({"../evil.tif": b"x"}), "outside of the target"),
        (zipped({"image/../../evil.tif": b"x"}), "outside of the target"),
        (zipped({"/evil.tif": b"x"}), "outside of the target"),
        (zipped({"C:/evil.tif": b"x"}), "outside of the target"),
        (zipped({"C:evil.tif": b"x"}), "outside of the target"),
        (zipped({"..\\evil.tif": b"x"}), "outside of the target"),
        (zipped({"link": b"/etc"}, attributes=0o120777 << 16), "is a link"),
        (b"no zip at all", "not a zip archive or damaged"),
        (zipped({"a": b"content"}).replace(b"content", b"CONTENT"), "not a zip archive or damaged"),
    ],
)
def test_unsafe_and_damaged_archives_are_not_unpacked(server, tmp_path, archive, words):
    server.files = {"cells.zip": archive}
    with pytest.raises(FileError, match=words):
        fetch(tmp_path / "out", base_url=server.api)
    assert left(tmp_path) == ["out", "cells.zip"]


def test_an_archive_that_explodes_is_not_unpacked(server, cells_zip, tmp_path, monkeypatch):
    monkeypatch.setattr("dispr.cells.unpack.largest_archive", lambda: 1000)
    server.files = {"cells.zip": cells_zip}
    with pytest.raises(FileError, match="more than the limit"):
        fetch(tmp_path / "out", base_url=server.api)
    assert "cells" not in left(tmp_path / "out")


def test_a_server_that_sends_too_much(server, cells_zip, tmp_path, monkeypatch):
    server.files = {"cells.zip": cells_zip}
    monkeypatch.setattr("dispr.cells.download.largest_archive", lambda: len(cells_zip) // 2)
    monkeypatch.setattr("dispr.cells.download.largest_text", lambda: 20)
    with pytest.raises(FileError, match="more than any list of files; to allow it, set DISPR"):
        fetch(tmp_path / "out", base_url=server.api)
    monkeypatch.setattr("dispr.cells.download.largest_text", lambda: 2**20)
    with pytest.raises(FileError, match=r"cells\.zip is larger than 0\.0 GB and was removed"):
        fetch(tmp_path / "out", base_url=server.api)
    assert left(tmp_path / "out") == []


def test_archives_of_one_folder_each_make_a_set(server, tmp_path, write_cells):
    source = write_cells(tmp_path / "source", ["a"])
    for kind, wrap in (("image", "image/"), ("mask", ""), ("obj", "obj/")):
        content = (source / kind / "a.tif").read_bytes()
        server.files[f"{kind}.zip"] = zipped({f"{wrap}a.tif": content})
    found = fetch(tmp_path / "out", base_url=server.api)
    assert found == tmp_path / "out"
    assert find_cells(found, need_obj=True)[0].name == "a"


def test_another_data_set_beside_it_is_not_taken_for_it(server, cells_zip, tmp_path, write_cells):
    write_cells(tmp_path / "mine", ["a"])
    server.files = {"cells.zip": cells_zip}
    assert fetch(tmp_path, base_url=server.api) == tmp_path / "cells" / "data" / "set"


def test_a_mirror_with_known_hashes(server, cells_zip, tmp_path):
    server.files = {"cells.zip": cells_zip}
    registry = {"cells.zip": "sha256:" + hashlib.sha256(cells_zip).hexdigest()}
    assert find_cells(fetch(tmp_path / "out", f"{server.url}/files/", registry))


def test_no_cells_in_the_record(server, tmp_path):
    server.files = {"cells.tar.gz": b"something"}
    with pytest.raises(FileError, match=r"contains cells\.tar\.gz after .* unpack the archives"):
        fetch(tmp_path / "out", base_url=server.api)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("<html>", "did not return a list"),
        ("{}", "has an unexpected format"),
        ("[]", "has an unexpected format"),
        ('{"files": []}', "lists no files"),
        ('{"files": [{"key": "../a", "checksum": "md5:0", "links": {"self": "x"}}]}', "a valid"),
        (
            '{"files": [{"key": "a", "checksum": "crc9:0", "links": {"self": "x"}}]}',
            "unknown type of hash",
        ),
        (
            '{"files": [{"key": "a", "checksum": null, "links": {"self": "x"}}]}',
            "unexpected format",
        ),
    ],
)
def test_records_that_are_not_understood(server, tmp_path, record, words):
    server.record = record
    with pytest.raises(FileError, match=words):
        fetch(tmp_path / "out", base_url=server.api)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "server refused"), (429, "too many requests"), (503, "run again later")],
)
def test_servers_that_refuse(server, tmp_path, status, words):
    server.status = status
    with pytest.raises(FileError, match=words):
        fetch(tmp_path / "out", base_url=server.api)


def test_a_server_that_cannot_be_reached(server, tmp_path, monkeypatch):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(FileError, match=r"127\.0\.0\.1:\d+ cannot be reached; check .* again\.$"):
        fetch(tmp_path / "out", base_url=server.api)
    monkeypatch.setattr("dispr.cells.fetch.RECORD", server.api)
    with pytest.raises(FileError, match=r"run again, or download manually from https://zenodo"):
        fetch(tmp_path / "out", base_url=server.api)


def test_a_folder_that_cannot_be_written(server, cells_zip, tmp_path):
    server.files = {"cells.zip": cells_zip}
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="Cannot write"):
        fetch(tmp_path / "file" / "out", base_url=server.api)
