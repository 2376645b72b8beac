"""The checks of an adapter's answers, each a function of the `Subject` that was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from segbench.benchmark.conformance.findings import (
    BREAKS,
    MODES,
    Answer,
    failed,
    noted,
    passed,
    said,
    skipped,
)
from segbench.benchmark.conformance.mock import IMAGES, OTHER_SIZE, PROMPTERS, Question, task
from segbench.benchmark.conformance.state import seeded
from segbench.benchmark.conformance.subject import TOLERANCE, Asked, Subject, distance

Pair = tuple[Question, Tensor, Tensor]  # a question and two answers that should be alike

UNANSWERED = skipped("no query was answered as it should be")
LARGER = "queries larger than micro_batch says are refused, and never asked"
NO_SIGHT = "images of a query must not see one another"
NO_CONTEXT, NO_SET = skipped("it takes no context"), skipped("it takes one image at a time, not sets")


def output(subject: Subject) -> Answer:
    """A tensor of the right shape and type with finite values, whatever is asked."""
    wrong = [each for each in subject.asked if each.problem]
    if wrong:
        return failed(f"{subject.name} was asked with {_several(wrong)}: {wrong[0].problem}")
    return passed(f"finite logits of the right shape for {len(subject.asked)} kinds of query")


def logit_range(subject: Subject) -> Answer:
    """Logits, of which the mask is where they are above 0; not probabilities, not always one mask."""
    answers = [logits for _, logits in subject.answered]
    if not answers:
        return UNANSWERED
    low, high = (
        float(getattr(torch, of)(torch.stack([getattr(a, of)() for a in answers]))) for of in ("min", "max")
    )
    span = f"values from {low:.3g} to {high:.3g}"
    if subject.able.automatic:
        alone = all((a.argmax(dim=1) == a[:, :, 0, 0].argmax(dim=1)[:, None, None]).all() for a in answers)
        return noted(f"every image has one label everywhere; {span}") if alone else passed(span)
    if low >= 0 and 0 < high <= 1:
        if all(((a == 0) | (a == 1)).all() for a in answers):
            return noted("all values are 0 or 1: right as masks, but previous logits then tell nothing more")
        return failed(
            f"{span} look like probabilities; return logits (torch.logit, or leave out the sigmoid), as the "
            "mask is where they are above 0"
        )
    shares = [float((logits > 0).float().mean()) for logits in answers]
    for share, what in ((0.0, "empty"), (1.0, "the whole image")):
        if all(each == share for each in shares):
            return noted(f"the mask is always {what}; {span}")
    return passed(span)


def inputs(subject: Subject) -> Answer:
    """What a query holds stays as it is; the protocols go on using it."""
    return _none(
        subject, [each for each in subject.asked if each.inputs_changed], "changed the query's tensors"
    )


def process(subject: Subject) -> Answer:
    """No global random generator, type or mode is touched: everything else in the process depends on it."""
    wrong = [each for each in subject.asked if each.globals_changed]
    return _none(subject, wrong, f"changed a global random generator, or {MODES},")


def gradients(subject: Subject) -> Answer:
    """No graph for gradients is kept, not even outside the benchmark's inference mode."""
    wrong = [each for each in subject.asked if each.graph_kept]
    if wrong or not subject.answered:
        return _none(subject, wrong, "kept a graph for gradients in spite of inference mode")
    question, _ = subject.answered[0]
    try:
        raw = subject.adapter.predict(subject.query(subject.usual(question), question))
    except BREAKS as error:
        return noted(f"outside the benchmark's inference mode, predict fails ({said(error)})")
    if raw.requires_grad:
        return noted("outside the benchmark, predict keeps a graph; decorate it with @torch.inference_mode()")
    return passed("no graph is kept")


def _none(subject: Subject, wrong: Sequence[Asked], what: str) -> Answer:
    if wrong:
        return failed(f"{subject.name} {what} when it was asked with {_several(wrong)}")
    return passed("as they should be")


def _several(wrong: Sequence[Asked]) -> str:
    more = f" (and in {len(wrong) - 1} other queries)" if len(wrong) > 1 else ""
    return f"{wrong[0].question}{more}"


def repeated(subject: Subject) -> Answer:
    """The same queries again, in another order and after another seed of all global generators."""
    cause = "chance (dropout left on, a global generator) or earlier queries decide about it"
    with seeded(2):
        pairs = [
            (question, logits, subject.logits(question)) for question, logits in reversed(subject.answered)
        ]
    return _alike(pairs, "asked again", cause, exact=True)


def instances(subject: Subject) -> Answer:
    """A second adapter like the first, made after another seed, as other workers make theirs."""
    with seeded(3):
        other = subject.another()
        pairs = [
            (question, logits, subject.logits(question, adapter=other)) for question, logits in subject.few()
        ]
    return _alike(pairs, "from a second instance", "is something in it left at random?", exact=True)


def companions(subject: Subject) -> Answer:
    """Others in the same query change nothing: the engine puts together what happens to be there."""
    pairs = []
    for question, logits in subject.few():
        if subject.size(question) > 1:
            copies = subject.logits(question, [question.members(subject.data)] * subject.size(question))
            pairs.append((question, logits[: question.size], copies[: question.size]))
    if subject.answered and not pairs:
        return skipped("each query holds one image or set, as its micro_batch says")
    return _alike(pairs, "beside other images", NO_SIGHT, exact=True)


