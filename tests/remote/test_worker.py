"""Workers: the same answers as in process, and one clear sentence for everything that can go wrong."""

from __future__ import annotations

import ast
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from segbench.models import create_model
from segbench.models.registry import MODELS, capabilities
from segbench.models.remote import WorkerError, connection, forget, segbench_worker
from segbench.protocols import adapter
from segbench.protocols.adapter import Box, Capabilities, Click, Context, Interactions, Query
from segbench.text import split_names

HERE = Path(__file__).resolve().parent
WORKER = Path(segbench_worker.__file__).resolve()


def query(batch: int = 2, side: int = 16, context: int = 3) -> Query:
    """A query with everything that a model may get."""
    draw = torch.Generator().manual_seed(1)
    image, positive, negative, box, previous = torch.rand(5, batch, 1, side, side, generator=draw)
    entries = torch.rand(2, batch, context, 1, side, side, generator=draw)
    clicks = ((Click(2, 3, True), Click(4, 5, False)), ())[:batch]
    boxes = (Box(1, 2, 9, 7), None)[:batch]
    drawn = Interactions(positive, negative, box, clicks, boxes)
    return Query(image, drawn, previous, Context(*entries))


def children() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [child for child in found if "segbench_worker" in " ".join(child.cmdline())]


@pytest.mark.parametrize(
    "asked", [query(), query(1, 128, 64), Query(query().image)], ids=["all", "large", "bare"]
)
def test_answers_are_those_of_the_same_class_in_process(numpy_python, asked):
    name = "numpy_models:Numpy"
    outside, inside = create_model(f"{name}@{numpy_python}"), create_model(name)
    assert torch.equal(outside.predict(asked), inside.predict(asked))
    assert outside.capabilities == inside.capabilities == capabilities(f"{name}@{numpy_python}")
    assert outside.capabilities == Capabilities(
        interactive=True, prompts=("clicks", "scribbles", "boxes", "masks"), in_context=True
    )
    model = MODELS.get(f"{name}@{numpy_python}")
    assert (model.title, model.licence, model.version) == ("Numbers", "MIT", 3)
    assert model.environment["packages"] == {"numpy": np.__version__}


def test_the_network_of_segbench_has_the_same_answers_in_its_own_environment(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE.parents[1]))
    asked, threads = query(1, 128), torch.get_num_threads()
    torch.set_num_threads(1)
    outside, inside = create_model(f"scribbleprompt@{sys.executable}"), create_model("scribbleprompt")
    assert torch.equal(outside.predict(asked), inside.predict(asked))
    assert outside.weights_checksum and outside.fingerprint != inside.fingerprint
    torch.set_num_threads(threads)


