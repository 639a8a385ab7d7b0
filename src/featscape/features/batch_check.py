"""Whether a network computes the features of an image from this image alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

# Largest relative distance between a row that is computed alone and the same row in a batch of two.
# Rounding caused at most 3e-7 in fp32, and 0.004 in networks that compute in bfloat16 by themselves
# (torchvision's ResNet18 and 50, MobileNetV2, EfficientNet-B0, Swin-T and ConvNeXt-T on a CPU).
_TOLERANCE = 0.05


def check_batch(
    run: Callable[[torch.Tensor], Sequence[torch.Tensor]],
    probe: torch.Tensor,
    alone: torch.Tensor,
    *,
    owner: str,
) -> None:
    """Raise ModelError unless an image has the same features alone and beside another image.

    The check sees one pair of images: a network that mixes the images of a batch only in other
    cases passes.

    Parameters
    ----------
    run : callable
        Standardized images (b, 3, h, w) -> the rows of each layer, each (b, width).
    probe : Tensor, shape (1, 3, h, w)
    alone : Tensor, shape (1, d)
        The features of the probe.
    owner : str
        The network's name, for messages.
    """
    import torch

    # A ramp from dark to light has other statistics than the probe, which is noise.
    ramp = torch.linspace(-2, 2, probe.shape[-1]).expand_as(probe)
    with torch.inference_mode():
        rows = torch.cat(list(run(torch.cat([probe, ramp]))), dim=1)
    if rows.shape != (2, alone.shape[1]):
        raise ModelError(
            f"A network must give the same number of features in every batch; {owner} gives "
            f"{tuple(alone.shape)} for 1 image and {tuple(rows.shape)} for 2. Reshape with -1 for "
            "the features, and never for the images."
        )
    distance = float((rows[:1] - alone).norm())
    if distance > _TOLERANCE * float(torch.maximum(rows[0].norm(), alone.norm())):
        raise ModelError(
            "The features of an image must not depend on chance or on the other images in its "
            f"batch; those of {owner} do. Remove what mixes images, such as a mean over the "
            "batch, and dropout or batch statistics that stay on in evaluation."
        )
