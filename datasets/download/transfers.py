"""Download a file over HTTP; an interrupted transfer continues where it stopped (RFC 9110, section 14)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from segbench.datasets.task import DataError

if TYPE_CHECKING:
    import requests

CHUNK = 1 << 16  # bytes
PAUSES = (1, 2, 4)  # seconds before each retry without progress
TIMEOUT = 30  # seconds without a byte
MANUAL_DOWNLOAD = "download it in a browser and pass --url file:PATH"


class _State(NamedTuple):
    """Content of ``<part>.json``: the link, the version of the file on the server, and its full length."""

    url: str
    version: str | None = None
    length: int | None = None


def transfer(url: str, part: Path, limit: int) -> None:
    """Download a link, or only its missing bytes; a complete file costs no request.

    A part is continued if it came from the same link, the server supports ranges, and the ETag or date of
    the file has not changed. Otherwise the download restarts.

    Parameters
    ----------
    url : str
        An http or https link.
    part : Path
        The file to write. It is complete on return, and stays after an error.
    limit : int
        Most bytes of the file.

    Raises
    ------
    DataError
        If the link cannot be reached, the connection breaks repeatedly, or the file is larger than `limit`.
    OSError
        If the file cannot be written.
    """
    import requests
    import urllib3

    pauses, largest = iter(PAUSES), _size(part)
    while True:
        try:
            return _attempt(url, part, limit)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if _size(part) > largest:
                pauses, largest = iter(PAUSES), _size(part)
            pause = next(pauses, None)
            if pause is None or not _is_temporary(error):
                raise DataError(_describe(url, part, error)) from error
            time.sleep(pause)


def discard(part: Path) -> None:
    """Remove a partial download and its state."""
    part.unlink(missing_ok=True)
    _state_file(part).unlink(missing_ok=True)


def _attempt(url: str, part: Path, limit: int) -> None:
    import requests

    state, size = _read_state(url, part), _size(part)
    if size == state.length:
        return
    # Lengths and ranges of another encoding would not be those of the file.
    headers = {"Accept-Encoding": "identity"}
    if size and state.version:
        headers |= {"Range": f"bytes={size}-", "If-Range": state.version}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            discard(part)
            raise requests.ConnectionError("the file became shorter")
        response.raise_for_status()
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity" and not url.endswith("gz"):  # some servers send it with a file.tar.gz
            raise DataError(f"the server sends {url} only as {encoding}; {MANUAL_DOWNLOAD}")
        if response.status_code != requests.codes.partial_content:
            state = _restart(url, part, response.headers)
        elif not _continues(response.headers, state, size):
            discard(part)
            raise requests.ConnectionError("the file changed")
        _receive(response, part, state.length, limit)
    if state.length is None:
        _write_state(part, state._replace(length=_size(part)))
    elif _size(part) != state.length:
        raise requests.ConnectionError("the transfer ended early")


def _restart(url: str, part: Path, headers: Mapping[str, str]) -> _State:
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"")  # before the state: a state must never describe older bytes
    length = headers.get("Content-Length", "")
    state = _State(url, _version(headers), int(length) if length.isdecimal() else None)
    _write_state(part, state)
    return state


def _receive(response: requests.Response, part: Path, length: int | None, limit: int) -> None:
    from tqdm import tqdm

    size = _size(part)
    bar = tqdm(desc=part.stem, initial=size, total=length, unit="B", unit_scale=True, delay=1)
    with part.open("ab") as file, bar:
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            size += len(chunk)
            if max(size, length or 0) > limit:
                discard(part)
                raise DataError(f"the file at {response.url} is larger than {limit} bytes; not downloaded")
            file.write(chunk)
            bar.update(len(chunk))


def _continues(headers: Mapping[str, str], state: _State, size: int) -> bool:
    """Whether a partial response starts at the end of the part and belongs to the same file."""
    content_range = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    if not content_range or int(content_range[1]) != size or _version(headers) not in (None, state.version):
        return False
    return content_range[2] == "*" or state.length is None or int(content_range[2]) == state.length


def _version(headers: Mapping[str, str]) -> str | None:
    """The value for ``If-Range``: a strong ETag, else the date."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")


def _is_temporary(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    import requests

    response = getattr(error, "response", None)
    if response is None:
        # Invalid links are a ValueError.
        return not (isinstance(error, ValueError) or _is_certificate_error(error))
    status: int = response.status_code
    return status >= 500 or status == requests.codes.too_many_requests


def _is_certificate_error(error: Exception) -> bool:
    import requests

    return isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)


def _describe(url: str, part: Path, error: Exception) -> str:
    """Say in one sentence why a download failed, and what to do."""
    response, request = getattr(error, "response", None), getattr(error, "request", None)
    if _is_certificate_error(error):
        host = urlsplit(url if request is None else request.url).hostname
        return f"cannot download {url}, the certificate of {host} is not accepted; {MANUAL_DOWNLOAD}"
    reason = type(error).__name__
    if reason == "HTTPError" and response is not None:
        reason = f"HTTP status {response.status_code}"
    size, length = _size(part), _read_state(url, part).length
    if size and _is_temporary(error):
        progress = f"{size} bytes" if length is None else f"{size} of {length} bytes"
        return f"the download of {url} broke off after {progress} ({reason}); repeat the command to continue"
    advice = "the link may have moved, see `list datasets`"
    if response is None or _is_temporary(error):
        advice = "check the network" if response is None else "try again later"
    return f"cannot download {url} ({reason}); {advice}, or get the file elsewhere and pass --url file:PATH"


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _state_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_state(url: str, part: Path) -> _State:
    try:
        state = _State(**json.loads(_state_file(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return _State(url)
    return state if state.url == url else _State(url)


def _write_state(part: Path, state: _State) -> None:
    _state_file(part).write_text(json.dumps(state._asdict()), encoding="utf-8")
