"""What runs in a process of its own, since nnunetv2 reads its folders and more from the environment.

``python -m segbench.models.nnunet.child plan|train|pack|predict JSON`` is called by `segbench.models.nnunet.pipeline` and the
adapter. The JSON has the arguments of the step, and ``device``, ``threads`` and ``folder`` of any.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from segbench.models.nnunet.raw import NAME
from segbench.models.nnunet.schedule import TRAINER
from segbench.processes import end_with

CONFIGURATION, PLANS, FOLD = "2d", "nnUNetPlans", 0
AUGMENTERS = 12  # processes that augment for a GPU at most, nnU-Net's own number


def settle(step: str, device: str, threads: int = 1, folder: str = "") -> None:
    """Make this process's environment that of nnU-Net in a folder, on one device."""
    # On a CPU augmenting takes a fiftieth of the time, and processes for it may hang. Planning wants some.
    augmenters = 0 if (step, device) == ("train", "cpu") else min(AUGMENTERS, threads)
    parts = {f"nnUNet_{name}": str(Path(folder) / name) for name in ("raw", "preprocessed", "results")}
    own = {
        "nnUNet_extTrainer": str(Path(__file__).parent / "trainer"),
        "nnUNet_def_n_proc": str(threads),
        "nnUNet_n_proc_DA": str(augmenters),
    }
    if device == "cpu":
        own["nnUNet_compile"] = "f"
    own["CUDA_VISIBLE_DEVICES"] = visible(device, os.environ.get("CUDA_VISIBLE_DEVICES"))
    os.environ.update(parts | own)


def visible(device: str, allowed: str | None) -> str:
    """The one GPU of a device such as ``cuda:1``, of those that are allowed here; none for the CPU."""
    if device == "cpu":
        return ""
    number = device.partition(":")[2] or "0"
    return allowed.split(",")[int(number)] if allowed else number


def plan() -> None:
    """Fingerprint, plan and preprocess the data set in ``nnUNet_raw``."""
    from nnunetv2.configuration import default_num_processes
    from nnunetv2.experiment_planning import plan_and_preprocess_api as api

    api.extract_fingerprints([1], check_dataset_integrity=True)
    api.plan_experiments([1])
    api.preprocess([1], PLANS, (CONFIGURATION,), [default_num_processes])


def train(kind: str, asked: dict[str, Any]) -> None:
    """Train the network, or go on from nnU-Net's last checkpoint.

    Parameters
    ----------
    kind : {"cpu", "cuda"}
        Of the device, the only one that this process sees.
    asked : dict
        What the trainer is to do; see there.
    """
    import torch
    from nnunetv2.configuration import default_num_processes
    from nnunetv2.paths import nnUNet_extTrainer, nnUNet_preprocessed
    from nnunetv2.run.run_training import maybe_load_checkpoint
    from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

    torch.set_num_threads(default_num_processes if kind == "cpu" else 1)
    torch.backends.cudnn.benchmark = kind == "cuda"
    begun = any(_trained().glob("checkpoint_*.pth"))
    preprocessed = Path(nnUNet_preprocessed) / NAME
    plans = json.loads((preprocessed / f"{PLANS}.json").read_text())
    plans |= {"continue_training": begun, "asked": asked}
    dataset = json.loads((preprocessed / "dataset.json").read_text())
    # nnU-Net's search for external trainers, without its own trainers first: these import torchvision.
    found = recursive_find_python_class(str(nnUNet_extTrainer), TRAINER, None)
    trainer = found(plans, CONFIGURATION, FOLD, dataset, torch.device(kind))
    maybe_load_checkpoint(trainer, continue_training=begun, validation_only=False)
    trainer.run_training()


