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
    sys.path[0] = os.getcwd()  # noqa: PTH109  where models are looked for; before, it was the folder of this file
    # One thread, as in the benchmark's own processes; libraries read these when they are imported.
    for _library in ("OMP", "OPENBLAS", "MKL"):
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
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Tuple  # noqa: UP035  Python 3.8

import numpy as np

FORMAT = 1
MAGIC = b"segbench"
PREFIX = struct.Struct("<8sI")  # MAGIC and the number of bytes of the header
MAX_HEADER = 2**22  # bytes
MAX_BODY = 2**30  # bytes of all arrays of a message
MAX_DIMENSIONS = 8
TYPES = ("|b1", "|i1", "|u1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8")
TIME_LIMIT = 120  # seconds of a prediction, of a model without an attribute `time_limit`
GRACE = 5  # seconds in which the model may finish after the benchmark has gone

Fields = Dict[str, Any]  # noqa: UP006
Arrays = Dict[str, np.ndarray]  # noqa: UP006


class WireError(Exception):
    """The bytes are not a message of this format."""


def pack(kind: str, arrays: Arrays | None = None, **fields: Any) -> list[memoryview]:
    """Return a message as buffers: prefix and header, then each array.

    Parameters
    ----------
    kind : str
    arrays : dict of str to array, optional
    **fields : JSON values

    Raises
    ------
    WireError
        If an array has another type than `TYPES`, or the message is too large.
    """
    named = {name: _little(array) for name, array in (arrays or {}).items()}
    described = [[name, array.dtype.str, list(array.shape)] for name, array in named.items()]
    header = json.dumps({**fields, "kind": kind, "arrays": described}).encode()
    if len(header) > MAX_HEADER or sum(array.nbytes for array in named.values()) > MAX_BODY:
        raise WireError(f"a message may have {MAX_HEADER} bytes of text and {MAX_BODY} bytes of arrays")
    bodies = [_bytes(array) for array in named.values()]
    return [memoryview(PREFIX.pack(MAGIC, len(header)) + header), *bodies]


