"""The sources that findings_goals.py measures, with their features, and the other tools."""

from __future__ import annotations

import csv
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape import extract, find_images

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    Floats = NDArray[np.floating[Any]]

DATALAB = """
import sys
import numpy as np
from cleanlab import Datalab
features = np.load(sys.argv[1])["features"]
lab = Datalab({"x": list(range(len(features)))}, verbosity=0)
lab.find_issues(features=features, issue_types={"outlier": {}})
issues = lab.get_issues("outlier")
np.save(sys.argv[2], -issues["outlier_score"].to_numpy())
"""
CLEANVISION = """
import os, sys
import numpy as np
from cleanvision import Imagelab
lab = Imagelab(data_path=sys.argv[1], verbose=False)
lab.find_issues({"blurry": {}}, n_jobs=1)
scores = {os.path.basename(path): -score for path, score in lab.issues["blurry_score"].items()}
np.save(sys.argv[2], [scores[name] for name in sorted(scores)])
"""


PLANTED_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Data:
    """One source: features (n, d), labels, paths, and the images."""

    features: NDArray[np.float32]
    labels: NDArray[np.str_]
    paths: NDArray[np.str_]
    images: Any

    def take(self, items: NDArray[np.integer]) -> Data:
        """Return some of the items."""
        return Data(self.features[items], self.labels[items], self.paths[items], self.images)


class Sets:
    """The sources, with features that are computed once."""

    def __init__(self, folder: Path, peers: str | None) -> None:
        self.folder, self.peers = folder, peers

    def load(self, name: str) -> Data:
        """Return a source with its features."""
        images = find_images(self._source(name))
        cached = self.folder / "features" / f"{name}.npz"
        if not cached.exists():
            features = extract(images, model="efficientnet_lite0")
            labels = features.images.labels or [""] * len(features)
            cached.parent.mkdir(exist_ok=True)
            np.savez(cached, values=features.values, labels=labels, paths=features.images.paths)
        with np.load(cached) as stored:
            return Data(stored["values"], stored["labels"], stored["paths"], images)

    def _source(self, name: str) -> Path:
        """Return the source; digits come from scikit-learn, Fashion-MNIST from its 10,000 tests."""
        if name == "fashion":
            return next((self.folder / "fashion").glob("t10k-images*"))
        file = self.folder / f"{name}.npz"
        if name == "digits" and not file.exists():
            from sklearn.datasets import load_digits

            digits = load_digits()
            levels = np.round(digits.images * 255 / 16).astype(np.uint8)
            np.savez(file, images=levels, labels=digits.target.astype(str))
        return file if file.exists() else self.folder / name

    def truth(self, data: Data) -> dict[str, NDArray[np.str_]]:
        """Return the columns of labels.csv in the order of the images of CIFAR-10."""
        with (self.folder / "cifar" / "labels.csv").open(newline="", encoding="utf-8") as file:
            rows = {row["path"]: row for row in csv.DictReader(file)}
        names = [name for name in next(iter(rows.values())) if name != "path"]
        return {name: np.array([rows[path][name] for path in data.paths]) for name in names}

    def run_peer(self, script: str, given: Path, result: Path) -> Floats:
        """Return the array that a script writes to `result`, in the environment of the peers."""
        if self.peers is None:
            raise SystemExit("this row needs other tools; name their Python with --peers.")
        subprocess.run([self.peers, "-c", script, given, result], check=True, capture_output=True)
        return np.asarray(np.load(result))


def plant_errors(
    labels: NDArray[np.str_], seed: int, share: float = PLANTED_SHARE
) -> NDArray[np.str_]:
    """Return the labels with a share changed to another class, uniformly."""
    random = np.random.default_rng(seed)
    names, codes = np.unique(labels, return_inverse=True)
    chosen = random.choice(len(codes), round(share * len(codes)), replace=False)
    changed = codes.copy()
    changed[chosen] += random.integers(1, len(names), len(chosen))
    return np.asarray(names[changed % len(names)])


class Pictures:
    """Images as the thumbnails of a map."""

    def __init__(self, images: Sequence[Image.Image]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def load(self, index: int, *, at_least_px: int = 0) -> Image.Image:
        """Return an image in full size."""
        del at_least_px
        return self._images[index]
