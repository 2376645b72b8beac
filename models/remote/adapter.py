"""The class of a model whose predictions are made by a worker."""

from __future__ import annotations

import hashlib
import json
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

import segbench.models.remote.segbench_worker as wire
from segbench.models.remote.connection import START_LIMIT, Connection, WorkerError, address_of
from segbench.protocols.adapter import Capabilities, Query
from segbench.text import printable

if TYPE_CHECKING:
    from torch import Tensor

MAX_TEXT = 200  # characters of a title, a licence or a version
MAX_CLASSES = 256  # of an automatic model
LONGEST = 86_400  # seconds that a model may claim for a prediction

_models: dict[str, type[RemoteModel]] = {}
_idle: dict[str, Connection] = {}  # workers that have said what they are, and have no model yet


def remote_model(name: str) -> type[RemoteModel]:
    """Return the class of ``NAME@TARGET``, which this process asks its worker for once.

    Parameters
    ----------
    name : str
        As in `segbench.models.remote.connection.address_of`.

    Raises
    ------
    WorkerError
        If the worker cannot be started, or declares something invalid; the message names the model.
    """
    if name not in _models:
        with _naming(name):
            connection, facts = _greet(name)
            try:
                _models[name] = _class_of(name, facts)
            except BaseException:
                connection.close(kill=True)
                raise
            _idle[name] = connection
    return _models[name]


def forget() -> None:
    """Forget what workers have declared, as their models may be edited before the next run."""
    _models.clear()
    while _idle:
        _idle.popitem()[1].close()


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except WorkerError as error:
        text = str(error)
        raise WorkerError(text if name in text else f"the model {name} failed: {text}") from error


def _greet(name: str) -> tuple[Connection, wire.Fields]:
    """Start a worker; return it with what its model declares."""
    address = address_of(name)
    connection = Connection(address)
    facts, _ = connection.ask("hello", "facts", START_LIMIT, format=wire.FORMAT, model=address.model)
    if facts.get("format") != wire.FORMAT:
        connection.close(kill=True)
        raise WorkerError(
            f"its worker speaks format {facts.get('format')!r}, and this program {wire.FORMAT}; copy "
            "segbench_worker.py again"
        )
    return connection, facts


