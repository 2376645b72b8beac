"""Resumed downloads from a server that fails in many ways."""

from __future__ import annotations

import errno
import gzip
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from served import Web, serving

from segbench.datasets.download import transfer, transfers
from segbench.datasets.task import DataError

CONTENT = bytes(range(256)) * 1200  # 307,200 bytes, different at every shift below 256
OTHER = CONTENT[::-1]
LIMIT = 1_000_000


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(transfers, "PAUSES", ())  # one try a call
    with serving() as web:
        yield web


def set_retries(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(transfers, "PAUSES", (0,) * count)


@contextmanager
def serve_answer(
    status: int, headers: dict[str, str], body: bytes = b"", tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[str]]]:
    """The port of a server that gives one answer to all requests, and the list of requests."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        def finish_request(self, request: socket.socket, client: object) -> None:
            asked.append("connected")
            with suppress(OSError):  # a client that hangs up
                if tls:
                    request = tls.wrap_socket(request, server_side=True)
                super().finish_request(request, client)

    with Server(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield http.server_address[1], asked
        http.shutdown()


def test_a_complete_file_is_not_requested_again(web: Web, tmp_path: Path) -> None:
    url, part = web.put("x", CONTENT), tmp_path / "folder" / "x.part"
    for _ in range(2):
        transfer(url, part, LIMIT)
        assert part.read_bytes() == CONTENT
    assert web.requests == [("/x", None)]


def test_the_next_call_requests_the_rest_of_a_broken_transfer(web: Web, tmp_path: Path) -> None:
    url, part = web.put("x", CONTENT, cuts=[200_000]), tmp_path / "x.part"
    with pytest.raises(DataError, match=r"broke off after 200000 of 307200 bytes .* repeat the command"):
        transfer(url, part, LIMIT)
    assert part.read_bytes() == CONTENT[:200_000]
    transfer(url, part, LIMIT)
    assert part.read_bytes() == CONTENT
    assert web.requests == [("/x", None), ("/x", "bytes=200000-")]
    assert web.sent == [200_000, 107_200]


def test_a_call_retries(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_retries(monkeypatch, count=3)
    url, part = web.put("x", CONTENT, cuts=[100_000, 250_000], statuses=[503]), tmp_path / "x.part"
    transfer(url, part, LIMIT)
    assert part.read_bytes() == CONTENT
    assert web.requests == [("/x", asked) for asked in (None, None, "bytes=100000-", "bytes=250000-")]


def test_a_call_continues_while_bytes_arrive(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_retries(monkeypatch, count=2)
    cuts = list(range(50_000, 300_001, 50_000))
    url, part = web.put("x", CONTENT, cuts=[*cuts]), tmp_path / "x.part"
    transfer(url, part, LIMIT)
    assert part.read_bytes() == CONTENT and len(web.requests) == len(cuts) + 1


def test_starting_over_is_no_progress(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_retries(monkeypatch, count=2)
    url = web.put("x", CONTENT, ranges=False, cuts=[100_000, 50_000, 90_000, 50_000, 90_000])
    with pytest.raises(DataError, match="broke off after 90000 of"):
        transfer(url, tmp_path / "x.part", LIMIT)
    assert len(web.requests) == 3


@pytest.mark.parametrize(
    "how", [{"ranges": False}, {"etag": None}, {"etag": 'W/"1"'}, {"chunked": True, "ranges": False}]
)
def test_without_ranges_or_a_version_it_starts_over(web: Web, tmp_path: Path, how: dict[str, object]) -> None:
    url, part = web.put("x", CONTENT, cuts=[200_000], **how), tmp_path / "x.part"
    with pytest.raises(DataError, match="repeat the command"):
        transfer(url, part, LIMIT)
    transfer(url, part, LIMIT)
    assert part.read_bytes() == CONTENT
    assert web.sent == [200_000, 307_200]


def test_a_complete_file_of_unknown_length_is_not_requested_again(web: Web, tmp_path: Path) -> None:
    url, part = web.put("x", CONTENT, chunked=True), tmp_path / "x.part"
    transfer(url, part, LIMIT)
    transfer(url, part, LIMIT)
    assert part.read_bytes() == CONTENT and len(web.requests) == 1


@pytest.mark.parametrize("careful", [True, False])
@pytest.mark.parametrize("content", [OTHER, OTHER[:150_000]])
def test_a_changed_file_starts_over(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, careful: bool, content: bytes
) -> None:
    url, part = web.put("x", CONTENT, cuts=[200_000]), tmp_path / "x.part"
    with pytest.raises(DataError, match="broke off"):
        transfer(url, part, LIMIT)
    web.put("x", content, etag='"2"', careful=careful)
    set_retries(monkeypatch, count=1)
    transfer(url, part, LIMIT)
    assert part.read_bytes() == content


def test_the_part_of_another_link_starts_over(web: Web, tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    with pytest.raises(DataError, match="broke off"):
        transfer(web.put("x", CONTENT, cuts=[200_000]), part, LIMIT)
    transfer(web.put("y", OTHER), part, LIMIT)
    assert part.read_bytes() == OTHER
    assert web.requests[1] == ("/y", None)


def test_a_damaged_state_starts_over(web: Web, tmp_path: Path) -> None:
    url, part = web.put("x", CONTENT), tmp_path / "x.part"
    part.write_bytes(b"whatever")
    (tmp_path / "x.part.json").write_text('{"url": ')
    transfer(url, part, LIMIT)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("lenient", [True, False])
def test_a_length_that_is_never_reached_is_an_error(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lenient: bool
) -> None:
    if lenient:  # as urllib3 was before version 2
        monkeypatch.setattr("urllib3.HTTPResponse._init_length", lambda *_: None)
    url, part = web.put("x", CONTENT, claims=400_000), tmp_path / "x.part"
    with pytest.raises(DataError, match="broke off after 307200 of 400000 bytes"):
        transfer(url, part, LIMIT)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("chunked", [True, False])
def test_a_file_that_is_too_large_is_dropped(web: Web, tmp_path: Path, chunked: bool) -> None:
    with pytest.raises(DataError, match=r"/x is larger than 300000 bytes"):
        transfer(web.put("x", CONTENT, chunked=chunked), tmp_path / "x.part", limit=300_000)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_not_requested_twice(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_retries(monkeypatch, count=3)
    with pytest.raises(
        DataError, match=r"cannot download .*/x \(HTTP status 404\); the link may have moved.*--url file:PATH"
    ):
        transfer(f"{web.address}/x", tmp_path / "x.part", LIMIT)
    assert len(web.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_overloaded_server_is_named_as_the_cause(web: Web, tmp_path: Path) -> None:
    url = web.put("x", CONTENT, statuses=[503])
    with pytest.raises(DataError, match=r"\(HTTP status 503\); try again later"):
        transfer(url, tmp_path / "x.part", LIMIT)


def test_a_link_that_leads_in_a_circle(web: Web, tmp_path: Path) -> None:
    message = r"/x \(TooManyRedirects\); the link may have moved"
    with serve_answer(302, {"Location": "/x"}) as (port, _), pytest.raises(DataError, match=message):
        transfer(f"http://127.0.0.1:{port}/x", tmp_path / "x.part", LIMIT)


def test_an_encoding_that_was_not_requested(web: Web, tmp_path: Path) -> None:
    """Some servers send it with a file that is compressed itself; that is accepted."""
    packed = gzip.compress(CONTENT)
    with serve_answer(200, {"Content-Encoding": "gzip"}, packed) as (port, _):
        url = f"http://127.0.0.1:{port}/x"
        with pytest.raises(
            DataError, match="only as gzip; download it in a browser and pass --url file:PATH"
        ):
            transfer(url, tmp_path / "x.part", LIMIT)
        transfer(f"{url}.tar.gz", tmp_path / "y.part", LIMIT)
    assert (tmp_path / "y.part").read_bytes() == packed


def test_a_rejected_certificate_is_not_retried(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    set_retries(monkeypatch, count=3)
    monkeypatch.setenv("NO_PROXY", "localhost")
    message = "the certificate of localhost is not accepted; download it in a browser"
    with serve_answer(200, {}, CONTENT, tls) as (port, asked), pytest.raises(DataError, match=message):
        transfer(f"https://localhost:{port}/x", tmp_path / "x.part", LIMIT)
    assert asked == ["connected"]


def test_a_missing_network_is_named(web: Web, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
        with pytest.raises(DataError, match=rf"cannot download {url} \(ConnectionError\); check the network"):
            transfer(url, tmp_path / "x.part", LIMIT)


def test_an_interrupted_transfer_keeps_its_part(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tqdm

    url, part = web.put("x", CONTENT), tmp_path / "x.part"

    def press(bar: object, count: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tqdm.tqdm, "update", press)
        with pytest.raises(KeyboardInterrupt):
            transfer(url, part, LIMIT)
    came = part.stat().st_size
    assert 0 < came < len(CONTENT)
    transfer(url, part, LIMIT)
    assert part.read_bytes() == CONTENT
    assert web.requests[1] == ("/x", f"bytes={came}-")


def test_a_full_disk_is_not_retried(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    set_retries(monkeypatch, count=3)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        transfer(web.put("x", CONTENT), tmp_path / "x.part", LIMIT)
    assert len(web.requests) == 1
