"""Models that a notebook or script gives as classes or objects instead of names."""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

from joblib.hashing import NumpyHasher

from segbench.errors import UsageError
from segbench.models.registry import MODELS
from segbench.registry import Local
from segbench.text import split_names

# Attributes of a class that Python derives from the others, or that say where its source is.
DERIVED = {
    *("__dict__", "__weakref__", "__module__", "__abstractmethods__", "_abc_impl", "__annotations__"),
    *("__dataclass_fields__", "__dataclass_params__", "__firstlineno__", "__static_attributes__"),
}
CODE = (
    *("co_code", "co_consts", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags"),
    *("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_exceptiontable"),
)


def as_names(models: Any) -> str | list[str]:
    """Return the names of models, after registering classes and objects that cannot be imported by name.

    A class of a module is called ``module:Class``, like any plug-in. Everything else is called by its
    attribute ``name``, or by the name of its class, and is sent to the worker processes by value.

    Parameters
    ----------
    models : str, class, object with ``predict``, or sequence of these

    Raises
    ------
    UsageError
        If an entry is not a model, two models share a name, or the content of a model cannot be read.
    """
    if isinstance(models, str):
        return models
    one = isinstance(models, type) or hasattr(models, "predict") or not isinstance(models, Iterable)
    given: dict[str, Any] = {}
    for model in [models] if one else models:
        named = model if isinstance(model, str) else _importable(model)
        name = named or _local_name(model)
        if given.setdefault(name, named or model) != (named or model):
            raise UsageError(f"two models are called {name}; give each another attribute `name`")
    for name, model in given.items():
        if not isinstance(model, str):
            MODELS.local[name] = Local(_as_class(model), _digest(model, name))
    return list(given)


def for_workers(names: Iterable[str], others: bool) -> dict[str, Local]:
    """Return the local models of some names, as a job takes them to the processes that compute it.

    Parameters
    ----------
    names : iterable of str
    others : bool
        Whether processes other than this one compute.

    Raises
    ------
    UsageError
        If a model cannot be sent to other processes.
    """
    import cloudpickle

    found = {name: MODELS.local[name] for name in names if name in MODELS.local}
    for name, local in found.items() if others else ():
        try:
            cloudpickle.dumps(local)
        except Exception as error:  # whatever an attribute raises
            raise UsageError(
                f"the model {name} cannot be sent to worker processes ({error}); put its class into a file "
                "and name it as file:Class, or compute in this process with workers=1"
            ) from error
    return found


def in_commands(names: str | Iterable[str]) -> list[str]:
    """Return names as the commands of a run's manifest have them: local ones belong to ``__main__``."""
    listed = split_names(names) if isinstance(names, str) else names
    return [f"__main__:{name}" if name in MODELS.local else name for name in listed]


def _importable(model: Any) -> str | None:
    """Return the name of a class that every process can import, or None."""
    if not isinstance(model, type) or "." in model.__qualname__ or not _by_name(model):
        return None
    target = f"{model.__module__}:{model.__qualname__}"
    return {value: name for name, value in MODELS.builtin.items()}.get(target, target)


def _local_name(model: Any) -> str:
    kind = model if isinstance(model, type) else type(model)
    if not hasattr(model, "predict"):
        raise UsageError(
            f"{model!r} is not a model; give a name, or a class or object with `capabilities` and `predict`"
        )
    named = getattr(model, "name", None)
    name = named if isinstance(named, str) else kind.__name__
    if name in MODELS.targets() or not name.strip() or set(name) & set(",:/\\@") or not name.isprintable():
        raise UsageError(
            f"a {kind.__name__} cannot be called {name!r}, which is a built-in model or has special "
            "characters; give it another attribute `name`"
        )
    return name


def _as_class(model: Any) -> type:
    """Return a class whose ``create`` returns the model, if it is an object."""
    if isinstance(model, type):
        return model
    facts = ("arrays", "capabilities", "version", "title", "default_protocols")
    attributes = {fact: getattr(model, fact) for fact in facts if hasattr(model, fact)}
    if getattr(attributes.get("capabilities"), "needs_training", False):
        raise UsageError(f"{model!r} has weights for each task; give its class instead of an object")
    kind = type(model)
    attributes |= {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    return type(kind.__name__, (), attributes | {"create": staticmethod(lambda *options: model)})


def _digest(model: Any, name: str) -> str:
    """Return the SHA-256 of a class, or of an object with its ``fingerprint``, or else with its state."""
    fingerprint = None if isinstance(model, type) else getattr(model, "fingerprint", None)
    content = model if fingerprint is None else (type(model), str(fingerprint))
    try:
        digest: str = _Hasher("sha256").hash(content)
    except Exception as error:  # whatever an attribute raises when it is pickled
        raise UsageError(
            f"the content of the model {name} cannot be read ({error}); keep what cannot be pickled in "
            "attributes of an object with a `fingerprint`, a text that differs whenever its predictions may "
            "differ"
        ) from error
    return digest


class _Hasher(NumpyHasher):
    """Hashes code by what it does; files, line numbers, processes and devices make no difference."""

    def save(self, obj: Any) -> None:
        parts = None if id(obj) in self.memo else _parts(obj)
        if parts is None:
            super().save(obj)
        else:
            self.memoize(obj)
            super().save(parts)


def _parts(value: Any) -> Any:
    """Return what decides the behaviour of a value that pickle would take by name, or not at all."""
    if isinstance(value, types.ModuleType):
        return ("module", value.__name__)
    if isinstance(value, types.CodeType):
        return ("code", [getattr(value, name) for name in CODE])
    if isinstance(value, types.CellType):
        return ("cell", [value.cell_contents])
    if isinstance(value, staticmethod | classmethod):
        return (type(value).__name__, value.__func__)
    if isinstance(value, property):
        return ("property", value.fget, value.fset, value.fdel)
    if isinstance(value, types.FunctionType) and not _by_name(value):
        used = {
            name: value.__globals__[name] for name in _globals(value.__code__) if name in value.__globals__
        }
        return (value.__code__, value.__defaults__, value.__kwdefaults__, value.__closure__, used)
    if isinstance(value, type) and not _by_name(value):
        own = {name: part for name, part in vars(value).items() if name not in DERIVED}
        own = {name: part for name, part in own.items() if not isinstance(part, types.MemberDescriptorType)}
        return (value.__name__, value.__bases__, sorted(own), [own[name] for name in sorted(own)])
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return (str(value.dtype), list(value.shape), content.numpy())
    return None


def _by_name(value: Any) -> bool:
    """Whether a function or class belongs to a module that can be imported."""
    if value.__module__ == "__main__":
        return False
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def _globals(code: types.CodeType) -> Iterator[str]:
    """Yield the global names that a function reads, those of inner functions included."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _globals(inner)