class RemoteModel:
    """A model that predicts in a worker; `remote_model` derives a class from it for each name.

    A worker that fails is ended. The next prediction starts another one.
    """

    name: ClassVar[str]
    facts: ClassVar[wire.Fields]  # as the worker has sent them
    capabilities: ClassVar[Capabilities]
    title: ClassVar[str]
    licence: ClassVar[str]
    trained_on: ClassVar[str]
    version: ClassVar[int | float | str | None]
    networks: ClassVar[tuple[str, ...]]  # names of weights, by which --weights names them
    time_limit: ClassVar[float]  # seconds of a prediction
    source: ClassVar[str]  # digest of everything in the environment that decides predictions
    environment: ClassVar[dict[str, Any]]  # versions of Python and packages, for the manifest
    default_protocols: ClassVar[tuple[str, ...]] = ()

    def __init__(self, weights: str, device: str, precision: str) -> None:
        self._options = {"weights": weights, "device": device, "precision": precision}
        self._connection: Connection | None = None
        self._created: wire.Fields | None = None
        with _naming(self.name):
            created = self._connect()
        self.micro_batch: int = created["micro_batch"]
        self.weights_checksum: str | None = created["weights"]
        if created["fingerprint"] is not None:
            self.fingerprint = _digest(self.name, self.source, self._options, created["fingerprint"])

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create the model in a worker.

        Raises
        ------
        WorkerError
            If that fails there.
        """
        return cls(weights, device, precision)

    def _connect(self) -> wire.Fields:
        connection = _idle.pop(self.name, None)
        if connection is None:
            connection, facts = _greet(self.name)
            if facts != self.facts:
                connection.close()
                raise WorkerError("its code or its packages have changed since the run began; run it again")
        weakref.finalize(self, connection.close)
        created, _ = connection.ask("create", "ready", START_LIMIT, options=self._options)
        _check_created(created)
        if self._created is not None and created != self._created:
            raise WorkerError("its weights have changed since the run began; run it again")
        self._connection, self._created = connection, created
        return created

    def predict(self, query: Query) -> Tensor:
        """Logits as the worker computes them.

        Raises
        ------
        WorkerError
            If the model raises an exception there, or the worker ends, is late or answers no logits.
        """
        import torch

        arrays = _arrays(query)
        if self._connection is None:
            self._connect()
        assert self._connection is not None
        most = 2 * MAX_CLASSES * arrays["image"].nbytes  # logits may be float64
        try:
            _, answer = self._connection.ask(
                "predict", "logits", self.time_limit, arrays, most, **_coordinates(query)
            )
        except BaseException:
            self._connection = None
            raise
        if set(answer) != {"logits"}:
            raise WorkerError("its worker answered without logits")
        return torch.from_numpy(answer["logits"])


def _arrays(query: Query) -> wire.Arrays:
    drawn, context = query.interactions, query.context
    tensors = {"image": query.image, "previous_logits": query.previous_logits}
    if drawn is not None:
        tensors |= {"positive": drawn.positive, "negative": drawn.negative, "box": drawn.box}
    if context is not None:
        tensors |= {"context_images": context.images, "context_labels": context.labels}
    return {name: tensor.detach().numpy() for name, tensor in tensors.items() if tensor is not None}


def _coordinates(query: Query) -> wire.Fields:
    drawn = query.interactions
    return {
        "clicks": drawn.clicks if drawn else (),
        "boxes": drawn.boxes if drawn else (),
        "sets": query.sets,
    }


def _class_of(name: str, facts: wire.Fields) -> type[RemoteModel]:
    """Return a class with the facts of a worker, after checking all of them."""
    module, _, qualified = _text(facts, "adapter").rpartition(":")
    version, limit = facts.get("version"), facts.get("time_limit", 0)
    if version is not None and type(version) not in (int, float) and not _is_text(version):
        raise WorkerError("its version is neither a number nor a short text")
    if type(limit) not in (int, float) or not 0 < limit <= LONGEST:
        raise WorkerError(f"its time_limit is {limit!r}; give a number of seconds up to {LONGEST}")
    packages = facts.get("packages")
    if not isinstance(packages, dict) or not all(map(_is_text, packages.values())):
        raise WorkerError("its packages are no versions by name")
    networks = facts.get("networks")
    if not isinstance(networks, list) or not all(map(_is_text, networks)):
        raise WorkerError("its networks are no names")
    environment = {"python": _text(facts, "python"), "packages": packages}
    source = _digest(_text(facts, "source"), environment)
    attributes = {
        "__module__": module,
        "__qualname__": qualified,
        "name": name,
        "facts": facts,
        "capabilities": _capabilities(facts.get("capabilities")),
        **{fact: _text(facts, fact) for fact in ("title", "licence", "trained_on")},
        "version": version,
        "networks": tuple(networks) or (address_of(name).model,),
        "time_limit": limit,
        "source": source,
        "environment": environment,
    }
    return type(qualified.rpartition(".")[2] or "Model", (RemoteModel,), attributes)


def _capabilities(declared: Any) -> Capabilities:
    known = {field.name: type(field.default) for field in fields(Capabilities)}
    if not isinstance(declared, Mapping):
        raise WorkerError("its capabilities are no values by name")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in declared.items()
    }
    for key, value in values.items():
        if key not in known or type(value) is not known[key]:
            raise WorkerError(f"its capabilities have {key} = {declared[key]!r}; correct it")
    if values.get("needs_training"):
        raise WorkerError("it is trained on each task; run it without @")
    return Capabilities(**values)


def _check_created(created: wire.Fields) -> None:
    images, fingerprint, weights = (created.get(key) for key in ("micro_batch", "fingerprint", "weights"))
    if type(images) is not int or images < 1:
        raise WorkerError(f"its micro_batch is {images!r}; give a whole number from 1")
    if not all(value is None or isinstance(value, str) for value in (fingerprint, weights)):
        raise WorkerError("its fingerprint is no text")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _text(facts: wire.Fields, key: str) -> str:
    if not _is_text(facts.get(key)):
        raise WorkerError(f"its worker gives no {key}, or one of more than {MAX_TEXT} characters")
    return printable(facts[key])


def _digest(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
