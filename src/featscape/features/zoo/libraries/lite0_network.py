"""The architecture of EfficientNet-Lite0 in plain PyTorch.

timm has the same network, but the import of timm takes two seconds. The names of the layers are
those of timm's tf_efficientnet_lite0, so that the layers of a map and files of weights fit both.

Source: Tan & Le (2019), "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
table 1. EfficientNet-Lite leaves out squeeze-and-excitation, and uses ReLU6.
"""

from __future__ import annotations

from typing import cast

import torch  # other modules import this module inside functions
from torch import nn
from torch.nn import functional

N_CLASSES = 1000
_N_STEM, _N_HEAD = 32, 1280
_BATCH_NORM_EPSILON = 1e-3  # TensorFlow's default
# Blocks, side of the kernel, stride, expansion and output channels of each stage
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConvolution(nn.Conv2d):
    """A convolution with TensorFlow's padding "SAME".

    With a stride of 2, one more row and column is padded at the end than at the beginning.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve x, shape (b, c, h, w): the result has ceil(h / stride) rows."""
        side, stride = self.kernel_size[0], self.stride[0]
        padding: list[int] = []
        for n in (x.shape[3], x.shape[2]):
            n_padded = max((-(-n // stride) - 1) * stride + side - n, 0)
            padding += [n_padded // 2, n_padded - n_padded // 2]
        padded = functional.pad(x, padding)
        return functional.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


class NormWithActivation(nn.BatchNorm2d):
    """A batch normalization and its activation function `act`, as one layer."""

    def __init__(self, n_channels: int, act: nn.Module) -> None:
        super().__init__(n_channels, eps=_BATCH_NORM_EPSILON)
        self.act = act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize x, shape (b, c, h, w)."""
        return cast("torch.Tensor", self.act(super().forward(x)))


def _convolution(
    n_in: int, n_out: int, side: int, *, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    kind = SameConvolution if stride > 1 else nn.Conv2d
    padding = 0 if stride > 1 else side // 2
    return kind(n_in, n_out, side, stride=stride, padding=padding, groups=groups, bias=False)


class SeparableBlock(nn.Module):
    """A depthwise and a pointwise convolution: the first block of the network."""

    def __init__(self, n_in: int, n_out: int, side: int) -> None:
        super().__init__()
        self.conv_dw = _convolution(n_in, n_in, side, groups=n_in)
        self.bn1 = NormWithActivation(n_in, nn.ReLU6(inplace=True))
        self.conv_pw = _convolution(n_in, n_out, 1)
        self.bn2 = NormWithActivation(n_out, nn.Identity())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform x, shape (b, c, h, w)."""
        x = self.bn1(self.conv_dw(x))
        return cast("torch.Tensor", self.bn2(self.conv_pw(x)))


class InvertedResidual(nn.Module):
    """A block of MobileNetV2: expand the channels, convolve each channel, reduce the channels."""

    def __init__(self, n_in: int, n_out: int, side: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        n_inner = n_in * expansion
        self.has_skip = stride == 1 and n_in == n_out
        self.conv_pw = _convolution(n_in, n_inner, 1)
        self.bn1 = NormWithActivation(n_inner, nn.ReLU6(inplace=True))
        self.conv_dw = _convolution(n_inner, n_inner, side, stride=stride, groups=n_inner)
        self.bn2 = NormWithActivation(n_inner, nn.ReLU6(inplace=True))
        self.conv_pwl = _convolution(n_inner, n_out, 1)
        self.bn3 = NormWithActivation(n_out, nn.Identity())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform x, shape (b, c, h, w)."""
        inner = self.bn1(self.conv_pw(x))
        inner = self.bn2(self.conv_dw(inner))
        inner = self.bn3(self.conv_pwl(inner))
        return cast("torch.Tensor", inner + x if self.has_skip else inner)


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0: standardized images (b, 3, h, w) -> logits (b, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = _convolution(3, _N_STEM, 3, stride=2)
        self.bn1 = NormWithActivation(_N_STEM, nn.ReLU6(inplace=True))
        stages = []
        n_in = _N_STEM
        for n_blocks, side, stride, expansion, n_out in _STAGES:
            blocks: list[nn.Module] = []
            for number in range(n_blocks):
                block_stride = stride if number == 0 else 1
                if expansion == 1:
                    blocks.append(SeparableBlock(n_in, n_out, side))
                else:
                    blocks.append(
                        InvertedResidual(
                            n_in, n_out, side, stride=block_stride, expansion=expansion
                        )
                    )
                n_in = n_out
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        self.conv_head = _convolution(n_in, _N_HEAD, 1)
        self.bn2 = NormWithActivation(_N_HEAD, nn.ReLU6(inplace=True))
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(_N_HEAD, N_CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits of x, shape (b, 3, h, w)."""
        x = self.bn1(self.conv_stem(x))
        x = self.blocks(x)
        x = self.bn2(self.conv_head(x))
        return cast("torch.Tensor", self.classifier(self.global_pool(x)))
