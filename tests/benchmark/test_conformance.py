"""The check of adapters: right ones pass, and each mistake is found where it is."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from segbench.benchmark.available import unavailable
from segbench.benchmark.conformance import Finding, examine, mock
from segbench.errors import UsageError
from segbench.models.automatic import EMBEDDED_TASK
from segbench.models.registry import MODELS
from segbench.models.weights import BUNDLED
from segbench.protocols.adapter import Capabilities
from segbench.registry import UnknownName

SIDE = 32


@pytest.fixture(autouse=True)
def small_images(monkeypatch):
    monkeypatch.setattr(mock, "SIDE", SIDE)


def verdicts_of(findings: list[Finding], *verdicts: str) -> dict[str, str]:
    return {each.check: each.verdict for each in findings if each.verdict in verdicts}


def verdict_on(name: str) -> dict[str, str]:
    """What is not in order with a model of this module."""
    return verdicts_of(examine(f"{__name__}:{name}"), "failed", "note")


class Brush:
    """Paints around positive marks and erases around negative ones: a right adapter."""

    capabilities = Capabilities(interactive=True)

    def predict(self, query):
        marks = query.interactions
        grow = [F.max_pool2d(m, 9, stride=1, padding=4) for m in (marks.positive, marks.negative)]
        return grow[0] * (query.image > 0.45) - 2 * grow[1] - 0.25


class Helped(Brush):
    """Right, with a context, and several images at a time."""

    capabilities = Capabilities(interactive=True, in_context=True)
    micro_batch = 4

    def seen(self, context):
        return context.labels.mean(dim=1)

    def predict(self, query):
        seen = 0 if query.context is None else self.seen(query.context)
        return query.image - 0.5 + seen if query.interactions is None else super().predict(query) + seen


class Boxed(Brush):
    """Right, with boxes, and with its last logits."""

    capabilities = Capabilities(interactive=True, prompts=("clicks", "scribbles", "boxes", "masks"))

    def predict(self, query):
        previous = 0 if query.previous_logits is None else 0.1 * query.previous_logits.tanh()
        return super().predict(query) + 0.1 * query.interactions.box + previous


class OnlyBoxes:
    """Right, with the coordinates of boxes alone, and with a context."""

    capabilities = Capabilities(interactive=True, prompts=("boxes",), in_context=True)

    def predict(self, query):
        logits = query.image - 0.45 + (0 if query.context is None else query.context.labels.mean(dim=1))
        for own, box in zip(logits, query.interactions.boxes if query.interactions else (), strict=False):
            inside = own[0, box.top : box.bottom, box.left : box.right].clone()
            own.sub_(5)[0, box.top : box.bottom, box.left : box.right] = inside
        return logits


class Averaging(Helped):
    """Right, with two contexts of one size, and explicitly without a fallback."""

    capabilities = Capabilities(interactive=True, in_context=True, contexts=2)
    fallback = None

    def seen(self, context):
        first, second = context.labels.unflatten(1, (2, -1)).mean(dim=2).unbind(1)
        return (first.sigmoid() + second.sigmoid()) / 2


class Sets(Brush):
    """Right, with sets."""

    capabilities = Capabilities(interactive=True, setwise=True)
    micro_batch = 8

    def shared(self, marks):
        return marks.amax(dim=0, keepdim=True).expand_as(marks)

    def predict(self, query):
        parts = query.interactions.positive.split(list(query.sets))
        return super().predict(query) + 0.1 * torch.cat([self.shared(part) for part in parts])


class Bands:
    """Right, and automatic: labels by brightness."""

    capabilities = Capabilities(automatic=True)

    def predict(self, query):
        return -(query.image * 2 - torch.arange(3.0).reshape(1, 3, 1, 1)).abs()


@pytest.mark.parametrize("name", ["Brush", "Boxed", "OnlyBoxes", "Helped", "Averaging", "Sets", "Bands"])
def test_right_adapters_pass(name):
    assert verdict_on(name) == {}


def test_boxes_are_in_the_queries_and_runs_of_models_that_take_them():
    boxed, brush, only = (
        {each.check: each.detail for each in examine(f"{__name__}:{name}")}
        for name in ("Boxed", "Brush", "OnlyBoxes")
    )
    assert boxed["interactions used"] == "clicks, scribbles and boxes change the answers"
    assert only["interactions used"] == "boxes change the answers"
    assert {"run boxes", "run box-then-clicks"} <= boxed.keys()
    assert {check for check in only if check.startswith("run ")} == {
        *("run boxes", "run bootstrapped-in-context", "run in-context"),
    }
    assert not any("box" in check for check in brush)


BUILT_IN = [
    name
    for name in MODELS.builtin
    if not MODELS.get(name).capabilities.needs_training and unavailable(name, "bundled") is None
]
VARIANTS = [name for name in BUILT_IN if getattr(MODELS.get(name), "default_protocols", None) == ()]


@pytest.mark.parametrize(
    "name",
    # Variants, which run only if they are named, differ little from the model itself.
    [pytest.param(n, marks=pytest.mark.slow) if n in VARIANTS else n for n in BUILT_IN],
)
def test_built_in_models_pass_with_bundled_weights(name):
    findings = examine(name)
    assert not [each for each in findings if each.verdict == "failed"]
    passed = verdicts_of(findings, "passed")
    assert "output" in passed and any(check.startswith("run ") for check in passed)


def test_a_model_that_is_trained_on_each_task_needs_its_weights():
    with pytest.raises(
        UsageError, match="simpleunet-interconv is trained on each task and cannot be tested without weights"
    ):
        examine("simpleunet-interconv")
    found = verdicts_of(
        examine("simpleunet-interconv", weights=str(BUNDLED / EMBEDDED_TASK)), "passed", "failed"
    )
    assert found["run set-automatic"] == found["set order"] == "passed"
    assert "failed" not in found.values()


# --- wrong from the beginning


class Silent:
    def predict(self, query):
        return query.image


class Useless(Brush):
    capabilities = Capabilities()


class Contradictory(Brush):
    capabilities = Capabilities(interactive=True, automatic=True)


class SetsWithContext(Brush):
    capabilities = Capabilities(interactive=True, setwise=True, in_context=True)


class TrueOfNothing(Brush):
    capabilities = Capabilities(interactive=True, true_context=True)


class Mistyped(Brush):
    capabilities = Capabilities(interactive="yes")


class NoSmallest(Brush):
    capabilities = Capabilities(interactive=True, min_context=0)


class NoContexts(Brush):
    capabilities = Capabilities(interactive=True, in_context=True, contexts=0)


class NoPrompts(Brush):
    capabilities = Capabilities(interactive=True, prompts=("masks",))


class UnknownPrompts(Brush):
    capabilities = Capabilities(interactive=True, prompts=("lassos",))


class PromptsInAList(Brush):
    capabilities = Capabilities(interactive=True, prompts=["clicks"])


@pytest.mark.parametrize(
    "name",
    [
        "Silent",
        "NoPrompts",
        "UnknownPrompts",
        "PromptsInAList",
        "Useless",
        "Contradictory",
        "SetsWithContext",
        "TrueOfNothing",
        "Mistyped",
        "NoSmallest",
        "NoContexts",
    ],
)
def test_capabilities_that_no_protocol_can_use(name):
    assert verdict_on(name) == {"capabilities": "failed"}


class Idle(Brush):
    capabilities = Capabilities(interactive=True, min_context=3)


class Unmade(Brush):
    def __init__(self):
        raise FileNotFoundError(2, "No such file", "mine.pt")


class Undecided(Brush):
    def __init__(self):
        self.capabilities = Capabilities(interactive=True, in_context=True)


class Mute:
    capabilities = Brush.capabilities


class NoBatch(Brush):
    micro_batch = 0


class Nowhere(Brush):
    device = "gpu"


class Numbered(Brush):
    fingerprint = 7


class Unwritable(Brush):
    version = object()


class Abandoned(Brush):
    fallback = "scribbleprompt"


# --- wrong answers


class Flat(Brush):
    def predict(self, query):
        return super().predict(query)[:, 0]


class Array(Brush):
    def predict(self, query):
        return super().predict(query).numpy()


class Whole(Brush):
    def predict(self, query):
        return (super().predict(query) > 0).long()


class Broken(Brush):
    def predict(self, query):
        return super().predict(query) / 0


class Leaves(Brush):
    def predict(self, query):
        raise SystemExit("no licence")


class Panic(BaseException):
    """What libraries in Rust raise: no Exception."""


class Panics(Brush):
    def predict(self, query):
        raise Panic("index out of range")


class OneClass(Bands):
    def predict(self, query):
        return super().predict(query)[:, :1]


class Probable(Brush):
    def predict(self, query):
        return super().predict(query).sigmoid()


class Masks(Brush):
    """Right, but its logits are no more than a mask."""

    def predict(self, query):
        return (super().predict(query) > 0).float()


class Empty(Brush):
    def predict(self, query):
        return super().predict(query) - 9


class Full(Brush):
    def predict(self, query):
        return super().predict(query) + 9


class SameLabel(Bands):
    def predict(self, query):
        return super().predict(query) + 9 * torch.tensor([0, 1, 0]).reshape(1, 3, 1, 1)


class Writes(Brush):
    def predict(self, query):
        query.interactions.negative.clamp_(max=0.9)
        return super().predict(query)


class Draws(Brush):
    def predict(self, query):
        torch.rand(1), random.random(), np.random.rand()  # noqa: NPY002
        return super().predict(query)


class SetsSeed(Brush):
    def predict(self, query):
        np.random.seed(0)  # noqa: NPY002
        return super().predict(query)


class Threads(Brush):
    def predict(self, query):
        torch.set_num_threads(2)
        return super().predict(query)


class Determined(Brush):
    def predict(self, query):
        torch.use_deterministic_algorithms(True)
        return super().predict(query)


class DrawsWeights(Brush):
    """Right: every network draws its weights before it loads others."""

    def __init__(self):
        torch.rand(3), random.random(), np.random.rand()  # noqa: NPY002


class SeedsItself(Brush):
    def __init__(self):
        torch.manual_seed(0)


class SeedsNumpy(Brush):
    def __init__(self):
        np.random.seed(0)  # noqa: NPY002


class SeedsPython(Brush):
    def __init__(self):
        random.seed(0)


class Doubles(Brush):
    def __init__(self):
        torch.set_default_dtype(torch.float64)


class NoGradients(Brush):
    def __init__(self):
        torch.set_grad_enabled(False)


class Learns(Brush):
    def __init__(self):
        self.weight = torch.nn.Parameter(torch.ones(1))

    def predict(self, query):
        with torch.inference_mode(False), torch.enable_grad():
            return super().predict(query) * self.weight


class KeepsGraph(Learns):
    def predict(self, query):
        return Brush.predict(self, query) * self.weight


class KeepsFeatures(Learns):
    """What it has kept from inference mode is of no use where gradients are wanted."""

    kept = None

    def predict(self, query):
        if self.kept is None:
            self.kept = torch.ones(1) * 2
        return Brush.predict(self, query) * (self.weight * self.kept)


class Unloaded(Brush):
    def __init__(self):
        self.factor = 1 + torch.rand(1)

    def predict(self, query):
        return super().predict(query) * self.factor


class Averages(Brush):
    def predict(self, query):
        return super().predict(query) - 10 * (query.image.mean() - 0.3)


class AveragesMany(Averages):
    micro_batch = 4


class OneByOne(Brush):
    def predict(self, query):
        assert len(query.image) == 1
        return super().predict(query)


class OnlyMany(Brush):
    micro_batch = 4

    def predict(self, query):
        assert len(query.image) == 4
        return super().predict(query)


class AveragesTwo(Averages):
    micro_batch = 2

    def predict(self, query):
        assert len(query.image) < 3
        return super().predict(query)


class Deaf(Brush):
    def predict(self, query):
        return query.image - 0.5


class ReadsClicks(Brush):
    def predict(self, query):
        logits = query.image - 0.7
        for own, clicks in zip(logits, query.interactions.clicks, strict=True):
            for click in clicks:
                own[0, click.row, click.column] = 1 if click.positive else -1
        return logits


class IgnoresBoxes(Boxed):
    def predict(self, query):
        return Brush.predict(self, query)


class UndeclaredMasks(Boxed):
    capabilities = Capabilities(interactive=True, prompts=("clicks", "scribbles", "boxes"))


class Forgets(Helped):
    def seen(self, context):
        return 0


class Latest(Helped):
    def seen(self, context):
        return context.labels[:, -1]


class Small(Brush):
    def predict(self, query):
        assert query.image.shape[-2:] == (SIDE, SIDE), "I want squares"
        return super().predict(query)


class Leaks(Sets):
    def predict(self, query):
        return Brush.predict(self, query) + 0.1 * self.shared(query.interactions.positive)


class FirstOfAll(Sets):
    def shared(self, marks):
        return marks[:1].expand_as(marks)


class Apart(Sets):
    def shared(self, marks):
        return marks


class FewClicks(Brush):
    def predict(self, query):
        if any(len(clicks) > 2 for clicks in query.interactions.clicks):
            raise IndexError("list index out of range")
        return super().predict(query)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Idle", {"capabilities": "note"}),
        *((name, {"creation": "failed"}) for name in ("Unmade", "Mute")),
        *((name, {"attributes": "failed"}) for name in ("Undecided", "NoBatch", "Nowhere", "Numbered")),
        *((name, {"attributes": "failed"}) for name in ("Unwritable", "Abandoned")),
        *((name, {"creation": "failed"}) for name in ("SeedsItself", "SeedsNumpy", "SeedsPython")),
        *((name, {"creation": "failed"}) for name in ("Doubles", "NoGradients")),
        ("DrawsWeights", {}),
        ("Probable", {"range": "failed"}),
        ("Masks", {"range": "note"}),
        *((name, {"range": "note"}) for name in ("Empty", "Full", "SameLabel")),
        ("Writes", {"inputs": "failed"}),
        *((name, {"global state": "failed"}) for name in ("Draws", "SetsSeed", "Threads", "Determined")),
        ("Learns", {"gradients": "failed"}),
        *((name, {"gradients": "note"}) for name in ("KeepsGraph", "KeepsFeatures")),
        ("Unloaded", {"instances": "failed"}),
        ("Averages", {"batch size": "failed"}),
        ("AveragesMany", {"companions": "failed", "batch size": "failed"}),
        ("AveragesTwo", {"companions": "failed", "batch size": "failed"}),
        ("OneByOne", {"batch size": "note"}),
        ("OnlyMany", {"batch size": "failed"}),
        ("Deaf", {"interactions used": "failed"}),
        ("ReadsClicks", {"interactions used": "note"}),
        ("IgnoresBoxes", {"interactions used": "note", "previous logits": "note"}),
        ("UndeclaredMasks", {"previous logits": "note"}),
        ("Forgets", {"context used": "failed"}),
        ("Latest", {"context order": "note"}),
        ("Small", {"image size": "note"}),
        ("Leaks", {"companions": "failed", "batch size": "failed"}),
        ("FirstOfAll", {"set order": "failed"}),
        ("Apart", {"set used": "note"}),
        ("FewClicks", {"run set-clicks": "failed"}),
    ],
)
def test_each_mistake_is_found_where_it_is_and_nowhere_else(name, expected):
    assert verdict_on(name) == expected


@pytest.mark.parametrize("name", ["Flat", "Array", "Broken", "Leaves", "Panics", "OneClass"])
def test_invalid_answers_fail_in_the_runs_too(name):
    failures = verdict_on(name)
    assert failures.pop("output") == "failed"
    runs = [check for check in failures if check.startswith("run ")]
    assert len(runs) == len(failures) == (0 if name == "OneClass" else 5)


def test_answers_that_are_no_logits_by_their_type():
    assert verdict_on("Whole") == {"output": "failed"}


class Chance(Brush):
    def predict(self, query):
        return F.dropout(super().predict(query), 0.5)


class Tired(Brush):
    def __init__(self):
        self.asked = 0

    def predict(self, query):
        self.asked += 1
        return super().predict(query) - 0.01 * self.asked


def test_chance_and_memory_are_found_by_asking_again():
    by_chance, by_memory = verdict_on("Chance"), verdict_on("Tired")
    assert by_chance["determinism"] == by_chance["global state"] == by_chance["instances"] == "failed"
    assert by_memory["determinism"] == "failed" and "global state" not in by_memory


class Breaks(Brush):
    """Fails at the tenth query."""

    def __init__(self):
        self.left = 10

    def predict(self, query):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("out of\nmemory")
        return super().predict(query)


def test_an_exception_is_one_sentence_that_names_model_check_and_cause():
    name = f"{__name__}:Breaks"
    findings = {each.check: each for each in examine(name)}
    assert findings["output"].verdict == "passed"
    detail = findings["run center-clicks"].detail
    assert detail == f"the model {name} failed in the check 'run center-clicks': RuntimeError: out of memory"


def test_a_missing_file_and_a_missing_licence_are_named():
    unmade = examine(f"{__name__}:Unmade")[-1]
    assert "FileNotFoundError" in unmade.detail and "mine.pt" in unmade.detail
    leaves = next(each for each in examine(f"{__name__}:Leaves") if each.check == "output")
    assert "SystemExit: no licence" in leaves.detail and "clicks" in leaves.detail


def test_a_module_that_cannot_be_imported_is_the_plug_ins_failure(tmp_path, monkeypatch):
    (tmp_path / "unimportable_model.py").write_text("import module_that_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (finding,) = examine("unimportable_model:Mine")
    assert finding.verdict == "failed" and finding.check == "import"
    assert "unimportable_model:Mine" in finding.detail and "module_that_nobody_has" in finding.detail


def test_an_unknown_name_is_no_finding():
    with pytest.raises(UnknownName, match="did you mean random-walker"):
        examine("random-walkr")


def test_global_generators_and_modes_are_afterwards_as_before():
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    modes = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    for name in ("Doubles", "NoGradients", "Threads", "Determined"):
        examine(f"{__name__}:{name}")
    examine(f"{__name__}:Chance")
    examine(f"{__name__}:SetsSeed")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert random.getstate() == before[2]
    assert modes == (torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads())
    assert not torch.are_deterministic_algorithms_enabled()
