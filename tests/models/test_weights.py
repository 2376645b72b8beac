"""Checkpoints: every accepted form loads, everything else ends in one sentence."""

import http.server
import pickle
import threading

import pytest
import torch
from safetensors.torch import save_file

from segbench.models import WeightsError, create_model
from segbench.models.networks import MultiverSeg, ScribblePromptUNet, UniverSeg
from segbench.models.weights import OFFICIAL, fetch, load_state, verify, weights_path


@pytest.mark.parametrize("network", [ScribblePromptUNet, UniverSeg, MultiverSeg])
@pytest.mark.parametrize("form", ["bare.pt", "wrapped.pt", "a.safetensors"])
def test_any_form_and_width_loads(tmp_path, network, form):
    state = network(6).state_dict()
    path = tmp_path / form
    if form.endswith("safetensors"):
        save_file(state, path)
    else:
        torch.save({"model": state} if form == "wrapped.pt" else state, path)
    loaded = load_state(network, path).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


def test_wrong_layout_names_the_tensor(tmp_path):
    path = tmp_path / "w.pt"
    torch.save(UniverSeg(4).state_dict(), path)
    with pytest.raises(WeightsError, match=r"not a checkpoint of MultiverSeg: dec_blocks\.0"):
        load_state(MultiverSeg, path)
    with pytest.raises(WeightsError, match="not a checkpoint of ScribblePromptUNet"):
        load_state(ScribblePromptUNet, path)


def test_wrong_shape_names_the_tensor(tmp_path):
    state = UniverSeg(4).state_dict()
    state["dec_blocks.2.cross.cross_conv.weight"] = torch.zeros(4, 7, 3, 3)
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(
        WeightsError, match=r"dec_blocks\.2\.cross\.cross_conv\.weight has shape \(4, 7, 3, 3\)"
    ):
        load_state(UniverSeg, tmp_path / "w.pt")


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize("content", [b"no checkpoint", pickle.dumps({"model": Bomb()})])
def test_other_files_and_pickled_code_are_refused(tmp_path, content):
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(WeightsError, match="not a readable checkpoint"):
        load_state(UniverSeg, tmp_path / "w.pt")


def test_a_folder_may_hold_files_named_as_the_authors_name_them(tmp_path):
    for name, checkpoint in OFFICIAL.items():
        (tmp_path / checkpoint.file).touch()
        assert weights_path(name, str(tmp_path)) == tmp_path / checkpoint.file


def test_missing_weights_say_where_they_were_looked_for(tmp_path):
    with pytest.raises(WeightsError, match="no weights for multiverseg in"):
        weights_path("multiverseg", str(tmp_path))


@pytest.fixture
def server(tmp_path):
    """A local web server over a folder."""
    served = tmp_path / "served"
    served.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=served)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield served, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_fetch_records_a_checksum_and_notices_a_change(tmp_path, server):
    served, address = server
    file = OFFICIAL["universeg"].file
    torch.save(UniverSeg(64).state_dict(), served / file)
    path = fetch("universeg", tmp_path / "cache", f"{address}/{file}")
    assert load_state(UniverSeg, path) is not None
    assert len(verify("universeg", tmp_path / "cache")) == 64
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(WeightsError, match="wrong checksum"):
        fetch("universeg", tmp_path / "cache")


def test_fetch_refuses_another_checkpoint_and_keeps_nothing(tmp_path, server):
    served, address = server
    file = OFFICIAL["universeg"].file
    torch.save(UniverSeg(8).state_dict(), served / file)
    with pytest.raises(WeightsError, match="not the published 1,182,785"):
        fetch("universeg", tmp_path / "cache", f"{address}/{file}")
    assert not list((tmp_path / "cache").glob("*"))


def test_unreachable_link_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("segbench.datasets.download.transfers.PAUSES", ())
    with pytest.raises(WeightsError, match=r"download http://127.0.0.1:9/x and pass the file, or a folder"):
        fetch("universeg", tmp_path, "http://127.0.0.1:9/x")


@pytest.mark.parametrize("name", ["scribbleprompt", "universeg", "multiverseg", "sp-uvs"])
def test_bundled_weights_load(name):
    assert create_model(name).predict is not None
