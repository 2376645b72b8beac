"""A model hub on this machine that answers as huggingface_hub expects."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

LARGE = (".safetensors", ".bin")  # kept as Git LFS does, with SHA-256


class FakeHub:
    """Repositories by name: revisions with their commits, and the files of each commit.

    Attributes
    ----------
    gated : set of str
        Repositories whose files need accepted terms.
    requests : list of str
        Paths that were asked for.
    """

    def __init__(self) -> None:
        self.revisions: dict[str, dict[str, str]] = {}
        self.commits: dict[tuple[str, str], dict[str, bytes]] = {}
        self.gated: set[str] = set()
        self.requests: list[str] = []
        self.address = ""

    def push(self, repository: str, files: dict[str, bytes], revision: str = "main") -> str:
        """Make a commit of these files the newest of a revision."""
        number = len(self.commits)
        commit = hashlib.sha1(f"{repository}{number}".encode()).hexdigest()
        self.commits[repository, commit] = files
        self.revisions.setdefault(repository, {})[revision] = commit
        return commit

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body for a path."""
        self.requests.append(path)
        kind, _, rest = unquote(path.partition("?")[0]).lstrip("/").partition("/")
        of_api = kind == "api"
        parts = (rest.removeprefix("models/") if of_api else f"{kind}/{rest}").split("/")
        owner, name, *more = parts if len(parts) > 1 else ("", "")  # the library asks for other things too
        repository, action, rest = f"{owner}/{name}", (more or ["revision"])[0], "/".join(more[1:])
        if repository not in self.revisions:
            return 401, {"X-Error-Code": "RepoNotFound"}, b""
        if of_api and action == "revision":
            commit = self._commit(repository, rest or "main")
            if commit is None:
                return 404, {"X-Error-Code": "RevisionNotFound"}, b""
            return 200, {}, json.dumps({"id": repository, "sha": commit, "siblings": []}).encode()
        commit, _, file = rest.partition("/")
        files = self.commits.get((repository, commit))
        if files is None:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        if of_api:
            return 200, {}, json.dumps([_entry(name, files[name]) for name in sorted(files)]).encode()
        if repository in self.gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b""
        if file not in files:
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        entry = _entry(file, files[file])
        etag = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
        return 200, {"ETag": f'"{etag}"', "X-Repo-Commit": commit}, files[file]

    def _commit(self, repository: str, revision: str) -> str | None:
        known = (repository, revision) in self.commits
        return revision if known else self.revisions[repository].get(revision)


def _entry(name: str, content: bytes) -> dict[str, object]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": blob}
    if name.endswith(LARGE):
        sha = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha, "size": len(content), "pointerSize": 100}
    return entry


@contextmanager
def serve(monkeypatch: pytest.MonkeyPatch, cache: str) -> Iterator[FakeHub]:
    """Run a hub, which huggingface_hub uses in place of the public one, with an empty cache."""
    from huggingface_hub import constants

    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = hub.answer(self.path)
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hub.address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        template = f"{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", cache)
        yield hub
        server.shutdown()
