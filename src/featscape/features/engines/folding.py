"""Fold batch normalizations into the convolutions before them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from featscape.features.zoo.classifier import replace_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch
    from torch import nn


def fold_batch_norms(
    module: nn.Module,
    probe: torch.Tensor,
    *,
    run: Callable[[torch.Tensor], Sequence[torch.Tensor]] | None = None,
    keep: Sequence[nn.Module] = (),
) -> torch.Tensor:
    """Fold each batch normalization into the convolution before it, in place.

    In inference a batch normalization is a linear function of each channel, which the convolution
    can include. On a CPU, mobile networks become 1.5 times as fast. The layers are paired by the
    data flow in a pass, so that any module is supported. The network is restored if folding
    changes its output.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    probe : Tensor, shape (1, 3, h, w)
        Any input; the outputs before and after are compared.
    run : callable, optional
        Input -> the outputs that must not change; by default the output of `module`.
    keep : sequence of torch.nn.Module
        Layers whose own output is needed. A convolution that is one of these layers, or the last
        step of one of them, keeps its batch normalization separate.

    Returns
    -------
    Tensor
        The outputs for `probe`, concatenated.
    """
    import torch
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    run = run or (lambda batch: [module(batch)])
    with _paired(module, keep) as pairs, torch.inference_mode():
        before = run(probe)
    if not pairs:
        return torch.cat(list(before), dim=1)

    names = {layer: name for name, layer in module.named_modules()}
    for convolution, norm in pairs:
        replace_layer(module, names[convolution], fuse_conv_bn_eval(convolution, norm))
        # timm's batch normalization includes its activation function
        replace_layer(module, names[norm], getattr(norm, "act", nn.Identity()))
    with torch.inference_mode():
        after = run(probe)
    if all(
        (now - was).abs().max() <= 1e-3 * was.abs().max()
        for now, was in zip(after, before, strict=True)
    ):
        return torch.cat(list(after), dim=1)
    for convolution, norm in pairs:
        replace_layer(module, names[convolution], convolution)
        replace_layer(module, names[norm], norm)
    return torch.cat(list(before), dim=1)


@contextmanager
def _paired(
    module: nn.Module, keep: Sequence[nn.Module]
) -> Iterator[list[tuple[nn.Conv2d, nn.BatchNorm2d]]]:
    """Collect the pairs of a convolution and the batch norm after it that run in this context."""
    import torch
    from torch import nn

    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    # the tensors are kept alive, since ids are reused
    outputs: dict[int, tuple[nn.Conv2d, object]] = {}
    kept: dict[int, object] = {}

    def watch(layer: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if any(layer is one for one in keep):
            kept[id(output)] = output
        if isinstance(layer, nn.Conv2d):
            outputs[id(output)] = (layer, output)
        elif isinstance(layer, nn.BatchNorm2d):
            source = id(inputs[0])
            if source in outputs and source not in kept:
                pairs.append((outputs[source][0], layer))

    # TorchScript modules and their submodules accept no hooks
    hooks = [
        layer.register_forward_hook(watch)
        for layer in module.modules()
        if not isinstance(layer, torch.jit.ScriptModule)
    ]
    try:
        yield pairs
    finally:
        for hook in hooks:
            hook.remove()
