"""Weights by the names of networks in one text."""

from __future__ import annotations

import pytest

from segbench.errors import SegbenchError, UsageError
from segbench.models import WeightsError, create_model
from segbench.models.named_weights import absolute, as_text, by_name, weights_of
from segbench.models.registry import weights_of_model, with_networks

BUNDLED = "models/bundled"
CANDIDATE = "models/candidates/multiverseg.safetensors"


def test_networks_that_are_not_named_have_the_bundled_weights():
    fingerprint = create_model("multiverseg").fingerprint
    assert create_model("multiverseg", "universeg=nowhere").fingerprint == fingerprint
    other = create_model("multiverseg", f"multiverseg={CANDIDATE}")
    assert other.fingerprint != fingerprint
    assert other.fallback.fingerprint == create_model("scribbleprompt").fingerprint
    with pytest.raises(WeightsError, match="no weights for scribbleprompt in nowhere"):
        create_model("multiverseg", "scribbleprompt=nowhere")
    with pytest.raises(WeightsError, match="no weights for universeg in nowhere"):
        create_model("sp-uvs", "universeg=nowhere")


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("sam", "official"),
        ("sam-points", "official"),  # a variant has the weights of its model
        ("universeg-oracle", "a,b=c"),
        ("multiverseg", "multiverseg=bundled,scribbleprompt=hf://o/n@v=1"),
        ("scribbleprompt", "hf://o/n@v=1"),
        ("random-walker", "bundled"),
    ],
)
def test_a_model_gets_its_own_part(name, own):
    text = "sam=official,universeg=a,b=c,scribbleprompt=hf://o/n@v=1"
    if name == "universeg-oracle":
        with pytest.raises(SegbenchError):  # b is no model
            with_networks(text)
        text = "sam=official, universeg=./a,b/x=c"
        own = "./a,b/x=c"
    else:
        text = text.replace("a,b=c", "./a")
    assert weights_of_model(text, name) == own


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("medsm=official", "unknown model 'medsm'; did you mean medsam?"),
        ("sam=", "has nothing after sam="),
        ("sam=official,sam=bundled", "names sam twice"),
        ("sam=official,sam-points=bundled", "names a network twice"),
        ("random-walker=official", "random-walker has no weights; leave it out"),
        ("sp-uvs=official", "sp-uvs has the networks scribbleprompt and universeg; name these"),
    ],
)
def test_errors_are_one_sentence(text, message):
    with pytest.raises(SegbenchError, match=message):
        with_networks(text)
    with pytest.raises(SegbenchError, match=message):
        create_model("scribbleprompt", text)


def test_paths_may_have_commas_and_equal_signs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run=3").mkdir()
    for path in ("results/a=1,b/x.safetensors", "/a,b=/c", "hf://owner/name@v=1", "run=3"):
        assert by_name(path) is None
        assert weights_of(path, "sam") == path
    assert by_name("sam=/x=1,y/z,medsam=~/w")["sam"] == "/x=1,y/z"
    assert not by_name("medsam=~/w")["medsam"].startswith("~")
    assert absolute("sam=run=3,medsam=official") == f"sam={tmp_path / 'run=3'},medsam=official"
    assert as_text({"sam": "official", "medsam": tmp_path}) == f"sam=official,medsam={tmp_path}"
    assert as_text({}) == "bundled"
    with pytest.raises(UsageError, match="reads like the weights of several models"):
        as_text({"sam": "x,medsam=y"})
    assert by_name("=".join(["sam", "x" * 5000]))  # longer than any path
