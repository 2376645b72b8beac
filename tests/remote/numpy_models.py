"""Models for environments without torch and segbench; nothing but numpy is imported."""

import ctypes
import os
import sys
import time
from pathlib import Path

import numpy as np


class Numpy:
    """Answers with something of every part of a query."""

    capabilities = {  # noqa: RUF012
        "interactive": True,
        "prompts": ["clicks", "scribbles", "boxes", "masks"],
        "in_context": True,
    }
    arrays = "numpy"
    version = 3
    time_limit = 5
    title, licence = "Numbers", "MIT"

    def predict(self, query):
        logits = query.image - 0.45
        drawn = query.interactions
        if drawn is not None:
            logits = logits + drawn.positive - drawn.negative + drawn.box / 2
            for index, clicks in enumerate(drawn.clicks):
                for click in clicks:
                    logits[index, 0, click.row, click.column] += 9 if click.positive else -9
            for index, box in enumerate(drawn.boxes):
                if box is not None:
                    logits[index, 0, box.top : box.bottom, box.left : box.right] += 1
        if query.previous_logits is not None:
            logits = logits + query.previous_logits / 8
        if query.context is not None:
            logits = logits + (query.context.labels * query.context.images).mean(axis=1)
        return logits


class Printing(Numpy):
    """Prints far more than a pipe holds, by Python and by the C library's way, and reads its input."""

    def predict(self, query):
        print("x" * 200_000)
        os.write(1, b"y" * 200_000)
        assert sys.stdin.read() == ""
        return super().predict(query)


class Raises(Numpy):
    def predict(self, query):
        raise ZeroDivisionError("division by\nzero")


class Exits(Numpy):
    def predict(self, query):
        sys.exit("no more")


class Ends(Numpy):
    def predict(self, query):
        print("the last words")
        os._exit(3)


class Crashes(Numpy):
    def predict(self, query):
        ctypes.string_at(0)


class Hangs(Numpy):
    time_limit = 0.5

    def predict(self, query):
        time.sleep(600)


class Nonsense(Numpy):
    def predict(self, query):
        return "logits"


class Complex(Numpy):
    def predict(self, query):
        return np.zeros(query.image.shape, complex)


class Endless(Numpy):
    def predict(self, query):
        return np.zeros((2**14, *query.image.shape[1:]))


class NotANumber(Numpy):
    def predict(self, query):
        return np.full_like(query.image, np.nan)


class Flat(Numpy):
    def predict(self, query):
        return query.image[0, 0]


class Slow(Numpy):
    """Takes long enough for a process to be killed in the middle."""

    time_limit = 1

    def predict(self, query):
        time.sleep(0.01)
        return super().predict(query)


class Undeclared:
    def predict(self, query):
        return query.image


class Unknown(Numpy):
    capabilities = {"interactive": True, "telepathic": True}  # noqa: RUF012


class Scaled(Numpy):
    """Has weights: a number in a text file."""

    def __init__(self, scale):
        self.scale = scale

    @classmethod
    def create(cls, name, weights, device, precision):
        return cls(float(Path(weights).read_text()))

    def predict(self, query):
        return self.scale * super().predict(query)
