"""A published tutorial, from a folder of images to two pictures, written from its description.

ResNet101 computes float32 features, up to the average pooling, batch by batch. Each batch is
concatenated to the features so far. scikit-learn's TSNE makes the map. The second picture decodes
every original again. The code is deliberately not optimized, because it is the baseline for
featscape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import torch
from PIL import Image, ImageOps
from sklearn.manifold import TSNE
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.models import resnet101

from machine import timed

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from pathlib import Path

BATCH_SIZE = 64
CANVAS_PX = 1000
IMAGE_PX = 100  # maximum of the longer side
BORDER_PX = 2


class FolderPerClass(Dataset[Any]):
    """The images of a folder, with the name of their parent folder as the class."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.glob("*/*.jpg"))
        self.transform = transforms.Compose(
            [
                transforms.Resize(256),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, str]:
        image = Image.open(self.paths[index]).convert("RGB")
        return self.transform(image), self.paths[index].parent.name


def make_two_pictures(
    folder: Path, weights: Path, output: Path, *, seed: int, stages_s: dict[str, float]
) -> tuple[list[Path], np.ndarray]:
    """Draw points.png and images.png in `output`; return the paths and the features, (n, d)."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - as the tutorial does
    dataset = FolderPerClass(folder)
    with timed(stages_s, "features"):
        features, labels = extract_features(dataset, build_network(weights))
    with timed(stages_s, "t-SNE"):
        embedding = TSNE(n_components=2).fit_transform(features)
    x, y = scale_to_one(embedding[:, 0]), scale_to_one(embedding[:, 1])
    names = sorted(set(labels))
    colors = {name: plt.get_cmap("tab10")(i % 10) for i, name in enumerate(names)}
    with timed(stages_s, "pictures"):
        draw_points(x, y, labels, colors, output / "points.png")
        draw_images(x, y, dataset.paths, labels, colors, output / "images.png")
    return dataset.paths, features


def build_network(weights: Path) -> torch.nn.Module:
    network: torch.nn.Module = resnet101(weights=None)
    network.load_state_dict(torch.load(weights, weights_only=True))
    network.fc = torch.nn.Identity()  # the output is that of the average pooling
    return network.eval()


def extract_features(
    dataset: FolderPerClass, network: torch.nn.Module
) -> tuple[np.ndarray, list[str]]:
    features: np.ndarray | None = None
    labels: list[str] = []
    for images, batch_labels in DataLoader(dataset, batch_size=BATCH_SIZE):
        with torch.no_grad():
            batch_features = network(images).numpy()
        labels += batch_labels
        if features is None:
            features = batch_features
        else:
            features = np.concatenate((features, batch_features))
    assert features is not None
    return features, labels


def scale_to_one(values: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = (values - values.min()) / np.ptp(values)
    return scaled


def draw_points(
    x: np.ndarray, y: np.ndarray, labels: list[str], colors: dict[str, Any], path: Path
) -> None:
    figure, axes = plt.subplots(figsize=(10, 10))
    for name, color in colors.items():
        rows = [i for i, label in enumerate(labels) if label == name]
        axes.scatter(x[rows], y[rows], color=color, label=name)
    axes.legend(loc="best")
    figure.savefig(path)
    plt.close(figure)


def draw_images(  # noqa: PLR0917 - a script's function, called once
    x: np.ndarray,
    y: np.ndarray,
    paths: list[Path],
    labels: list[str],
    colors: dict[str, Any],
    path: Path,
) -> None:
    canvas = Image.new("RGB", (CANVAS_PX, CANVAS_PX), "white")
    for one, label, left, up in zip(paths, labels, x, y, strict=True):
        image = Image.open(one).convert("RGB")
        shrink = max(1, max(image.size) / IMAGE_PX)
        image = image.resize((round(image.width / shrink), round(image.height / shrink)))
        border = tuple(round(255 * part) for part in colors[label][:3])
        image = ImageOps.expand(ImageOps.crop(image, BORDER_PX), BORDER_PX, border)
        corner = (
            round(left * (CANVAS_PX - image.width)),
            round((1 - up) * (CANVAS_PX - image.height)),
        )
        canvas.paste(image, corner)
    canvas.save(path)
