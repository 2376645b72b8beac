"""nnU-Net's trainer with a schedule, a seed and bfloat16 on a CPU; nnunetv2 finds it by its name."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import numpy as np
import torch
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from segbench.models.training.checkpointed import atomic_write

CHECKPOINTS = 20  # per training: one every 50 of 1,000 epochs, like nnU-Net


class nnUNetTrainerScheduled(nnUNetTrainer):
    """nnU-Net's trainer with the schedule and the seed of ``options`` in the plans.

    ``options`` is a dict of ``epochs``, ``iterations``, ``seed``, ``precision`` and ``counter`` (a file for
    the number of finished epochs). Every epoch has a seed of its own; an interrupted training therefore ends
    with the same weights as an uninterrupted one.
    """

    def __init__(
        self,
        plans: dict,
        configuration: str,
        fold: int,
        dataset_json: dict,
        device: torch.device = torch.device("cuda"),  # noqa: B008  as in the class above
    ) -> None:
        self.options = plans.pop("options")
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = self.options["epochs"]
        self.num_iterations_per_epoch = self.options["iterations"]
        self.num_val_iterations_per_epoch = max(1, self.num_iterations_per_epoch // 5)  # nnU-Net's 50 of 250
        self.save_every = max(1, self.num_epochs // CHECKPOINTS)

    def initialize(self) -> None:
        """Initialise from the seed; on a CPU the network computes in the precision of the options."""
        self._seed("initialisation")
        super().initialize()
        if self.device.type == "cpu" and self.options["precision"] == "bfloat16":
            forward = torch.autocast("cpu", torch.bfloat16)(self.network.forward)
            self.network.forward = lambda data: _float32(forward(data))

    @staticmethod
    def get_training_transforms(*args, **kwargs):
        """nnU-Net's transforms; the method of blurring must not depend on a timing."""
        transforms = nnUNetTrainer.get_training_transforms(*args, **kwargs)
        for transform in transforms.transforms:
            inner = getattr(transform, "transform", transform)
            if isinstance(inner, GaussianBlurTransform):
                inner.benchmark = False
        return transforms

    def on_epoch_start(self) -> None:
        self._seed(f"epoch {self.current_epoch}")
        super().on_epoch_start()

    def on_epoch_end(self) -> None:
        super().on_epoch_end()
        Path(self.options["counter"]).write_text(str(self.current_epoch))

    def save_checkpoint(self, filename: str) -> None:
        """Replace the last checkpoint atomically, so that an interruption leaves a complete one."""
        with atomic_write(Path(filename)) as temporary:
            super().save_checkpoint(str(temporary))

    def _seed(self, purpose: str) -> None:
        """Seed the global generators of this process, from which nnU-Net draws."""
        seed = zlib.crc32(f"{self.options['seed']} {purpose}".encode())
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)


def _float32(output):
    """Convert the logits of one or all resolutions to float32, which the losses need."""
    return [logits.float() for logits in output] if isinstance(output, list | tuple) else output.float()
