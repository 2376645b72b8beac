"""Runs a model in this interpreter for a benchmark that runs in another one.

This one file is the whole worker. It needs numpy and Python 3.8 or newer, and may be copied::

    python segbench_worker.py [MODULE:CLASS]                 speaks on standard input and output
    python segbench_worker.py [MODULE:CLASS] --listen PORT   waits on 127.0.0.1, or on HOST:PORT

Without MODULE:CLASS the benchmark says which model it wants. docs/extending.md describes the messages.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # noqa: PTH109  models are looked for there, not in the folder of this file
    for _library in (
        "OMP",
        "OPENBLAS",
        "MKL",
    ):  # read when numpy is imported; as in the benchmark's processes
        os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import contextlib
import hashlib
import importlib
import json
import math
import platform
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import traceback
from collections import namedtuple
from collections.abc import Callable, Iterable
from functools import partial
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path
from typing import Any

import numpy as np

FORMAT = 1
MAGIC = b"segbench"
PREFIX = struct.Struct("<8sI")  # MAGIC and the number of bytes of the header
MAX_HEADER = 2**22  # bytes
MAX_BODY = 2**30  # bytes of all arrays of a message
MAX_DIMENSIONS = 8
TYPES = ("|b1", "|i1", "|u1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8")
TIME_LIMIT = 120  # seconds of a prediction, of a model without an attribute `time_limit`
GRACE = 2  # seconds in which a prediction may end after the benchmark has gone

Fields = dict  # of JSON values
Arrays = dict  # of numpy arrays


class WireError(Exception):
    """The bytes are not a message of this format, or a message would break its limits."""


def pack(kind: str, arrays: Arrays | None = None, **fields: Any) -> list[memoryview]:
    """Return a message as buffers: prefix and header, then each array; `WireError` if it is too large."""
    named = {name: _little(array) for name, array in (arrays or {}).items()}
    described = [[name, array.dtype.str, list(array.shape)] for name, array in named.items()]
    header = json.dumps({**fields, "kind": kind, "arrays": described}).encode()
    if len(header) > MAX_HEADER or sum(array.nbytes for array in named.values()) > MAX_BODY:
        raise WireError(f"a message has at most {MAX_HEADER} bytes of text and {MAX_BODY} bytes of arrays")
    return [memoryview(PREFIX.pack(MAGIC, len(header)) + header), *map(_bytes, named.values())]


def unpack(fill: Callable[[memoryview], None], most: int = MAX_BODY) -> tuple[Fields, Arrays]:
    """Read a message of at most so many bytes of arrays; sizes are checked before memory is allocated."""
    fill(memoryview(start := bytearray(PREFIX.size)))
    magic, length = PREFIX.unpack(start)
    if magic != MAGIC or length > MAX_HEADER:
        raise WireError(f"{bytes(start)!r} is not the start of a message")
    fill(memoryview(text := bytearray(length)))
    try:
        fields = json.loads(text.decode())
        described = [_checked(*entry) for entry in fields.pop("arrays")]
        str(fields["kind"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise WireError(f"the header is malformed ({type(error).__name__})") from error
    size = sum(math.prod(shape) * np.dtype(kind).itemsize for _, kind, shape in described)
    if size > most:
        raise WireError(f"arrays of {size} bytes are too large")
    arrays = {name: np.empty(shape, kind) for name, kind, shape in described}
    for array in arrays.values():
        fill(_bytes(array))
    return fields, arrays


def _checked(name: Any, kind: Any, shape: Any) -> tuple[str, str, list[int]]:
    sizes_fit = all(type(size) is int and 0 <= size <= MAX_BODY for size in shape)
    if not isinstance(name, str) or kind not in TYPES or len(shape) > MAX_DIMENSIONS or not sizes_fit:
        raise ValueError(name)
    return name, kind, shape


def _little(array: np.ndarray) -> np.ndarray:
    kind = array.dtype.newbyteorder("<")
    if kind.str not in TYPES:
        raise WireError(f"arrays of type {array.dtype} cannot be sent")
    return np.ascontiguousarray(array, kind).reshape(array.shape)


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


# A query where segbench is not installed; the fields are those of segbench.protocols.adapter.
Click = namedtuple("Click", "row column positive")
Box = namedtuple("Box", "top left bottom right")
Interactions = namedtuple("Interactions", "positive negative box clicks boxes")
Context = namedtuple("Context", "images labels")
Query = namedtuple("Query", "image interactions previous_logits context sets")


def query_of(fields: Fields, arrays: Arrays, kinds: Any) -> Any:
    """Return the query of a message; `kinds` is a module with the classes of a query."""
    interactions = context = None
    if "positive" in arrays:
        clicks = tuple(tuple(kinds.Click(*click) for click in image) for image in fields["clicks"])
        boxes = tuple(None if box is None else kinds.Box(*box) for box in fields["boxes"])
        maps = (arrays[name] for name in ("positive", "negative", "box"))
        interactions = kinds.Interactions(*maps, clicks, boxes)
    if "context_images" in arrays:
        context = kinds.Context(arrays["context_images"], arrays["context_labels"])
    sets = fields["sets"] and tuple(fields["sets"])
    return kinds.Query(arrays["image"], interactions, arrays.get("previous_logits"), context, sets)


class Model:
    """A model: ``module:Class``, or a name of segbench's if that is installed in this environment."""

    def __init__(self, name: str) -> None:
        self.name, (module, self.own, attribute) = name, name.partition(":")
        if self.own:
            self.kind = getattr(importlib.import_module(module), attribute)
        else:
            self.kind = _segbench("models.registry").MODELS.get(name)
        self.networks = tuple(getattr(self.kind, "required_weights", ()))
        torch = None if getattr(self.kind, "arrays", None) == "numpy" else _imported("torch")
        self.torch, self.kinds = torch, _imported("segbench.protocols.adapter") or sys.modules[__name__]
        self.adapter: Any = None

    def facts(self) -> Fields:
        """Return what the class declares, and what its predictions depend on."""
        kind, declared = self.kind, getattr(self.kind, "capabilities", None)
        if declared is None:
            raise TypeError(f"{self.name} has no attribute `capabilities`")
        return {
            "adapter": f"{kind.__module__}:{kind.__qualname__}",
            **{fact: str(getattr(kind, fact, "not stated")) for fact in ("licence", "trained_on")},
            "title": str(getattr(kind, "title", self.name)),
            "version": getattr(kind, "version", None),
            "capabilities": dict(declared if isinstance(declared, dict) else vars(declared)),
            "networks": self.networks,
            "time_limit": getattr(kind, "time_limit", TIME_LIMIT),
            "source": _source(kind.__module__),
            "python": platform.python_version(),
            "packages": _packages(),
        }

    def create(self, weights: str, device: str, precision: str) -> Fields:
        """Create the adapter, and return its attributes."""
        make = getattr(self.kind, "create", None) if self.own else _segbench("models.registry").create_model
        self.adapter = make(self.name, weights, device, precision) if make else self.kind()
        if device == "cpu":
            _one_thread()
        fingerprint = getattr(self.adapter, "fingerprint", None)
        return {
            "micro_batch": getattr(self.adapter, "micro_batch", 1),
            "fingerprint": fingerprint,
            "weights": self._checksum(weights, fingerprint),
        }

    def _checksum(self, weights: str, fingerprint: Any) -> str | None:
        """Return a digest of the weights: of the fingerprint, and of files; None without any."""
        path, names, sums = Path(weights), (*self.networks, self.name.partition(":")[0]), []
        if self.own:
            found = sorted(
                file for name in names for file in [*path.glob(f"{name}.*"), *path.glob(f"{name}/**/*")]
            )
            files = [file for file in [path, *found] if file.is_file()]
            sums = [_digest((file.name, file) for file in files)] if files else []
        else:
            hub, companion = _segbench("models.hub"), _segbench("models.weights").companion
            rest = [(network, companion(weights)) for network in self.networks[1:]]
            sums = [hub.checksum(*each) for each in [(name, weights) for name in self.networks[:1]] + rest]
        decisive = json.dumps([fingerprint, *sums])
        return None if fingerprint is None and not sums else hashlib.sha256(decisive.encode()).hexdigest()

    def predict(self, fields: Fields, arrays: Arrays) -> np.ndarray:
        """Return the logits of a query."""
        torch, device = self.torch, getattr(self.adapter, "device", None) or "cpu"
        if torch is None:
            logits = self.adapter.predict(query_of(fields, arrays, self.kinds))
        else:
            tensors = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
            with torch.inference_mode():
                logits = self.adapter.predict(query_of(fields, tensors, self.kinds))
        if hasattr(logits, "detach"):  # a tensor; numpy has no bfloat16
            logits = logits.detach().cpu()
            logits = (logits.float() if "bfloat16" in str(logits.dtype) else logits).numpy()
        if not isinstance(logits, np.ndarray):
            raise TypeError(f"predict returned {type(logits).__name__} instead of an array of logits")
        return logits