def batches(subject: Subject) -> Answer:
    """One image, or set, and three together; a query that is larger than the engine's may be refused."""
    pairs, refused = [], []
    for question, logits in subject.few():
        sets = [question.members(subject.data, number) for number in range(3)]
        for count in {1, 3} - {subject.size(question)}:
            try:
                found = subject.logits(question, sets[:count])
            except BREAKS as error:
                if count <= subject.size(question):
                    raise
                refused.append(f"{count} with {question}: {said(error)}")
            else:
                pairs.append((question, logits[: question.size], found[: question.size]))
    if not pairs and refused:
        return noted(f"{LARGER} ({refused[0]})")
    answer = _alike(pairs, "in a query of another size", NO_SIGHT)
    if refused and answer.verdict == "passed":
        return noted(f"{LARGER} ({refused[0]}); {answer.detail}")
    return answer


def marks_used(subject: Subject) -> Answer:
    """Other marks change the answer of an interactive model."""
    if not subject.able.interactive:
        return skipped("it takes no interactions")
    marked = {kind: [each for each in subject.answered if each[0].marks == kind] for kind in PROMPTERS}
    kinds = [kind for kind, asked in marked.items() if asked]
    if not kinds:
        return UNANSWERED
    deaf = [kind for kind in kinds if not _moved(subject, marked[kind], draw=1)]
    if deaf == kinds:
        return failed(f"{subject.name} answers the same whatever is drawn, but says that it is interactive")
    if deaf:
        return noted(f"{deaf[0]} change nothing, but protocols with {deaf[0]} take the model, too")
    return passed(f"{' and '.join(kinds)} change the answer")


def context_used(subject: Subject) -> Answer:
    """Another context changes the answer of an in-context model."""
    if not subject.able.in_context:
        return NO_CONTEXT
    helped = [each for each in subject.answered if each[0].context]
    if not helped:
        return UNANSWERED
    if _moved(subject, helped, shift=3):
        return passed("another context changes the answer")
    return failed(f"{subject.name} answers the same whatever the context, but says that it is in_context")


def _moved(subject: Subject, asked: Sequence[tuple[Question, Tensor]], **change: int) -> bool:
    """Whether any answer is another one when something about each image is changed."""
    return any(
        not torch.equal(logits, subject.logits(question, subject.usual(question, **change)))
        for question, logits in asked
    )


def context_order(subject: Subject) -> Answer:
    """The entries of a context in reverse; a model may mean their order, so that it is only noted."""
    if not subject.able.in_context:
        return NO_CONTEXT
    pairs = [
        (question, logits, subject.logits(question, subject.usual(question, step=-1)))
        for question, logits in subject.few(lambda question: question.context > 1 and not question.copies)
    ]
    answer = _alike(
        pairs, "with the context in another order", "entries come as they were segmented, or drawn"
    )
    return noted(answer.detail) if answer.verdict == "failed" else answer


def set_used(subject: Subject) -> Answer:
    """Another image in the set changes the answer of a setwise model."""
    if not subject.able.setwise:
        return NO_SET
    larger = subject.few(lambda question: question.size > 1)
    if not larger:
        return UNANSWERED
    for question, logits in larger:
        own, *further = subject.usual(question)
        for kept in (0, question.size - 1):
            others = question.members(subject.data, 1)
            others[kept] = own[kept]
            if not torch.equal(subject.logits(question, [others, *further])[kept], logits[kept]):
                return passed("other images of a set change the answer")
    return noted(
        "other images of a set change nothing; without setwise, the model is not run for each set size"
    )


def set_order(subject: Subject) -> Answer:
    """The images of a set in reverse have the same answers in reverse, as a set has no order."""
    if not subject.able.setwise:
        return NO_SET
    pairs = []
    for question, logits in subject.few(lambda question: question.size > 1):
        reverse = [members[::-1] for members in subject.usual(question)]
        back = subject.logits(question, reverse)
        pairs.append((question, logits[: question.size], back[: question.size].flip(0)))
    return _alike(pairs, "with a set in another order", "a set has none, and protocols cut sets at random")


def other_size(subject: Subject) -> Answer:
    """Images that are not of the size that all built-in data sets have."""
    if not subject.answered:
        return UNANSWERED
    question, _ = subject.answered[0]
    height, width = OTHER_SIZE
    data = task(IMAGES, OTHER_SIZE)
    try:
        subject.logits(question, [question.members(data)] * subject.size(question))
    except BREAKS as error:
        return noted(
            f"images of {height}x{width} are refused, but all built-in data are 128x128 ({said(error)})"
        )
    return passed(f"images of {height}x{width} are segmented, too")


def _alike(pairs: Sequence[Pair], what: str, cause: str, exact: bool = False) -> Answer:
    """Whether two answers agree: within `TOLERANCE`, and noted if not in every bit where these should."""
    found = [(distance(one, other), question) for question, one, other in pairs]
    if not found:
        return UNANSWERED
    most, question = max(found, key=lambda pair: pair[0])
    if not most <= TOLERANCE:
        return failed(f"{what}, logits differ by {most:.2g} of the largest ({question}); {cause}")
    if most == 0:
        return passed(f"{what}, logits are the same in every bit")
    agree = f"{what}, logits agree within {most:.1g} of the largest ({question})"
    return noted(f"{agree}, so that two runs may differ in their last bits") if exact else passed(agree)


CHECKS: dict[str, Callable[[Subject], Answer]] = {
    "output": output,
    "range": logit_range,
    "inputs": inputs,
    "global state": process,
    "gradients": gradients,
    "determinism": repeated,
    "instances": instances,
    "companions": companions,
    "batch size": batches,
    "marks used": marks_used,
    "context used": context_used,
    "context order": context_order,
    "set used": set_used,
    "set order": set_order,
    "image size": other_size,
}
