"""The modules of a user: networks that work, networks with defects, and a helper module."""

MODULE = """
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self, n_classes=4):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, n_classes)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))

def tiny():
    return Tiny()

def preprocessed():
    network = Tiny()
    half = [0.5] * 3
    network.preprocessing = {"input_size_px": 32, "resize_px": 40, "mean": half, "std": half}
    return network

def body():
    return Tiny().body

def with_arguments(n):
    return Tiny(n)

def none():
    return None

def broken():
    raise KeyError("a mistake")

class Headless(Tiny):
    def forward(self, x):
        return self.head(self.body(x))

class Wordless(Tiny):
    def forward(self, x):
        raise ValueError

def with_preprocessing(value):
    def make():
        return Tiny()
    make.preprocessing = value
    return make

typo = with_preprocessing({"size": 32})
text = with_preprocessing("imagenet")
gray = with_preprocessing({"mean": [0.5], "std": [0.5]})
small = with_preprocessing({"input_size_px": 64, "resize_px": 32})

def in_torchscript():
    return torch.jit.script(Tiny())

def partly_in_torchscript():
    network = Tiny()
    network.body = torch.jit.script(network.body)
    return network

class Rare(Tiny):
    def forward(self, x):
        seen = self.body(x)
        return self.head((-seen if x.mean() > 1 else seen).mean((2, 3)))

def refuse(graph, inputs):
    raise AssertionError("the compiler is called")

def compiled():
    return torch.compile(Tiny(), backend=refuse)

class Twice(Tiny):
    def __init__(self):
        super().__init__()
        self.again = self.body

    def forward(self, x):
        return self.head(self.again(x).mean((2, 3)))

def compiled_inside():
    network = Twice()
    network.body = network.again = torch.compile(network.body, backend=refuse)
    return network

def compiled_in_place():
    network = Twice()
    network.body.compile(backend=refuse)
    network.compile(backend=refuse)
    return network

def twice():
    return Twice()

def of_gray():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten())

class OfTwo(Tiny):
    def forward(self, image, text):
        return super().forward(image) + text

class Passing(Tiny):
    def forward(self, image):
        return OfTwo().forward(image)

def unseeded():
    network = Tiny()
    torch.seed()
    network.head.reset_parameters()
    network.body[0].reset_parameters()
    return network
"""


# Networks with defects that appear only when they run, and their helper module.
DEFECTIVE = """
import sys
import torch
from torch import nn
import own_helper

class Pooled(nn.Module):
    preprocessing = {"input_size_px": 32}

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, 8, 3, 2)

    def forward(self, x):
        return self.layer(x).mean((2, 3))

class Centered(Pooled):
    def forward(self, x):
        rows = super().forward(x)
        return rows - rows.mean(0)

class Normalized(Pooled):
    def forward(self, x):
        maps = nn.functional.batch_norm(self.layer(x), None, None, training=True)
        return maps.amax((2, 3))

class Random(Pooled):
    def forward(self, x):
        return nn.functional.dropout(super().forward(x), training=True)

class Widening(Pooled):
    def forward(self, x):
        return super().forward(x).repeat(1, len(x))

class WideningLater(Pooled):
    def forward(self, x):
        return super().forward(x).repeat(1, 1 if x.mean() < 1 else 2)

class Leaving(Pooled):
    def forward(self, x):
        sys.exit(7)

class LeavingLater(Pooled):
    def forward(self, x):
        if x.mean() > 1:
            sys.exit(7)
        return super().forward(x)

def leaving_factory():
    sys.exit()

class Complex(Pooled):
    def forward(self, x):
        return torch.fft.fft(super().forward(x))

class Stopping(Pooled):
    def forward(self, x):
        if x.mean() > 1:
            raise StopIteration
        return super().forward(x)

class Failing(Pooled):
    def forward(self, x):
        if x.mean() > 1:
            raise KeyError("bright")
        return super().forward(x)

class Helped(Pooled):
    def forward(self, x):
        return own_helper.fail(super().forward(x))

def of_helper():
    return own_helper.Failing()

class Avoiding(Pooled):
    def forward(self, x):
        return super().forward(x) if x.mean() < 1 else x.mean((2, 3)).repeat(1, 3)[:, :8]

class EmptyLater(Pooled):
    def forward(self, x):
        return super().forward(x) if x.mean() < 1 else None

class HalfPrecision(Pooled):
    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(x).float()
"""
HELPER = """
from torch import nn

def fail(x):
    raise ValueError("no luck")

class Failing(nn.Module):
    def forward(self, x):
        return fail(x)
"""
READING = """
import json
import torch
from torch import nn
import own_helper

class Reading(nn.Module):
    preprocessing = {"input_size_px": 32}

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, 8, 3, 2)
        with open("own_settings.json") as file:
            self.factor = json.load(file)["factor"]

    def forward(self, x):
        return own_helper.pool(self.layer(x)) * self.factor
"""
