"""Folders of weights: local ones, and those that are fetched from a hub."""

from __future__ import annotations

import sys

import pytest
import torch
from fake_hub import FakeHub, serve
from huggingface_hub import constants
from safetensors.torch import save

from segbench.models import WeightsError
from segbench.models.hub import checksum, model_folder, pinned
from segbench.models.registry import MODELS
from segbench.protocols.adapter import Capabilities
from segbench.registry import Local

FILES = {
    "config.json": b"{}",
    "model.safetensors": save({"scale": torch.tensor([2.0])}),
    "preprocessor_config.json": b'{"size": 8}',
    "pytorch_model.bin": b"pickled",
    "modeling.py": b"raise SystemExit",
    "other/config.json": b"{}",
}


class Hubbed:
    """A model whose official weights are on a hub."""

    capabilities = Capabilities(interactive=True)
    required_weights = ("hubbed",)
    official = "hf://lab/hubbed"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with serve(monkeypatch, str(tmp_path / "cache")) as running:
        monkeypatch.setitem(MODELS.local, "hubbed", Local(Hubbed, ""))
        monkeypatch.setitem(MODELS.local, "hubbed-variant", Local(Hubbed, ""))
        yield running


def test_only_safetensors_and_configurations_are_fetched_at_a_commit(hub: FakeHub):
    commit = hub.push("lab/hubbed", FILES)
    folder = model_folder("hubbed", "official")
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert names == ["config.json", "model.safetensors", "preprocessor_config.json"]
    assert folder.name == commit == pinned("hubbed", "official").rpartition("@")[2]
    assert model_folder("hubbed-variant", "hf://lab/hubbed") == folder
    assert not any("pytorch_model.bin" in path for path in hub.requests)


def test_a_second_use_needs_no_network(hub: FakeHub, monkeypatch):
    hub.push("lab/hubbed", FILES)
    folder = model_folder("hubbed", "official")
    before = len(hub.requests)
    assert model_folder("hubbed", f"hf://lab/hubbed@{folder.name}") == folder
    assert len(hub.requests) == before
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert model_folder("hubbed", "official") == folder


def test_a_branch_is_its_newest_commit_and_a_revision_stays(hub: FakeHub):
    first = hub.push("lab/hubbed", FILES)
    before = checksum("hubbed", "official")
    hub.push("lab/hubbed", FILES | {"README.md": b"new"})
    assert checksum("hubbed", "official") == before  # the weights are the same
    hub.push("lab/hubbed", FILES | {"model.safetensors": save({"scale": torch.tensor([3.0])})})
    assert checksum("hubbed", "official") != before
    assert checksum("hubbed", f"hf://lab/hubbed@{first}") == before
    request = hub.push("lab/hubbed", FILES, "refs/pr/1")
    assert model_folder("hubbed", "hf://lab/hubbed@refs/pr/1").name == request


def test_a_changed_file_is_refused(hub: FakeHub):
    hub.push("lab/hubbed", FILES)
    for name, content in (("model.safetensors", b"short"), ("config.json", b"[]")):
        file = model_folder("hubbed", "official") / name
        intact = file.read_bytes()
        file.write_bytes(content)
        with pytest.raises(WeightsError, match=rf"{name} has changed since it was fetched \(wrong"):
            model_folder("hubbed", "official")
        file.write_bytes(intact)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("bundled", "hubbed has no bundled weights; give --weights official, hf://OWNER/NAME or a folder"),
        ("hf://hubbed", "hf://hubbed is no address of weights"),
        ("hf://lab/absent", "there is no public repository .*/lab/absent; correct the name"),
        ("hf://lab/hubbed@v9", "lab/hubbed has no revision v9"),
        ("hf://lab/a..b", r"lab/a\.\.b is no name of a repository"),
        ("hf://lab/pickled", "lacks config.json or safetensors, and pickled weights are never loaded"),
        ("hf://lab/gated", "open only to those who accepted its terms: accept them at .*/lab/gated"),
        ("nowhere", "no weights for hubbed in nowhere"),
    ],
)
def test_errors_are_one_sentence(hub: FakeHub, weights, message):
    hub.push("lab/hubbed", FILES)
    hub.push("lab/pickled", {"config.json": b"{}", "pytorch_model.bin": b"x"})
    hub.push("lab/gated", FILES)
    hub.gated.add("lab/gated")
    with pytest.raises(WeightsError, match=message) as caught:
        model_folder("hubbed", weights)
    assert "\n" not in str(caught.value)


def test_without_a_network_or_the_package_the_sentence_says_what_to_do(hub: FakeHub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"cannot be fetched from .*; try again with a network, or give a"):
        model_folder("hubbed", "official")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match=r"pip install 'segbench\[transformers\]'"):
        model_folder("hubbed", "official")


def test_a_local_folder_is_the_model_or_holds_it_by_name(tmp_path):
    (tmp_path / "sam").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "sam" / name).write_bytes(FILES[name])
    assert model_folder("sam", str(tmp_path)) == model_folder("sam-points", str(tmp_path / "sam"))
    before = checksum("sam", str(tmp_path))
    (tmp_path / "sam" / "notes.txt").write_text("not a part of the weights")
    assert checksum("sam", str(tmp_path / "sam")) == before
    (tmp_path / "sam" / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"lacks config\.json or safetensors"):
        model_folder("sam", str(tmp_path))
