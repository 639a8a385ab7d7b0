"""Check that the features of an image depend on this image only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

# Largest relative distance between the features of an image alone and in a batch of two. Rounding
# caused at most 3e-7 in fp32, and 0.004 in networks with bfloat16 layers (torchvision's ResNet18,
# ResNet50, MobileNetV2, EfficientNet-B0, Swin-T and ConvNeXt-T on a CPU).
_TOLERANCE = 0.05


def check_batch(
    run: Callable[[torch.Tensor], Sequence[torch.Tensor]],
    probe: torch.Tensor,
    alone: torch.Tensor,
    *,
    owner: str,
) -> None:
    """Raise ModelError unless an image has the same features alone and beside another image.

    The check uses one pair of images. A network that mixes images in other cases only is not
    detected.

    Parameters
    ----------
    run : callable
        Standardized images (b, 3, h, w) -> the features of each layer, each (b, width).
    probe : Tensor, shape (1, 3, h, w)
    alone : Tensor, shape (1, d)
        The features of the probe.
    owner : str
        Name of the network, for messages.
    """
    import torch

    # a ramp from dark to light differs in its statistics from the probe, which is noise
    ramp = torch.linspace(-2, 2, probe.shape[-1]).expand_as(probe)
    with torch.inference_mode():
        rows = torch.cat(list(run(torch.cat([probe, ramp]))), dim=1)
    if rows.shape != (2, alone.shape[1]):
        raise ModelError(
            f"a network must give the same number of features in every batch; {owner} gives "
            f"{tuple(alone.shape)} for 1 image and {tuple(rows.shape)} for 2. Use -1 in a reshape "
            "for the features, and not for the images."
        )
    distance = float((rows[:1] - alone).norm())
    if distance > _TOLERANCE * float(torch.maximum(rows[0].norm(), alone.norm())):
        raise ModelError(
            "the features of an image must not depend on chance or on other images in its batch; "
            f"those of {owner} do. Remove operations that mix images, such as a mean over the "
            "batch, and dropout or batch statistics that stay active in evaluation mode."
        )