def _imported(module: str) -> Any:
    with contextlib.suppress(ImportError):
        return importlib.import_module(module)


def _segbench(module: str) -> Any:
    try:
        return importlib.import_module(f"segbench.{module}")
    except ImportError as error:
        raise ImportError(f"{sys.executable} needs segbench for this name ({error}); install it") from error


def _one_thread() -> None:
    """Let libraries that are imported now compute with one thread; more threads may round differently."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)


def _source(module: str) -> str:
    """Return the digest of the package of a module, or of what is imported of segbench's models."""
    if module.startswith("segbench."):
        loaded = [name for name in sorted(sys.modules) if name.startswith("segbench.models")]
        return _digest((name, Path(str(sys.modules[name].__file__))) for name in loaded)
    package, suffixes = sys.modules[module.partition(".")[0]], (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES)
    files = [
        (file.relative_to(folder).as_posix(), file)
        for folder in map(Path, getattr(package, "__path__", ()))
        for file in folder.rglob("*")
        if file.name.endswith(suffixes)
    ]
    return _digest(sorted(files) or [("", Path(str(package.__file__)))])


def _packages() -> dict[str, str]:
    """Return the versions of the installed packages that are imported by now and state a version."""
    top = {name: module for name, module in sorted(sys.modules.items()) if "." not in name}
    installed = {n: m for n, m in top.items() if "-packages" in str(getattr(m, "__file__", None))}
    stated = {name: vars(module).get("__version__") for name, module in installed.items()}
    return {name: version for name, version in stated.items() if isinstance(version, str)}


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    total = hashlib.sha256()
    for name, file in files:
        total.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return total.hexdigest()