def pack(about: dict[str, Any], target: str) -> None:
    """One safetensors file of the trained network: weights once each, and in the header all to predict with.

    Parameters
    ----------
    about : dict
        What the header says besides.
    target : str
        The file.
    """
    import torch
    from safetensors.torch import save_file

    from segbench.models.training.checkpointed import written

    folder = _trained()
    # Written by the step before, and of more than tensors.
    checkpoint = torch.load(folder / "checkpoint_final.pth", map_location="cpu", weights_only=False)
    once = {tensor.data_ptr(): name for name, tensor in reversed(checkpoint["network_weights"].items())}
    weights = {name: checkpoint["network_weights"][name].contiguous() for name in once.values()}
    header = about | {
        "trainer": f"{checkpoint['trainer_name']}, nnunetv2 {version('nnunetv2')}",
        "val_dice": float(checkpoint["logging"]["mean_fg_dice"][-1]),  # nnU-Net's, over pixels of batches
        "mirroring": checkpoint["inference_allowed_mirroring_axes"],
        "plans": json.loads((folder.parent / "plans.json").read_text()),
        "dataset": json.loads((folder.parent / "dataset.json").read_text()),
    }
    with written(Path(target)) as temporary:
        save_file(weights, temporary, metadata={"training": json.dumps(header)})
    Path(target).chmod(0o644)


def predict(kind: str, weights: str) -> None:
    """Logits for images, pickled: arrays uint16 (H, W) come by standard input, float32 (H, W) go out."""
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # nnU-Net prints
    predictor = _predictor(Path(weights), kind)
    for image in _unpickled(sys.stdin.buffer):
        _, shares = predictor.predict_single_npy_array(
            image[None, None].astype(np.float32), {"spacing": (999, 1, 1)}, save_or_return_probabilities=True
        )
        background, foreground = np.log(np.clip(shares[:, 0].astype(np.float32), 1e-30, None))
        pickle.dump(foreground - background, answers)
        answers.flush()


def _unpickled(stream: BinaryIO) -> Iterator[np.ndarray]:
    """All that is sent, until the other side has no more to ask."""
    with suppress(EOFError):
        while True:
            yield pickle.load(stream)


def _predictor(path: Path, kind: str):
    """nnU-Net's predictor, with mirroring and a sliding window as by default."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
    from safetensors.torch import load_file

    from segbench.models.weights import training_of

    if kind == "cpu":
        torch.set_num_threads(1)  # as the engine does: nothing may depend on the number of cores
    about = training_of(path)
    plans = PlansManager(about["plans"])
    configuration = plans.get_configuration(CONFIGURATION)
    network = get_network_from_plans(
        configuration.network_arch_class_name,
        configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import,
        input_channels=1,
        output_channels=2,
        deep_supervision=False,
    )
    _load(network, load_file(path))
    predictor = nnUNetPredictor(device=torch.device(kind), allow_tqdm=False)
    predictor.manual_initialization(
        network, plans, configuration, [network.state_dict()], about["dataset"], TRAINER, about["mirroring"]
    )
    return predictor


def _load(network, weights: dict) -> None:
    """Give a network its weights; what has several names there has one in the file."""
    missing, unknown = network.load_state_dict(weights, strict=False)
    state = network.state_dict()
    loaded = {state[name].data_ptr() for name in weights.keys() & state.keys()}
    if unknown or any(state[name].data_ptr() not in loaded for name in missing):
        raise ValueError("the weights are not of the network that their plans describe")


def _trained() -> Path:
    """nnU-Net's folder of the trained network."""
    from nnunetv2.paths import nnUNet_results

    kind = f"{TRAINER}__{PLANS}__{CONFIGURATION}"
    return Path(nnUNet_results) / NAME / kind / f"fold_{FOLD}"


STEPS: dict[str, Callable[..., None]] = {"plan": plan, "train": train, "pack": pack, "predict": predict}

if __name__ == "__main__":
    end_with(os.getppid())
    step, text = sys.argv[1:]
    given = json.loads(text)
    settle(step, **{name: given.pop(name) for name in ("device", "threads", "folder") if name in given})
    STEPS[step](**given)
