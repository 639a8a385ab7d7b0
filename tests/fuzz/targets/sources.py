"""Tables, archives, arrays and features: listing, reading and decoding images."""

from __future__ import annotations

import shutil
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from featscape.errors import FeatscapeError, ImageError
from featscape.files.features import read_features, read_labels
from featscape.files.vectors import read_vectors
from featscape.images import find_images
from featscape.images.storage import remote
from featscape.options import EmbeddingOptions
from featscape.steps.tsne.embedding import embed
from fuzz.containers import KINDS, write_source
from fuzz.mutate import mutate_bytes
from fuzz.pictures import canary_image, seed_images
from fuzz.rules import Violation
from hostile import CANARY

if TYPE_CHECKING:
    from pathlib import Path

    from fuzz.rules import Rules

_MOST_READ = 50  # images read per source
_MAY_NAME_FILES = (".csv", ".tsv", ".jsonl", ".parquet")  # manifests contain paths
_FEATURES = "features.npy"
_LABELS = "labels"
_VECTORS = "vectors.parquet"


class Target:
    """Open one damaged source as `featscape map` does, or features as `featscape embed` does."""

    def __init__(self, workspace: Path, rules: Rules) -> None:
        self._rules = rules
        self._images = seed_images()
        (workspace / "canary.png").write_bytes(canary_image())
        remote.FIRST_WAIT_S = 0.0  # between two requests of one address
        self._warm_up(workspace / "warm-up")

    def _warm_up(self, folder: Path) -> None:
        """Import all modules before the first try, with valid sources."""
        for kind in KINDS:
            folder.mkdir()
            name, content = write_source(Random(0), kind, {"rgb.png": self._images["rgb.png"]})
            (folder / name).write_bytes(content)
            with suppress(Exception):  # a source from `containers` may be invalid
                _read_source(folder / name)
            shutil.rmtree(folder)
        embed(
            np.eye(8, dtype=np.float32), EmbeddingOptions(perplexity=2), device="cpu", labels=None
        )

    def write(self, rng: Random, folder: Path) -> None:
        """Write one source with files that a manifest may list, or one file of features."""
        if rng.random() < 0.15:
            _write_features(rng, folder)
            return
        for name in rng.sample(list(self._images), 3):
            (folder / f"photo-{name}").write_bytes(self._images[name])
        name, content = write_source(rng, rng.choice(KINDS), self._images)
        if rng.random() < 0.5:
            content = mutate_bytes(rng, content)
        (folder / "source").mkdir()
        (folder / "source" / name).write_bytes(content)

    def check(self, folder: Path) -> None:
        """Read the input; only FeatscapeError may be raised, and the records must be consistent."""
        if (folder / "source").is_dir():
            (file,) = (folder / "source").iterdir()
            self._rules.input_names_places = file.name.endswith(_MAY_NAME_FILES)
            _read_source(file)
            _read_source(file.parent)
        else:
            _read_features(folder)


def _read_source(source: Path) -> None:
    """Find and read the images of a source; check the properties of the `ImageSet`."""
    try:
        images = find_images(source)
    except FeatscapeError as error:
        _check_message(error)
        return
    n_images = len(images)
    if len(set(images.paths)) != n_images:
        raise Violation("two images have the same path")
    for name, values in images.columns.items():
        if len(values) != n_images:
            raise Violation("a column has another number of rows", (name, len(values), n_images))
    for values in (images.labels, images.splits):
        if values is not None and len(values) != n_images:
            raise Violation("labels or splits have another number of rows", (len(values), n_images))
    for index in range(min(n_images, _MOST_READ)):
        try:
            content = images.read(index)
            images.load(index)
        except ImageError as error:
            _check_message(error)
            continue
        if CANARY in content and images.kind != "manifest":
            raise Violation("an archive returned a file outside of the archive")


def _write_features(rng: Random, folder: Path) -> None:
    n_items, n_features = rng.choice(((20, 4), (8, 3), (40, 2), (5, 1), (3, 4), (0, 4), (20, 0)))
    kind = rng.choice(("<f4", "<f8", ">f4", "<f2", "<i8", "|u1", "|b1", "<c8", "<U3"))
    values = np.random.default_rng(rng.getrandbits(32)).normal(size=(n_items, n_features)) * 50
    values = values.astype(kind)
    if values.size and kind in ("<f4", "<f8") and rng.random() < 0.2:
        values.flat[rng.randrange(values.size)] = rng.choice((np.nan, np.inf, 1e30, -1e300))
    with np.errstate(all="ignore"):
        np.save(folder / _FEATURES, values.astype(kind))
    labels = [str(rng.randrange(3)) for _ in range(n_items)]
    text = "\n".join(labels).encode()
    (folder / _LABELS).write_bytes(text)
    if rng.random() < 0.3:
        np.save(folder / f"{_LABELS}.npy", np.array(labels))
    for file in sorted(folder.iterdir()):
        if rng.random() < 0.6:
            file.write_bytes(mutate_bytes(rng, file.read_bytes()))
    if kind != "<c8" and rng.random() < 0.5:  # after the others, which the stored seeds repeat
        pq.write_table(pa.table({"v": values.tolist(), "label": labels}), folder / _VECTORS)
        (folder / _VECTORS).write_bytes(mutate_bytes(rng, (folder / _VECTORS).read_bytes()))


def _read_features(folder: Path) -> None:
    """Read features and labels, and embed small features."""
    if (folder / _VECTORS).exists():
        try:
            read_vectors(folder / _VECTORS)
        except FeatscapeError as error:
            _check_message(error)
    try:
        stored = read_features(folder / _FEATURES)
        for file in folder.glob(f"{_LABELS}*"):
            labels = read_labels(file, n_items=len(stored))
        if stored.size < 2_000:
            values = np.asarray(stored, dtype=np.float32)
            made = embed(values, EmbeddingOptions(perplexity=2), labels=labels, device="cpu")
            if not np.isfinite(made.positions).all():
                raise Violation("the embedding of finite features is not finite")
    except FeatscapeError as error:
        _check_message(error)


def _check_message(error: FeatscapeError) -> None:
    message = str(error)
    if not message or "\n" in message:
        raise Violation("a message must be one line", message) from error
