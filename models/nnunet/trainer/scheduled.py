"""nnU-Net's trainer with a length, a seed and bfloat16 on a CPU; found by its name in this folder."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import numpy as np
import torch
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from segbench.models.training.checkpointed import written

CHECKPOINTS = 20  # of a training; of 1,000 epochs that is one every 50, as nnU-Net has it


class nnUNetTrainerScheduled(nnUNetTrainer):
    """Trains as nnU-Net does, for as long and from the seed that ``asked`` in the plans says.

    That is a dict of ``epochs``, ``iterations``, ``seed``, ``precision`` and ``counter``, a file for the
    number of epochs that are done. Every epoch has a seed of its own, so that a continued training goes on as
    one that was never stopped.
    """

    def __init__(
        self,
        plans: dict,
        configuration: str,
        fold: int,
        dataset_json: dict,
        device: torch.device = torch.device("cuda"),  # noqa: B008  as in the class above
    ) -> None:
        self.asked = plans.pop("asked")
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = self.asked["epochs"]
        self.num_iterations_per_epoch = self.asked["iterations"]
        self.num_val_iterations_per_epoch = max(1, self.num_iterations_per_epoch // 5)  # nnU-Net's 50 of 250
        self.save_every = max(1, self.num_epochs // CHECKPOINTS)

    def initialize(self) -> None:
        """As nnU-Net, from the seed; on a CPU the network computes in bfloat16 where that was asked for."""
        self._seed("initialisation")
        super().initialize()
        if self.device.type == "cpu" and self.asked["precision"] == "bfloat16":
            forward = torch.autocast("cpu", torch.bfloat16)(self.network.forward)
            self.network.forward = lambda data: _float32(forward(data))

    @staticmethod
    def get_training_transforms(*args, **kwargs):
        """As nnU-Net; how an image is blurred does not depend on which way was faster."""
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
        Path(self.asked["counter"]).write_text(str(self.current_epoch))

    def save_checkpoint(self, filename: str) -> None:
        """Write beside the last checkpoint, then take its place: a stop in between leaves a whole one."""
        with written(Path(filename)) as temporary:
            super().save_checkpoint(str(temporary))

    def _seed(self, use: str) -> None:
        """nnU-Net draws from the global generators of its process."""
        seed = zlib.crc32(f"{self.asked['seed']} {use}".encode())
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)


def _float32(output):
    """The logits of all resolutions, or of the one, as float32: losses want it."""
    return [part.float() for part in output] if isinstance(output, list | tuple) else output.float()
