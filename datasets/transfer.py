"""Downloading a file over HTTP; a broken transfer goes on where it stopped (RFC 9110, section 14)."""

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
PAUSES = (1, 2, 4)  # seconds before each further try without progress
TIMEOUT = 30  # seconds without a byte
BY_HAND = "download it in a browser and pass --url file:PATH"


class _State(NamedTuple):
    """What ``<part>.json`` says of a part: its link, the version of the file there, and the whole length."""

    url: str
    version: str | None = None
    length: int | None = None


def transfer(url: str, part: Path, limit: int) -> None:
    """Download a link, or what is missing of it; without any request if nothing is.

    A part is continued if it came from the same link, the server takes ranges and the file there has not
    changed, which its ETag or its date tells. Otherwise it begins anew.

    Parameters
    ----------
    url : str
        An http or https link.
    part : Path
        The file to write, which stays after an error and is complete afterwards.
    limit : int
        Bytes that it may take.

    Raises
    ------
    DataError
        If the link cannot be reached, the connection breaks again and again, or the file is larger than
        `limit`.
    OSError
        If the file cannot be written.
    """
    import requests
    import urllib3

    pauses, most = iter(PAUSES), _size(part)
    while True:
        try:
            return _attempt(url, part, limit)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if _size(part) > most:
                pauses, most = iter(PAUSES), _size(part)
            pause = next(pauses, None)
            if pause is None or not _may_pass(error):
                raise DataError(_sentence(url, part, error)) from error
            time.sleep(pause)


def forget(part: Path) -> None:
    """Remove a part and what is known of it."""
    part.unlink(missing_ok=True)
    _state_file(part).unlink(missing_ok=True)


def _attempt(url: str, part: Path, limit: int) -> None:
    import requests

    state, size = _read_state(url, part), _size(part)
    if size == state.length:
        return
    # Another encoding would make lengths and ranges those of something else.
    headers = {"Accept-Encoding": "identity"}
    if size and state.version:
        headers |= {"Range": f"bytes={size}-", "If-Range": state.version}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            forget(part)
            raise requests.ConnectionError("the file became shorter")
        response.raise_for_status()
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity" and not url.endswith("gz"):  # some servers say it of a file.tar.gz
            raise DataError(f"the server gives {url} only as {encoding}; {BY_HAND}")
        if response.status_code != requests.codes.partial_content:
            state = _begin(url, part, response.headers)
        elif not _continues(response.headers, state, size):
            forget(part)
            raise requests.ConnectionError("the file changed")
        _receive(response, part, state.length, limit)
    if state.length is None:
        _write_state(part, state._replace(length=_size(part)))
    elif _size(part) != state.length:
        raise requests.ConnectionError("the transfer ended early")


def _begin(url: str, part: Path, headers: Mapping[str, str]) -> _State:
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"")  # before its state, which must never be that of other bytes
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
                forget(part)
                raise DataError(f"what {response.url} gives is larger than {limit} bytes; not downloaded")
            file.write(chunk)
            bar.update(len(chunk))


def _continues(headers: Mapping[str, str], state: _State, size: int) -> bool:
    """Whether a partial answer begins where the part ends, and is of the same file."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    if not found or int(found[1]) != size or _version(headers) not in (None, state.version):
        return False
    return found[2] == "*" or state.length is None or int(found[2]) == state.length


def _version(headers: Mapping[str, str]) -> str | None:
    """What ``If-Range`` may name: a strong ETag, or else the date."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")


def _may_pass(error: Exception) -> bool:
    """Whether the same request may succeed a little later."""
    import requests

    response = getattr(error, "response", None)
    if response is None:
        return not (isinstance(error, ValueError) or _certificate(error))  # the first: an impossible link
    status: int = response.status_code
    return status >= 500 or status == requests.codes.too_many_requests


def _certificate(error: Exception) -> bool:
    """Whether the host could not prove who it is."""
    import requests

    return isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)


def _sentence(url: str, part: Path, error: Exception) -> str:
    response, request = getattr(error, "response", None), getattr(error, "request", None)
    if _certificate(error):
        host = urlsplit(url if request is None else request.url).hostname
        return f"cannot download {url}, the certificate of {host} is not accepted; {BY_HAND}"
    reason = type(error).__name__
    if reason == "HTTPError" and response is not None:
        reason = f"HTTP status {response.status_code}"
    size, length = _size(part), _read_state(url, part).length
    if size and _may_pass(error):
        came = f"{size} bytes" if length is None else f"{size} of {length} bytes"
        return (
            f"the download of {url} broke off after {came} ({reason}); run the same command again to continue"
        )
    advice = "the link may have moved, see `list datasets`"
    if response is None or _may_pass(error):
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
