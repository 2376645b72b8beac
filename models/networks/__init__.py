"""Plain ``nn.Module`` networks in the layouts of the released checkpoints."""

from segbench.models.networks.cross import CrossUNet, MultiverSeg, UniverSeg
from segbench.models.networks.unet import ScribblePromptUNet

__all__ = ["CrossUNet", "MultiverSeg", "ScribblePromptUNet", "UniverSeg"]