FAULTS = {
    "Raises": "its worker reports ZeroDivisionError: division by zero (numpy_models.py, line",
    "Exits": "its worker reports SystemExit: no more",
    "Ends": "its worker ended with exit status 3; its last lines: the last words",
    "Crashes": "its worker was killed (SIGSEGV)",
    "Hangs": "its worker did not answer in 0.5 s",
    "Nonsense": "its worker reports TypeError: predict returned str instead of an array of logits",
    "Complex": "its worker reports WireError: arrays of type complex128 cannot be sent",
    "Endless": "its worker answered nonsense: arrays of 33554432 bytes are too large",
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_one_sentence_and_the_next_prediction_has_another_worker(numpy_python, kind, monkeypatch):
    model = create_model(f"numpy_models:{kind}@{numpy_python}")
    (before,) = children()
    for _ in range(2):
        with pytest.raises(WorkerError) as caught:
            model.predict(query())
        assert FAULTS[kind] in str(caught.value) and "\n" not in str(caught.value)
        assert not children()
    assert not before.is_running()


def test_printing_and_reading_disturb_nothing(numpy_python):
    model = create_model(f"numpy_models:Printing@{numpy_python}")
    expected = create_model("numpy_models:Numpy").predict(query())
    assert all(torch.equal(model.predict(query()), expected) for _ in range(2))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("numpy_models:Numpy@", "has no place to run; write NAME@/path/to/python"),
        ("@/usr/bin/python3", "has no place to run"),
        ("numpy_models:Numpy@cmd:", "has no place to run"),
        ("numpy_models:Numpy@cmd:run a,b", "has a comma outside the quotes of a command line"),
        ("numpy_models:Numpy@cmd:python 'open", "has no place to run"),
        ("numpy_models:Numpy@tcp://host", "has no place to run"),
        ("numpy_models:Numpy@/no/python", "/no/python cannot be reached (No such file or directory)"),
        ("numpy_models:Numpy@tcp://127.0.0.1:1", "127.0.0.1:1 cannot be reached (Connection refused)"),
        ("numpy_models:Absent@{python}", "AttributeError: module 'numpy_models' has no attribute 'Absent'"),
        ("absent:Absent@{python}", "No module named 'absent'"),
        ("numpy_models:Undeclared@{python}", "has no attribute `capabilities`"),
        ("numpy_models:Unknown@{python}", "its capabilities have telepathic = True; correct it"),
        ("scribbleprompt@{python}", "needs segbench for this name (No module named 'segbench'); install it"),
        ("numpy_models:Numpy@cmd:echo Unable to find image", "b'Unable to fi' is not the start of a message"),
        (
            "numpy_models:Numpy@cmd:sh -c 'echo no licence >&2; exit 4'",
            "exit status 4; its last lines: no licence",
        ),
    ],
)
def test_a_worker_that_cannot_start_is_one_sentence_that_names_the_model(numpy_python, name, reason):
    name = name.format(python=numpy_python)
    with pytest.raises(WorkerError) as caught:
        MODELS.get(name)
    assert reason in str(caught.value) and f"the model {name}" in str(caught.value)
    assert not children()


