"""A worker process as the benchmark sees it: started or connected to, asked with time limits, ended."""

from __future__ import annotations

import os
import select
import shlex
import signal
import socket
import subprocess
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import segbench.models.remote.segbench_worker as wire
from segbench.paths import expanded
from segbench.registry import PluginError
from segbench.text import printable, split_names

START_LIMIT = 300  # seconds until a worker has started, and until it has created its model
CLOSE_LIMIT = 2  # seconds in which a worker ends by itself
TAIL = 2000  # characters that are kept of what a worker prints
LINES = 3  # of its last lines that an error shows
WORKER = Path(wire.__file__).resolve()


class WorkerError(PluginError):
    """A worker cannot be started, ended, is too slow, or answers with an error or with nonsense."""


class Address(NamedTuple):
    """What ``NAME@TARGET`` means: the name of a model there, and a command or a host and port."""

    model: str
    command: tuple[str, ...] = ()
    host: str = ""
    port: int = 0


def is_remote(name: str) -> bool:
    """Whether a name is ``NAME@TARGET``."""
    return "@" in name


def address_of(name: str) -> Address:
    """Return the meaning of ``NAME@TARGET``.

    Parameters
    ----------
    name : str
        TARGET is ``tcp://HOST:PORT``, ``cmd:COMMAND LINE``, or else a Python interpreter.

    Raises
    ------
    WorkerError
        If it has another form.

    Examples
    --------
    >>> address_of("mine:Mine@cmd:docker run -i 'my image'").command
    ('docker', 'run', '-i', 'my image')
    """
    if split_names(name) != [name]:
        raise WorkerError(f"the model {name} has a comma outside the quotes of a command line; quote it")
    model, _, target = name.partition("@")
    if target.startswith("tcp://"):
        host, _, port = target.removeprefix("tcp://").rpartition(":")
        if model and host and port.isdecimal() and 0 < int(port) < 2**16:
            return Address(model, host=host.strip("[]"), port=int(port))
    elif target.startswith("cmd:"):
        with suppress(ValueError):  # an open quote
            if model and (words := shlex.split(target.removeprefix("cmd:"))):
                return Address(model, tuple(words))
    elif model and target:
        python = str(expanded(Path(target))) if target.startswith("~") else target
        return Address(model, (python, str(WORKER)))
    raise WorkerError(
        f"the model {name} has no place to run; write NAME@/path/to/python, 'NAME@cmd:COMMAND LINE' or "
        "NAME@tcp://HOST:PORT"
    )