def read_into(source: int, buffer: memoryview) -> None:
    """Fill a buffer with the next bytes; EOFError when the benchmark has gone."""
    while buffer.nbytes:
        count = os.readv(source, [buffer])
        if not count:
            raise EOFError
        buffer = buffer[count:]


def send(target: int, message: Iterable[memoryview]) -> None:
    """Send a message as `pack` returns it."""
    for buffer in message:
        while buffer.nbytes:
            buffer = buffer[os.write(target, buffer) :]


def end_with(source: int) -> None:
    """End this process soon after the benchmark has gone, even in the middle of a prediction."""
    gone = select.poll()
    gone.register(source, getattr(select, "POLLRDHUP", 0))  # the end of a pipe is always reported
    gone.poll()
    time.sleep(GRACE)
    os._exit(1)


def serve(source: int, target: int, fixed: str | None = None) -> None:
    """Answer a benchmark until it has gone; `fixed` is the model, whatever the benchmark calls it."""
    model: Any = None
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            fields, arrays = unpack(partial(read_into, source))
            try:
                if fields.get("format", FORMAT) != FORMAT:
                    raise ValueError(f"this worker speaks format {FORMAT}; copy segbench_worker.py again")
                if fields["kind"] == "hello":
                    model = Model(fixed or fields["model"])
                    answer = pack("facts", format=FORMAT, **model.facts())
                elif fields["kind"] == "create":
                    answer = pack("ready", **model.create(**fields["options"]))
                else:
                    answer = pack("logits", {"logits": model.predict(fields, arrays)})
            except BaseException as error:  # also an exit: the benchmark names it
                traceback.print_exc()
                answer = pack("error", text=_sentence(error))
            send(target, answer)


def _sentence(error: BaseException) -> str:
    """Describe an error, with the last place outside of this file."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    place = f" ({Path(places[-1].filename).name}, line {places[-1].lineno})" if places else ""
    return f"{type(error).__name__}: {error}"[:2000] + place


def listen(address: str, words: list[str]) -> None:
    """Start a worker for every benchmark that connects."""
    host, _, port = address.rpartition(":")
    command = [sys.executable, str(Path(__file__).resolve()), *words]
    with socket.create_server((host or "127.0.0.1", int(port))) as server:
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            subprocess.Popen(command, stdin=connection.fileno(), stdout=connection.fileno())
            connection.close()


def main(words: list[str]) -> None:
    """Run the worker."""
    if "--listen" in words:
        place = words.index("--listen")
        return listen(words[place + 1], words[:place])
    # The model may print and read: its standard output is standard error, and its input is empty.
    source, target = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with, args=(source,), daemon=True).start()
    serve(source, target, words[0] if words else None)


if __name__ == "__main__":
    main(sys.argv[1:])