def unpack(fill: Callable[[memoryview], None], most: int = MAX_BODY) -> tuple[Fields, Arrays]:
    """Read a message; every size is checked before its memory is allocated.

    Parameters
    ----------
    fill : callable
        Fills a buffer with the next bytes, or raises.
    most : int
        Bytes that the arrays may have.

    Returns
    -------
    fields, arrays : dict

    Raises
    ------
    WireError
        If the bytes are not a message.
    """
    start = bytearray(PREFIX.size)
    fill(memoryview(start))
    magic, length = PREFIX.unpack(start)
    if magic != MAGIC:
        raise WireError(f"{bytes(start)!r} is not the start of a message")
    if length > MAX_HEADER:
        raise WireError(f"a header of {length} bytes is too long")
    text = bytearray(length)
    fill(memoryview(text))
    try:
        fields = json.loads(text.decode())
        described = [(str(name), _known(kind), _shape(shape)) for name, kind, shape in fields.pop("arrays")]
        str(fields["kind"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise WireError(f"the header is malformed ({type(error).__name__})") from error
    size = sum(math.prod(shape) * np.dtype(kind).itemsize for _, kind, shape in described)
    if size > most:
        raise WireError(f"arrays of {size} bytes are too large")
    arrays = {}
    for name, kind, shape in described:
        arrays[name] = np.empty(shape, kind)
        fill(_bytes(arrays[name]))
    return fields, arrays


def _known(kind: Any) -> str:
    if kind not in TYPES:
        raise ValueError(kind)
    return str(kind)


def _shape(sizes: Any) -> tuple[int, ...]:
    if len(sizes) > MAX_DIMENSIONS or not all(type(size) is int and 0 <= size <= MAX_BODY for size in sizes):
        raise ValueError(sizes)
    return tuple(sizes)


def _little(array: np.ndarray) -> np.ndarray:
    """Return an array in the order of bytes and of elements of a message."""
    kind = array.dtype.newbyteorder("<")
    if kind.str not in TYPES:
        raise WireError(f"arrays of type {array.dtype} cannot be sent")
    return np.ascontiguousarray(array, kind).reshape(array.shape)


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


# A query for models in an environment without segbench: the same fields as in segbench.protocols.adapter.


class Click(NamedTuple):
    """One click: pixel coordinates, and whether the true label there is foreground."""

    row: int
    column: int
    positive: bool


class Box(NamedTuple):
    """A rectangle of pixels: rows from top to bottom - 1, columns from left to right - 1."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Interactions:
    """Maps (B, 1, H, W) in [0, 1], and the clicks and the last box on each image."""

    positive: Any
    negative: Any
    box: Any
    clicks: Tuple[Tuple[Click, ...], ...] = ()  # noqa: UP006
    boxes: Tuple[Any, ...] = ()  # noqa: UP006


@dataclass(frozen=True)
class Context:
    """Earlier images of the task and their masks, (B, n, 1, H, W)."""

    images: Any
    labels: Any


@dataclass(frozen=True)
class Query:
    """A batch for one forward pass."""

    image: Any
    interactions: Any = None
    previous_logits: Any = None
    context: Any = None
    sets: Any = None


def query_of(fields: Fields, arrays: Arrays, as_given: Callable[[np.ndarray], Any], kinds: Any) -> Any:
    """Return the query of a message, with arrays as the model takes them.

    Parameters
    ----------
    fields, arrays : dict
    as_given : callable
        Converts an array.
    kinds : module
        Has the classes of a query.
    """
    given = {name: as_given(array) for name, array in arrays.items()}
    interactions = context = None
    if "positive" in given:
        clicks = tuple(tuple(kinds.Click(*click) for click in image) for image in fields["clicks"])
        boxes = tuple(None if box is None else kinds.Box(*box) for box in fields["boxes"])
        maps = (given[name] for name in ("positive", "negative", "box"))
        interactions = kinds.Interactions(*maps, clicks, boxes)
    if "context_images" in given:
        context = kinds.Context(given["context_images"], given["context_labels"])
    sets = None if fields["sets"] is None else tuple(fields["sets"])
    return kinds.Query(given["image"], interactions, given.get("previous_logits"), context, sets)


class Model:
    """A model by name: what its class declares, and the adapter that predicts.

    Parameters
    ----------
    name : str
        ``module:Class``, or a name that segbench knows if it is installed in this environment.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        module, colon, attribute = name.partition(":")
        self.kind: Any = None
        if colon:
            self.kind = getattr(importlib.import_module(module), attribute)
        else:
            self.kind = _segbench("models.registry", name).MODELS.get(name)
        self.numpy = getattr(self.kind, "arrays", None) == "numpy" or not _has_torch()
        try:
            self.kinds = importlib.import_module("segbench.protocols.adapter")
        except ImportError:
            self.kinds = sys.modules[__name__]
        self.adapter: Any = None
        self.device = "cpu"

    def facts(self) -> Fields:
        """Return what the class declares, and what its predictions depend on."""
        kind, declared = self.kind, getattr(self.kind, "capabilities", None)
        if declared is None:
            raise TypeError(f"{self.name} has no attribute `capabilities`")
        texts = {fact: str(getattr(kind, fact, "")) for fact in ("licence", "trained_on")}
        return {
            **texts,
            "adapter": f"{kind.__module__}:{kind.__qualname__}",
            "title": str(getattr(kind, "title", self.name)),
            "version": getattr(kind, "version", None),
            "capabilities": dict(declared if isinstance(declared, dict) else vars(declared)),
            "required_weights": list(getattr(kind, "required_weights", ())),
            "time_limit": getattr(kind, "time_limit", TIME_LIMIT),
            "source": _source(kind.__module__),
            "python": platform.python_version(),
            "packages": _packages(),
        }

    def create(self, weights: str, device: str, precision: str) -> Fields:
        """Create the adapter, and return its attributes."""
        make = getattr(self.kind, "create", None)
        if ":" not in self.name:
            registry = _segbench("models.registry", self.name)
            self.adapter = registry.create_model(self.name, weights, device, precision)
        else:
            self.adapter = make(self.name, weights, device, precision) if make else self.kind()
        self.device = str(getattr(self.adapter, "device", None) or "cpu")
        if device == "cpu":
            _one_thread()
        fingerprint = getattr(self.adapter, "fingerprint", None)
        parts = (self.name.partition(":")[0], *getattr(self.kind, "required_weights", ()))
        return {
            "micro_batch": getattr(self.adapter, "micro_batch", 1),
            "fingerprint": fingerprint,
            "weights": _weights(weights, parts, fingerprint),
        }

    def predict(self, fields: Fields, arrays: Arrays) -> np.ndarray:
        """Return the logits of a query."""
        if self.numpy:
            logits = self.adapter.predict(query_of(fields, arrays, lambda array: array, self.kinds))
        else:
            torch = importlib.import_module("torch")
            query = query_of(fields, arrays, lambda a: torch.from_numpy(a).to(self.device), self.kinds)
            with torch.inference_mode():
                logits = self.adapter.predict(query)
        if hasattr(logits, "detach"):  # a tensor; numpy has no bfloat16
            logits = logits.detach().cpu()
            logits = (logits.float() if "bfloat16" in str(logits.dtype) else logits).numpy()
        if not isinstance(logits, np.ndarray):
            raise TypeError(f"predict returned {type(logits).__name__} instead of an array of logits")
        return logits


def _segbench(module: str, name: str) -> Any:
    try:
        return importlib.import_module(f"segbench.{module}")
    except ImportError as error:
        raise ImportError(
            f"{name} is a model of segbench, which {sys.executable} cannot import ({error}); install it "
            "there, or name a class of yours as module:Class"
        ) from error


def _has_torch() -> bool:
    try:
        importlib.import_module("torch")
    except ImportError:
        return False
    return True


def _one_thread() -> None:
    """Let the imported libraries compute with one thread; another number may round differently."""
    if "torch" in sys.modules and "OMP_NUM_THREADS" in os.environ:
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)


def _source(module: str) -> str:
    """Return the digest of the package of a module, or of what is imported of segbench's models."""
    if module.startswith("segbench."):
        loaded = [name for name in sorted(sys.modules) if name.startswith("segbench.models")]
        return _digest((name, Path(str(sys.modules[name].__file__))) for name in loaded)
    package = sys.modules[module.partition(".")[0]]
    suffixes = (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES)
    files = [
        (file.relative_to(folder).as_posix(), file)
        for folder in map(Path, getattr(package, "__path__", ()))
        for file in folder.rglob("*")
        if file.name.endswith(suffixes)
    ]
    return _digest(sorted(files) or [("", Path(str(package.__file__)))])


def _packages() -> dict[str, str]:
    """Return the versions of the installed packages that are imported by now and state a version."""
    versions = {}
    for name, module in sorted(sys.modules.items()):
        stated, file = vars(module).get("__version__"), str(getattr(module, "__file__", None))
        if "." not in name and isinstance(stated, str) and "-packages" in file:
            versions[name] = stated
    return versions


def _weights(weights: str, parts: Iterable[str], fingerprint: Any) -> str | None:
    """Return a digest of the fingerprint and of the files of the weights; None without any."""
    path = Path(weights)
    files = [path] if path.is_file() else []
    if path.is_dir():
        found = (file for file in path.rglob("*") if file.is_file())
        files = sorted(f for f in found if f.relative_to(path).parts[0].partition(".")[0] in set(parts))
    if fingerprint is None and not files:
        return None
    named = [(file.name, file) for file in files]
    return hashlib.sha256(f"{fingerprint} {_digest(named)}".encode()).hexdigest()


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    total = hashlib.sha256()
    for name, file in files:
        total.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return total.hexdigest()


class Channel:
    """The benchmark: messages from one file descriptor and to another."""

    def __init__(self, source: int, target: int) -> None:
        self.source, self.target = source, target

    def receive(self) -> tuple[Fields, Arrays]:
        """Wait for a message; EOFError when the benchmark has gone."""
        return unpack(self._fill)

    def _fill(self, buffer: memoryview) -> None:
        while buffer.nbytes:
            count = os.readv(self.source, [buffer])
            if not count:
                raise EOFError
            buffer = buffer[count:]

    def send(self, message: Iterable[memoryview]) -> None:
        """Send a message as `pack` returns it."""
        for buffer in message:
            while buffer.nbytes:
                buffer = buffer[os.write(self.target, buffer) :]

    def end_with(self) -> None:
        """End this process, even in the middle of a prediction, some seconds after the benchmark has gone."""
        gone = select.poll()
        gone.register(self.source, getattr(select, "POLLRDHUP", 0))  # the end of a pipe is always reported

        def watch() -> None:
            gone.poll()
            time.sleep(GRACE)
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def serve(channel: Channel, fixed: str | None = None) -> None:
    """Answer the messages of a benchmark until it has gone.

    Parameters
    ----------
    channel : Channel
    fixed : str, optional
        Name of the model that is served whatever the benchmark calls it.
    """
    model: Any = None
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionError):
        while True:
            fields, arrays = channel.receive()
            try:
                if fields["kind"] == "hello":
                    if fields["format"] != FORMAT:
                        raise ValueError(
                            f"this worker speaks format {FORMAT}, and the benchmark {fields['format']}; "
                            "copy segbench_worker.py from the benchmark again"
                        )
                    model = Model(fixed or fields["model"])
                    answer = pack("facts", format=FORMAT, **model.facts())
                elif fields["kind"] == "create":
                    options = (fields[option] for option in ("weights", "device", "precision"))
                    answer = pack("ready", **model.create(*options))
                elif fields["kind"] == "predict":
                    answer = pack("logits", {"logits": model.predict(fields, arrays)})
                else:  # bye
                    return
            except BaseException as error:  # also an exit: the benchmark names it
                traceback.print_exc()
                answer = pack("error", text=_sentence(error))
            channel.send(answer)


def _sentence(error: BaseException) -> str:
    """Describe an error, with the last place outside of this file."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    place = f" ({Path(places[-1].filename).name}, line {places[-1].lineno})" if places else ""
    return f"{type(error).__name__}: {error}{place}"[:2000]


def listen(address: str, words: List[str]) -> None:  # noqa: UP006
    """Start a worker for every benchmark that connects."""
    host, _, port = address.rpartition(":")
    children: list[subprocess.Popen[bytes]] = []
    with socket.create_server((host or "127.0.0.1", int(port))) as server:
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            command = [sys.executable, str(Path(__file__).resolve()), *words]
            children = [child for child in children if child.poll() is None]
            children.append(subprocess.Popen(command, stdin=connection.fileno(), stdout=connection.fileno()))
            connection.close()


def main(words: List[str]) -> None:  # noqa: UP006
    """Run the worker."""
    if "--listen" in words:
        place = words.index("--listen")
        return listen(words[place + 1], words[:place])
    # The model may print and read: its standard output is standard error, and its input is empty.
    channel = Channel(os.dup(0), os.dup(1))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel.end_with()
    serve(channel, words[0] if words else None)


if __name__ == "__main__":
    main(sys.argv[1:])
