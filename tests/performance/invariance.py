"""How far logits and masks move with micro-batch size, threads, precision and device.

Usage: python tests/performance/invariance.py [--images N] [--context N]

Prints one row a variation: the largest difference of the logits from the reference (float32, one image at a
time, one thread), the share of mask pixels that flip, and whether the bytes are the same.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from segbench.datasets.registry import find_source
from segbench.models import create_model
from segbench.protocols.adapter import Context, Interactions, Query


def queries(count: int, context: int) -> Query:
    """Test images of the phantoms, with a click at the label's centre of mass and true context."""
    phantoms = find_source("phantoms")
    images, contexts, labels, clicks = [], [], [], []
    for task in phantoms.tasks(None):
        data = phantoms.load(task, None)
        earlier, test = data.indices("train")[:context], data.indices("test")
        for index in test[: max(1, count // len(phantoms.tasks(None)))]:
            rows, columns = np.nonzero(data.labels[index, 0])
            click = np.zeros((1, *data.labels.shape[2:]), np.float32)
            click[0, int(rows.mean()), int(columns.mean())] = 1
            images.append(data.images[index])
            clicks.append(click)
            contexts.append(data.images[earlier])
            labels.append(data.labels[earlier].astype(np.float32))
    image, positive = (torch.from_numpy(np.stack(arrays)) for arrays in (images, clicks))
    nothing = torch.zeros_like(image)
    return Query(
        image,
        Interactions(positive, nothing, nothing),
        None,
        Context(torch.from_numpy(np.stack(contexts)), torch.from_numpy(np.stack(labels))),
    )


def part(query: Query, start: int, stop: int) -> Query:
    """Some images of a batch."""
    marks, context = query.interactions, query.context
    assert marks is not None and context is not None
    return Query(
        query.image[start:stop],
        Interactions(marks.positive[start:stop], marks.negative[start:stop], marks.box[start:stop]),
        None,
        Context(context.images[start:stop], context.labels[start:stop]),
    )


def logits(name: str, query: Query, size: int, threads: int, precision: str, device: str) -> np.ndarray:
    """Logits of all images, computed ``size`` at a time."""
    torch.set_num_threads(threads)
    adapter = create_model(name, precision=precision, device=device)
    count = len(query.image)
    return torch.cat(
        [adapter.predict(part(query, i, min(i + size, count))) for i in range(0, count, size)]
    ).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--context", type=int, default=8)
    options = parser.parse_args()
    query = queries(options.images, options.context)
    variations = [
        ("repeated", 1, 1, "float32", "cpu"),
        ("two threads", 1, 2, "float32", "cpu"),
        ("micro-batch 4", 4, 1, "float32", "cpu"),
        ("micro-batch 8", 8, 1, "float32", "cpu"),
        ("bfloat16", 1, 1, "bfloat16", "cpu"),
    ]
    if torch.cuda.is_available():
        variations += [("GPU", 1, 1, "float32", "cuda"), ("GPU, bfloat16", 32, 1, "bfloat16", "cuda")]
    print(f"{'model':16}{'variation':16}{'logits':>10}{'pixels':>10}  same bytes")
    for name in ("scribbleprompt", "universeg", "multiverseg"):
        reference = logits(name, query, 1, 1, "float32", "cpu")
        for title, *setting in variations:
            other = logits(name, query, *setting)
            moved, flipped = np.abs(other - reference).max(), ((other > 0) != (reference > 0)).mean()
            same = other.tobytes() == reference.tobytes()
            print(f"{name:16}{title:16}{moved:10.2g}{flipped:10.2%}  {'yes' if same else 'no'}")


if __name__ == "__main__":
    main()
