"""Batch normalizations folded into the convolutions before them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

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

    In inference a batch normalization is one more linear step on each channel, and the
    convolution can do it on the way: on a CPU half as fast again for mobile networks. The layers
    are paired as data flows through them, so that any module will do; a network in which they
    cannot be folded without changing its output is left as it was.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    probe : Tensor, shape (1, 3, h, w)
        Any input; the outputs are compared before and after.
    run : callable, optional
        Input -> the outputs that must stay as they are; by default that of `module`.
    keep : sequence of torch.nn.Module
        Layers whose own output is asked for: a convolution among them, or at the end of one of
        them, keeps its batch normalization apart.

    Returns
    -------
    Tensor
        The outputs for `probe`, side by side.
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
        # timm's batch normalization has its activation inside.
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
    """Collect, of what runs in the block, each convolution with the batch norm that it feeds."""
    import torch
    from torch import nn

    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    outputs: dict[int, tuple[nn.Conv2d, object]] = {}  # the tensors are held: ids recur
    asked: dict[int, object] = {}

    def watch(layer: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if any(layer is one for one in keep):
            asked[id(output)] = output
        if isinstance(layer, nn.Conv2d):
            outputs[id(output)] = (layer, output)
        elif isinstance(layer, nn.BatchNorm2d):
            source = id(inputs[0])
            if source in outputs and source not in asked:
                pairs.append((outputs[source][0], layer))

    hooks = [
        layer.register_forward_hook(watch)
        for layer in module.modules()
        if not isinstance(layer, torch.jit.ScriptModule)  # it takes no hooks, nor do those within
    ]
    try:
        yield pairs
    finally:
        for hook in hooks:
            hook.remove()


def replace_layer(module: nn.Module, name: str, layer: nn.Module) -> None:
    """Put `layer` in the place of the submodule called `name`."""
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, layer)