class Connection:
    """A running worker; it ends when this object is closed or this process ends, however it ends.

    Parameters
    ----------
    address : Address

    Raises
    ------
    WorkerError
        If the command cannot be started, or nobody listens at the address.
    """

    def __init__(self, address: Address) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._printed = ""  # the end of what the worker has printed
        self._reader: threading.Thread | None = None
        try:
            if address.command:
                self._start(address.command)
            else:
                self._socket = socket.create_connection((address.host, address.port), START_LIMIT)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._source = self._target = self._socket.fileno()
        except OSError as error:
            place = address.command[0] if address.command else f"{address.host}:{address.port}"
            raise WorkerError(f"{place} cannot be reached ({error.strerror or error}); correct it") from error
        for end in (self._source, self._target):
            os.set_blocking(end, False)

    def _start(self, command: Iterable[str]) -> None:
        # In a session of its own, Ctrl-C does not reach it, and its own children can be ended with it.
        self._process = process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        assert process.stdin and process.stdout
        self._source, self._target = process.stdout.fileno(), process.stdin.fileno()
        self._reader = threading.Thread(target=self._read_printed, daemon=True)
        self._reader.start()

    def _read_printed(self) -> None:
        """Read what the worker prints, so that it never waits for a reader, and keep the end."""
        assert self._process and self._process.stderr
        with suppress(OSError, ValueError):  # it was closed
            while text := os.read(self._process.stderr.fileno(), 2**16):
                self._printed = (self._printed + text.decode(errors="replace"))[-TAIL:]

    def ask(
        self,
        kind: str,
        answer: str,
        seconds: float,
        arrays: wire.Arrays | None = None,
        most: int = wire.MAX_BODY,
        **fields: Any,
    ) -> tuple[wire.Fields, wire.Arrays]:
        """Send a message and return the answer.

        Parameters
        ----------
        kind, answer : str
            Kinds of the message and of the answer.
        seconds : float
            Time limit.
        arrays : dict, optional
        most : int
            Bytes that the arrays of the answer may have.
        **fields : JSON values

        Raises
        ------
        WorkerError
            If the answer is an error, late or no message. The worker has then been ended.
        """
        deadline = monotonic() + seconds
        try:
            with suppress(BrokenPipeError):  # it may have answered before it ended
                self._send(wire.pack(kind, arrays, **fields), deadline)
            received, sent = wire.unpack(lambda buffer: self._fill(buffer, deadline), most)
        except TimeoutError:
            self.close(kill=True)
            raise WorkerError(f"its worker did not answer in {seconds:g} s{self._last_lines()}") from None
        except (EOFError, OSError):
            raise WorkerError(self._end()) from None
        except wire.WireError as error:
            self.close(kill=True)
            raise WorkerError(f"its worker answered nonsense: {error}{self._last_lines()}") from error
        except BaseException:  # an interruption leaves half a message
            self.close(kill=True)
            raise
        if received["kind"] == answer:
            return received, sent
        self.close(kill=True)
        if received["kind"] == "error":
            raise WorkerError(f"its worker reports {printable(' '.join(str(received.get('text')).split()))}")
        raise WorkerError(f"its worker answered {str(received['kind'])[:40]!r} to {kind!r}")

    def _send(self, message: Iterable[memoryview], deadline: float) -> None:
        for buffer in message:
            while buffer.nbytes:
                try:
                    buffer = buffer[os.write(self._target, buffer) :]
                except BlockingIOError:
                    _wait(self._target, select.POLLOUT, deadline)

    def _fill(self, buffer: memoryview, deadline: float) -> None:
        while buffer.nbytes:
            _wait(self._source, select.POLLIN, deadline)
            with suppress(BlockingIOError):
                count = os.readv(self._source, [buffer])
                if not count:
                    raise EOFError
                buffer = buffer[count:]

    def _end(self) -> str:
        """Explain why the connection ended."""
        if self._process is None:
            self.close(kill=True)
            return "its worker closed the connection"
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_LIMIT)
        code = self._process.poll()
        self.close(kill=True)
        if code is None:
            how = "closed its output"
        elif code < 0:
            how = f"was killed ({signal.Signals(-code).name})"
        else:
            how = f"ended with exit status {code}"
        return f"its worker {how}{self._last_lines()}"

    def _last_lines(self) -> str:
        if self._reader is not None:
            self._reader.join(CLOSE_LIMIT)
        lines = [printable(line.strip()) for line in self._printed.splitlines() if line.strip()]
        return f"; its last lines: {' / '.join(lines[-LINES:])}" if lines else ""

    def close(self, kill: bool = False) -> None:
        """End the worker; with `kill` at once, with all processes that it has started."""
        if self._socket is not None:
            self._socket.close()
        process = self._process
        if process is None:
            return
        assert process.stdin and process.stdout
        process.stdin.close()
        if not kill:
            with suppress(subprocess.TimeoutExpired):
                process.wait(CLOSE_LIMIT)
        if kill or process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def _wait(end: int, event: int, deadline: float) -> None:
    """Wait until a file descriptor can be read or written, or raise TimeoutError."""
    poll = select.poll()
    poll.register(end, event)
    if not poll.poll(max(0.0, deadline - monotonic()) * 1000):
        raise TimeoutError
