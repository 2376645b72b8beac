"""The checks of an adapter's answers, each a function of the `AdapterUnderTest`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from segbench.benchmark.conformance.findings import (
    MODES,
    Result,
    failed,
    noted,
    one_line,
    passed,
    skipped,
)
from segbench.benchmark.conformance.mock import ANNOTATORS, IMAGES, OTHER_SIZE, QueryKind, mock_task
from segbench.benchmark.conformance.process_state import temporary_seed
from segbench.benchmark.conformance.under_test import (
    TOLERANCE,
    AdapterUnderTest,
    Observation,
    difference,
)
from segbench.text import join_names

Pair = tuple[QueryKind, Tensor, Tensor]  # a kind of query and two answers that should be equal

NO_ANSWER = skipped("no query had a valid answer")
TOO_LARGE = "the model refuses queries that are larger than its micro_batch; a run has no such queries"
INDEPENDENT = "the answer to one image must not depend on the other images of a query"
NO_INTERACTIONS = skipped("the model takes no interactions")
NO_CONTEXT = skipped("the model takes no context")
NO_SETS = skipped("the model takes single images, not sets")


def check_output(model: AdapterUnderTest) -> Result:
    """The output is a tensor of the right shape and type with finite values."""
    invalid = [seen for seen in model.observations if seen.problem]
    if invalid:
        return failed(f"a query with {_listed(invalid)} to {model.name}: {invalid[0].problem}")
    return passed(f"finite logits of the right shape for {len(model.observations)} kinds of query")


def check_range(model: AdapterUnderTest) -> Result:
    """The output are logits, not probabilities, and the masks differ."""
    answers = [logits for _, logits in model.answered]
    if not answers:
        return NO_ANSWER
    low, high = min(float(a.min()) for a in answers), max(float(a.max()) for a in answers)
    span = f"values from {low:.3g} to {high:.3g}"
    if model.capabilities.automatic:
        constant = all((a.argmax(dim=1) == a[:, :, 0, 0].argmax(dim=1)[:, None, None]).all() for a in answers)
        return noted(f"every image has one label everywhere; {span}") if constant else passed(span)
    if low >= 0 and 0 < high <= 1:
        if all(((a == 0) | (a == 1)).all() for a in answers):
            return noted("all values are 0 or 1: valid masks, but as previous logits they have no confidence")
        return failed(
            f"{span} look like probabilities; return logits (torch.logit, or without the sigmoid), as the "
            "mask contains the pixels above 0"
        )
    shares = [float((logits > 0).float().mean()) for logits in answers]
    for share, mask in ((0.0, "empty"), (1.0, "the whole image")):
        if all(value == share for value in shares):
            return noted(f"the mask is always {mask}; {span}")
    return passed(span)


def check_inputs(model: AdapterUnderTest) -> Result:
    """The tensors of a query do not change, as protocols use them again."""
    return _none(
        model, [seen for seen in model.observations if seen.inputs_changed], "changed the query's tensors"
    )


def check_globals(model: AdapterUnderTest) -> Result:
    """No global random generator, type or mode changes, as these affect the whole process."""
    changed = [seen for seen in model.observations if seen.globals_changed]
    return _none(model, changed, f"changed a global random generator, or {MODES},")


def check_gradients(model: AdapterUnderTest) -> Result:
    """No graph for gradients is kept, also outside the benchmark's inference mode."""
    kept = [seen for seen in model.observations if seen.graph_kept]
    if kept or not model.answered:
        return _none(model, kept, "kept a graph for gradients in spite of inference mode")
    kind, _ = model.answered[0]
    try:
        output = model.predict(model.query(kind))
    except Exception as error:
        return noted(f"outside the benchmark's inference mode, predict fails ({one_line(error)})")
    if output.requires_grad:
        return noted("outside the benchmark, predict keeps a graph; decorate it with @torch.inference_mode()")
    return passed("no graph is kept")


def _none(model: AdapterUnderTest, wrong: Sequence[Observation], effect: str) -> Result:
    if wrong:
        return failed(f"{model.name} {effect} in a query with {_listed(wrong)}")
    return passed("nothing changes")


def _listed(wrong: Sequence[Observation]) -> str:
    others = f" (and in {len(wrong) - 1} other queries)" if len(wrong) > 1 else ""
    return f"{wrong[0].kind}{others}"


