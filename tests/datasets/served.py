"""A local web server that answers correctly or with faults, and records its requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """A file of the server, and how it is sent.

    ``cuts`` are the byte counts at which the next answers break off, ``claims`` is a wrong length, and
    ``statuses`` are sent first instead of the file.
    """

    content: bytes
    etag: str | None = '"1"'
    ranges: bool = True
    careful: bool = True  # the server compares If-Range
    chunked: bool = False
    claims: int | None = None
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@dataclass
class Web:
    """The server: its address, its pages and its past requests."""

    address: str = ""
    pages: dict[str, Page] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path and Range
    sent: list[int] = field(default_factory=list)  # bytes of each body

    def put(self, name: str, content: bytes, **how: object) -> str:
        self.pages[f"/{name}"] = Page(content, **how)  # type: ignore[arg-type]
        return f"{self.address}/{name}"


class Handler(BaseHTTPRequestHandler):
    web: Web

    def do_GET(self) -> None:
        byte_range = self.headers.get("Range")
        self.web.requests.append((self.path, byte_range))
        page = self.web.pages.get(self.path)
        if page is None or page.statuses:
            self.send_error(404 if page is None else page.statuses.pop(0))
            return
        start, length = 0, len(page.content)
        same = not page.careful or self.headers.get("If-Range") == page.etag
        if byte_range and page.ranges and same:
            start = int(byte_range.removeprefix("bytes=").removesuffix("-"))
            if start >= length:
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header("Connection", "close")
        if page.etag:
            self.send_header("ETag", page.etag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{length - 1}/{length}")
        if page.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str((page.claims or length) - start))
        self.end_headers()
        body = page.content[start : page.cuts.pop(0) if page.cuts else length]
        self.web.sent.append(len(body))
        if page.chunked:
            whole = start + len(body) == length
            body = b"%x\r\n%s\r\n" % (len(body), body) + (b"0\r\n\r\n" if whole else b"")
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


@contextmanager
def serving() -> Iterator[Web]:
    web = Web()
    handler = type("Handler", (Handler,), {"web": web, "protocol_version": "HTTP/1.1"})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        web.address = f"http://127.0.0.1:{http.server_address[1]}"
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield web
        http.shutdown()
