"""Segmentation by registration to an earlier image (a single atlas), by SimpleITK and without weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segbench.protocols.adapter import Capabilities, Query

COARSE = 4  # images are compared at this fraction of their size
ITERATIONS = 30  # of each registration


class Registration:
    """The warped mask of the context's image that fits the target best.

    Every image of the context is registered to the target at a quarter of its size, by an affine transform.
    The image with the largest squared correlation is registered again at full size: the affine transform is
    refined, and demons follow (Vercauteren et al., 2009) on images with matched histograms. The metric takes
    all pixels and one thread, so nothing is random. A flat image cannot be registered and stays in place.
    """

    title = "Registration"
    capabilities = Capabilities(in_context=True)
    default_protocols = ()
    version = 1
    licence = "Apache-2.0 (SimpleITK)"
    trained_on = "nothing"

    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W): distance to the outline of the warped mask in pixels, positive inside.

        Raises
        ------
        ValueError
            Without a context.
        """
        if query.context is None:
            raise ValueError("registration needs a context of at least one image")
        arrays = (query.image[:, 0], query.context.images[:, :, 0], query.context.labels[:, :, 0])
        images = zip(*(array.float().numpy() for array in arrays), strict=True)
        with _one_thread():
            return torch.from_numpy(np.stack([_logits(*of_image) for of_image in images]))[:, None]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let SimpleITK use one thread, as the last bits depend on their number."""
    import SimpleITK as sitk

    process = sitk.ProcessObject
    before = process.GetGlobalDefaultNumberOfThreads()
    process.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        process.SetGlobalDefaultNumberOfThreads(before)


def _logits(target: np.ndarray, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Logits (H, W) of a target from a context, (n, H, W) each."""
    import SimpleITK as sitk

    fixed, *moving = (sitk.GetImageFromArray(image) for image in (target, *images))
    small = sitk.BinShrink(fixed, [COARSE, COARSE])
    found = [_affine(small, sitk.BinShrink(image, [COARSE, COARSE]), _centred(fixed)) for image in moving]
    best = min(range(len(found)), key=lambda number: found[number][1])
    transform, _ = _affine(fixed, moving[best], found[best][0])
    distance = sitk.GetImageFromArray(_signed_distance(labels[best] > 0.5))
    outside = float(-np.hypot(*target.shape))
    transform = _demons(fixed, moving[best], transform)
    return sitk.GetArrayFromImage(sitk.Resample(distance, fixed, transform, sitk.sitkLinear, outside))


def _centred(image: Any) -> Any:
    """Identity, as an affine transform around the centre of an image."""
    import SimpleITK as sitk

    transform = sitk.AffineTransform(2)
    transform.SetCenter([(side - 1) / 2 for side in image.GetSize()])
    return transform


def _affine(fixed: Any, moving: Any, start: Any) -> tuple[Any, float]:
    """Affine transform from one image to another, and its metric: minus the squared correlation."""
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, ITERATIONS)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(sitk.AffineTransform(start), inPlace=True)
    try:
        transform = method.Execute(fixed, moving)
    except RuntimeError:
        return start, 0.0
    return transform, method.GetMetricValue()


def _demons(fixed: Any, moving: Any, start: Any) -> Any:
    """Continue a transform from one image to another by demons."""
    import SimpleITK as sitk

    warped = sitk.HistogramMatching(sitk.Resample(moving, fixed, start, sitk.sitkLinear), fixed)
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetNumberOfIterations(ITERATIONS)
    field = demons.Execute(fixed, warped)
    return sitk.CompositeTransform([start, sitk.DisplacementFieldTransform(field)])


def _signed_distance(mask: np.ndarray) -> np.ndarray:
    """Distance to the outline of a mask in pixels, float32 (H, W), positive inside; the diagonal at most."""
    from scipy.ndimage import distance_transform_edt

    if mask.all() or not mask.any():
        return np.full(mask.shape, np.hypot(*mask.shape) * (1 if mask.any() else -1), np.float32)
    return np.where(mask, distance_transform_edt(mask) - 0.5, 0.5 - distance_transform_edt(~mask)).astype(
        np.float32
    )