def check_determinism(model: AdapterUnderTest) -> Result:
    """The same queries have the same answers in another order and with other global seeds."""
    cause = "random numbers (active dropout, a global generator) or earlier queries change them"
    with temporary_seed(2):
        pairs = [(kind, logits, model.logits(kind)) for kind, logits in reversed(model.answered)]
    return _equal(pairs, "in a repeated query", cause, exact=True)


def check_instances(model: AdapterUnderTest) -> Result:
    """A second instance, created with another global seed, has the same answers, as in another worker."""
    with temporary_seed(3):
        other = model.create()
        pairs = [(kind, logits, model.logits(kind, adapter=other)) for kind, logits in model.examples()]
    return _equal(pairs, "from a second instance", "some weights may be left at random values", exact=True)


def check_companions(model: AdapterUnderTest) -> Result:
    """The other images of a query do not change an answer, as they are arbitrary."""
    pairs = []
    for kind, logits in model.examples():
        if model.batch_size(kind) > 1:
            copies = model.logits(kind, [kind.members(model.data)] * model.batch_size(kind))
            pairs.append((kind, logits[: kind.size], copies[: kind.size]))
    if model.answered and not pairs:
        return skipped("a query contains one image or set, as micro_batch demands")
    return _equal(pairs, "with other images in the query", INDEPENDENT, exact=True)


def check_batch_size(model: AdapterUnderTest) -> Result:
    """One image, or set, has the same answer alone and among three; larger queries may be refused."""
    pairs, refused = [], []
    for kind, logits in model.examples():
        sets = [kind.members(model.data, number) for number in range(3)]
        for count in {1, 3} - {model.batch_size(kind)}:
            try:
                answer = model.logits(kind, sets[:count])
            except Exception as error:
                if count <= model.batch_size(kind):
                    raise
                refused.append(f"{count} with {kind}: {one_line(error)}")
            else:
                pairs.append((kind, logits[: kind.size], answer[: kind.size]))
    if not pairs and refused:
        return noted(f"{TOO_LARGE} ({refused[0]})")
    result = _equal(pairs, "in a query of another size", INDEPENDENT)
    if refused and result.verdict == "passed":
        return noted(f"{TOO_LARGE} ({refused[0]}); {result.detail}")
    return result


def check_interactions(model: AdapterUnderTest) -> Result:
    """Other interactions change the answers of an interactive model."""
    if not model.capabilities.interactive:
        return NO_INTERACTIONS
    answered = {
        kind: [seen for seen in model.answered if seen[0].interactions == kind] for kind in ANNOTATORS
    }
    kinds = [kind for kind, seen in answered.items() if seen]
    if not kinds:
        return NO_ANSWER
    ignored = [kind for kind in kinds if not _changes(model, answered[kind], draw=1)]
    if ignored == kinds:
        return failed(f"{model.name} has the same answers to all interactions, but is declared interactive")
    if ignored:
        return noted(f"{ignored[0]} have no effect; leave them out of prompts, as protocols demand prompts")
    return passed(f"{join_names(kinds)} change the answers")


def check_previous(model: AdapterUnderTest) -> Result:
    """Previous logits change the answers of a model with masks in its prompts, and of no other."""
    if not model.capabilities.interactive:
        return NO_INTERACTIONS
    answered = [(kind, logits) for kind, logits in model.answered if kind.previous and not kind.context]
    if not answered:
        return NO_ANSWER
    used = any(
        not torch.equal(logits, model.logits(replace(kind, previous=False))) for kind, logits in answered
    )
    effect = "previous logits change the answers" if used else "previous logits have no effect"
    if used == ("masks" in model.capabilities.prompts):
        return passed(effect)
    return noted(f"{effect}; {'add masks to' if used else 'leave masks out of'} prompts")


def check_context(model: AdapterUnderTest) -> Result:
    """Another context changes the answers of an in-context model."""
    if not model.capabilities.in_context:
        return NO_CONTEXT
    answered = [seen for seen in model.answered if seen[0].context]
    if not answered:
        return NO_ANSWER
    if _changes(model, answered, shift=3):
        return passed("another context changes the answers")
    return failed(f"{model.name} has the same answers with all contexts, but is declared in_context")