HEADER = b'{"kind": "facts", "arrays": [["a", "<f4", %s]]}'
BROKEN = {
    "another version": (
        b'{"kind": "facts", "format": 2, "arrays": []}',
        "speaks format 2, and this program 1",
    ),
    "no JSON": (b"{", "the header is malformed (JSONDecodeError)"),
    "no object": (b"[1]", "malformed"),
    "no kind": (b'{"arrays": []}', "malformed"),
    "deep": (b"[" * 100_000, "malformed (RecursionError)"),
    "huge array": (HEADER % b"[1000000, 1000000]", "arrays of 4000000000000 bytes are too large"),
    "negative size": (HEADER % b"[-1]", "malformed"),
    "size no number": (HEADER % b'["1"]', "malformed"),
    "objects": (HEADER.replace(b"<f4", b"|O") % b"[1]", "malformed"),
    "other answer": (b'{"kind": "logits", "arrays": []}', "its worker answered 'logits' to 'hello'"),
    "no facts": (b'{"kind": "facts", "format": 1, "arrays": []}', "gives no adapter"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_nonsense_is_refused_before_memory_is_taken(tmp_path, case):
    header, reason = BROKEN[case]
    file = tmp_path / "answer"
    file.write_bytes(segbench_worker.PREFIX.pack(segbench_worker.MAGIC, len(header)) + header)
    with pytest.raises(WorkerError, match="the model any:Any@cmd:") as caught:
        MODELS.get(f"any:Any@cmd:sh -c 'cat {file}; sleep 60'")
    assert reason in str(caught.value)


def test_an_answer_that_ends_in_the_middle_is_an_end(tmp_path):
    file = tmp_path / "answer"
    header = HEADER % b"[100]"
    prefix = segbench_worker.PREFIX.pack(segbench_worker.MAGIC, len(header))
    file.write_bytes(prefix + header + bytes(399))
    with pytest.raises(WorkerError, match="its worker ended with exit status 0"):
        MODELS.get(f"any:Any@cmd:cat {file}")
    file.write_bytes(segbench_worker.PREFIX.pack(segbench_worker.MAGIC, 2**32 - 1))
    with pytest.raises(WorkerError, match="is not the start of a message"):
        MODELS.get(f"any:Any@cmd:cat {file}")


def test_a_worker_ends_soon_after_its_benchmark_even_if_it_hangs(numpy_python):
    code = (
        "from test_worker import query; from segbench.models import create_model; import numpy_models\n"
        f"model = create_model('numpy_models:Hangs@{numpy_python}'); type(model).time_limit = 600\n"
        "print('ready', flush=True); model.predict(query())"
    )
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    environment = os.environ | {"PYTHONPATH": paths}
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout and parent.stdout.readline() == b"ready\n"
    workers = psutil.Process(parent.pid).children(recursive=True)
    assert len(workers) == 1
    time.sleep(0.2)  # it is in the middle of the prediction
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=3 * segbench_worker.GRACE)
    assert not [worker for worker in alive if worker.status() != psutil.STATUS_ZOMBIE]


def test_a_stopped_worker_is_late_and_a_deleted_model_has_no_worker(numpy_python, monkeypatch):
    model = create_model(f"numpy_models:Numpy@{numpy_python}")
    (worker,) = children()
    worker.send_signal(signal.SIGSTOP)
    with monkeypatch.context() as patch, pytest.raises(WorkerError, match=r"did not answer in 0\.3 s"):
        patch.setattr(type(model), "time_limit", 0.3)
        model.predict(query())
    assert torch.equal(model.predict(query()), create_model("numpy_models:Numpy").predict(query()))
    assert children()
    del model
    assert not children()


def test_an_address_serves_several_benchmarks_at_once(numpy_python):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    listener = subprocess.Popen([numpy_python, WORKER, "numpy_models:Numpy", "--listen", str(port)], cwd=HERE)
    try:
        deadline = time.monotonic() + 20
        while True:  # until it listens
            try:
                models = [create_model(f"label@tcp://127.0.0.1:{port}") for _ in range(2)]
                break
            except WorkerError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        expected = create_model("numpy_models:Numpy").predict(query())
        assert all(torch.equal(model.predict(query()), expected) for model in models)
    finally:
        listener.kill()
        listener.wait()


def test_code_weights_and_packages_are_in_the_key(numpy_python, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (HERE / "numpy_models.py").read_text()
    name, weights = f"edited:Scaled@{numpy_python}", tmp_path / "scale.txt"
    Path("edited.py").write_text(text)
    weights.write_text("2")
    source, checksum = MODELS.get(name).source, create_model(name, str(weights)).weights_checksum
    weights.write_text("3")
    assert create_model(name, str(weights)).weights_checksum != checksum
    assert MODELS.get(name).source == source
    model = create_model(name, str(weights))
    Path("edited.py").write_text(text.replace("self.scale *", "self.scale +"))
    (worker,) = children()
    worker.kill()
    with pytest.raises(WorkerError, match=r"was killed \(SIGKILL\)"):
        model.predict(query())
    with pytest.raises(WorkerError, match="its code or its packages have changed since the run began"):
        model.predict(query())
    forget()
    assert MODELS.get(name).source != source


def test_lists_of_names_may_have_commas_in_quotes_of_a_command():
    text = "a,b:C@/py,d@cmd:run --gpus 'device=0,1' \"x,y\" it's,e"
    assert split_names(text) == ["a", "b:C@/py", "d@cmd:run --gpus 'device=0,1' \"x,y\" it's", "e"]
    assert split_names("folder:it's,folder:that's,,") == ["folder:it's", "folder:that's", "", ""]
    words = connection.address_of("m@cmd:docker run -v 'a b:/c' image").command
    assert words == ("docker", "run", "-v", "a b:/c", "image")


def test_the_worker_is_one_file_for_old_interpreters_with_our_fields():
    tree = ast.parse(WORKER.read_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names) == {"numpy"}
    for kind in ("Click", "Box", "Interactions", "Context", "Query"):
        ours, theirs = getattr(adapter, kind), getattr(segbench_worker, kind)
        assert tuple(ours.__annotations__) == theirs._fields
