"""Download a file in as many attempts as it takes, each going on where the last broke off."""

from __future__ import annotations

import contextlib
import json
import os
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dispr.errors import FileError
from dispr.limits import largest_archive, largest_text, raise_it

CONNECT_SECONDS = 20
READ_SECONDS = 60
_CHUNK = 2**16


def get_json(url: str) -> Any:
    """Ask a server for JSON.

    Raises
    ------
    FileError
        If it cannot be reached, refuses, or answers with something else.
    """
    import requests

    with (
        _clear_errors(url),
        requests.get(url, timeout=(CONNECT_SECONDS, READ_SECONDS), stream=True) as response,
    ):
        _raise_for_status(response, url)
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > largest_text():
                raise FileError(f"{url} answers with more than any list of files; {raise_it()}.")
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise FileError(
                f"{url} did not return a list of files; perhaps a proxy or a login page "
                "intercepted the request."
            ) from error


class ResumingDownload:
    """A downloader for pooch that keeps what it has in a file and asks only for the rest.

    Parameters
    ----------
    part : Path
        Where to keep the beginning of the file between attempts and between runs.
    label : str
        What the progress bar calls the file.
    progress : bool
        Whether to show a progress bar.
    """

    def __init__(self, part: Path, label: str, progress: bool = False) -> None:
        self.part = part
        self.label = label
        self.progress = progress

    def __call__(
        self, url: str, output_file: str, pooch: Any = None, check_only: bool = False
    ) -> bool | None:
        """Download `url` to `output_file`; pooch gives the last two arguments, unused here."""
        while True:
            before = self._size()
            if before > largest_archive():
                self.part.unlink()
                raise FileError(
                    f"{url} is larger than {largest_archive() / 1e9:.1f} GB and was removed; check "
                    f"the address; {raise_it()}."
                )
            try:
                with _clear_errors(url):
                    complete = self._attempt(url)
            except FileError:
                # As long as each attempt brings something, the end will come.
                if self._size() > before:
                    continue
                raise
            if complete:
                os.replace(self.part, output_file)
                return None

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _attempt(self, url: str) -> bool:
        """Ask for what is missing and append it; False if the part is no good, or too large."""
        import requests
        from tqdm import tqdm

        have = self._size()
        # Compressed on the way, the bytes to skip would be others than those on the disk.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(
            url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)
        ) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable and have:
                # Nothing is left to ask for: the part is whole, or not a part of this file.
                if _total(response) == have:
                    return True
                self.part.unlink()
                return False
            _raise_for_status(response, url)
            resumed = response.status_code == requests.codes.partial_content
            if resumed and _first_byte(response) != have:
                self.part.unlink()
                return False
            length = response.headers.get("Content-Length", "")
            start = have if resumed else 0
            with (
                open(self.part, "ab" if resumed else "wb") as file,
                tqdm(
                    desc=self.label,
                    initial=start,
                    total=start + int(length) if length.isdigit() else None,
                    unit="B",
                    unit_scale=True,
                    disable=None if self.progress else True,
                ) as bar,
            ):
                most = largest_archive()
                for chunk in response.iter_content(_CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
                    if file.tell() > most:
                        return False
        return True


def _first_byte(response: Any) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _total(response: Any) -> int | None:
    match = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _raise_for_status(response: Any, url: str) -> None:
    if response.status_code == 429:
        raise FileError(
            f"{url} received too many requests (status 429); try again in a few minutes."
        )
    if response.status_code >= 500:
        raise FileError(
            f"{url} is not available at the moment: server error (status {response.status_code}); "
            "run again later."
        )
    if response.status_code >= 400:
        raise FileError(
            f"{url} is not available: the server refused the request (status "
            f"{response.status_code}); check the address."
        )


@contextlib.contextmanager
def _clear_errors(url: str) -> Iterator[None]:
    """Turn the errors of a connection into one sentence each."""
    import requests

    host = urllib.parse.urlsplit(url).netloc or url
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise FileError(
            f"{host} has an invalid certificate; check the system clock and the proxy."
        ) from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise FileError(
            f"The download of {url} was interrupted; re-run the same command to resume."
        ) from error
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
        raise FileError(f"{host} cannot be reached; check the network and run again.") from error
    except requests.exceptions.RequestException as error:
        raise FileError(f"{url} cannot be downloaded: {error}.") from error