def _changes(model: AdapterUnderTest, answered: Sequence[tuple[QueryKind, Tensor]], **change: int) -> bool:
    """Return whether a change of each image or its context changes any answer."""
    return any(
        not torch.equal(logits, model.logits(kind, model.full_batch(kind, **change)))
        for kind, logits in answered
    )


def check_context_order(model: AdapterUnderTest) -> Result:
    """The order of the context has no effect; a difference is only noted, as a model may use the order."""
    if not model.capabilities.in_context:
        return NO_CONTEXT
    pairs = [
        (kind, logits, model.logits(kind, model.full_batch(kind, step=-1)))
        for kind, logits in model.examples(lambda kind: kind.context > 1 and not kind.copies)
    ]
    cause = "entries are in the order of segmentation, or of random draws"
    result = _equal(pairs, "with the context in another order", cause)
    return noted(result.detail) if result.verdict == "failed" else result


def check_sets(model: AdapterUnderTest) -> Result:
    """Another image in the set changes the answers of a setwise model."""
    if not model.capabilities.setwise:
        return NO_SETS
    of_sets = model.examples(lambda kind: kind.size > 1)
    if not of_sets:
        return NO_ANSWER
    for kind, logits in of_sets:
        members, *others = model.full_batch(kind)
        for unchanged in (0, kind.size - 1):
            changed = kind.members(model.data, 1)
            changed[unchanged] = members[unchanged]
            if not torch.equal(model.logits(kind, [changed, *others])[unchanged], logits[unchanged]):
                return passed("other images of a set change the answers")
    return noted(
        "other images of a set have no effect; without setwise, the model is not run for each set size"
    )


def check_set_order(model: AdapterUnderTest) -> Result:
    """The images of a set in reverse order have the same answers in reverse order."""
    if not model.capabilities.setwise:
        return NO_SETS
    pairs = []
    for kind, logits in model.examples(lambda kind: kind.size > 1):
        reversed_sets = [members[::-1] for members in model.full_batch(kind)]
        answer = model.logits(kind, reversed_sets)
        pairs.append((kind, logits[: kind.size], answer[: kind.size].flip(0)))
    return _equal(pairs, "with a set in another order", "a set has no order; protocols draw sets at random")


def check_image_size(model: AdapterUnderTest) -> Result:
    """Images of another size than that of all built-in data sets are segmented."""
    if not model.answered:
        return NO_ANSWER
    kind, _ = model.answered[0]
    height, width = OTHER_SIZE
    data = mock_task(IMAGES, OTHER_SIZE)
    try:
        model.logits(kind, [kind.members(data)] * model.batch_size(kind))
    except Exception as error:
        return noted(
            f"the model refuses images of {height}x{width}; all built-in data sets have 128x128 "
            f"({one_line(error)})"
        )
    return passed(f"images of {height}x{width} are segmented, too")


def _equal(pairs: Sequence[Pair], condition: str, cause: str, exact: bool = False) -> Result:
    """Compare answers within `TOLERANCE`; with `exact`, note a difference in the last bits."""
    differences = [(difference(one, other), kind) for kind, one, other in pairs]
    if not differences:
        return NO_ANSWER
    largest, kind = max(differences, key=lambda pair: pair[0])
    if not largest <= TOLERANCE:
        return failed(f"{condition}, logits differ by {largest:.2g} of the largest ({kind}); {cause}")
    if largest == 0:
        return passed(f"{condition}, logits are equal in every bit")
    agree = f"{condition}, logits agree within {largest:.1g} of the largest ({kind})"
    return noted(f"{agree}; two runs may differ in their last bits") if exact else passed(agree)


CHECKS: dict[str, Callable[[AdapterUnderTest], Result]] = {
    "output": check_output,
    "range": check_range,
    "inputs": check_inputs,
    "global state": check_globals,
    "gradients": check_gradients,
    "determinism": check_determinism,
    "instances": check_instances,
    "companions": check_companions,
    "batch size": check_batch_size,
    "interactions used": check_interactions,
    "previous logits": check_previous,
    "context used": check_context,
    "context order": check_context_order,
    "set used": check_sets,
    "set order": check_set_order,
    "image size": check_image_size,
}
