"""Write a map of generated items, for measurements of the viewer and the server.

The positions are drawn from a mixture of Gaussians, and the neighbors are the neighbors in the map.
A few hundred photographs (`photographs.py`) are the thumbnails of all items of their class. The map
has no originals and no thumbnails of 256 pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from rich.console import Console
from scipy.spatial import KDTree

from featscape import mapfolder
from featscape.bundle import encode_from, open_bundle, write_bundle, write_page
from featscape.defaults import PAGE_IMAGES
from featscape.images import Files, decode_bytes
from featscape.options import PictureOptions
from featscape.pictures import draw_scatter
from featscape.progress import choose_progress
from featscape.records import Embedding, Features, ImageSet, ItemSet, ModelCard, Neighbors
from photographs import write_photographs

N_CLASSES = 20
N_CLUSTERS = 8  # per class
N_PHOTOGRAPHS = 400
N_NEIGHBORS = 15
PARAMETERS = {"perplexity": 30.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, metavar="MAP", help="the map folder to write")
    parser.add_argument("--items", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--dimensions", type=int, choices=(2, 3), default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--force", action="store_true", help="replace the map at MAP")
    arguments = parser.parse_args()
    started = perf_counter()
    with mapfolder.new_map_folder(arguments.output, force=arguments.force, note=None) as folder:
        write_map(folder, arguments.items, arguments.dimensions, seed=arguments.seed)
    n_bytes = sum(file.stat().st_size for file in arguments.output.rglob("*") if file.is_file())
    print(f"{arguments.output}: {n_bytes / 1e9:.2f} GB in {perf_counter() - started:.0f} s")


def write_map(folder: Path, n_items: int, n_dimensions: int, *, seed: int) -> None:
    random = np.random.default_rng(seed)
    codes, positions = draw_positions(n_items, n_dimensions, random)
    labels = [f"class {code + 1}" for code in codes.tolist()]
    paths = [f"class-{code + 1:02}/image-{i:07}.jpg" for i, code in enumerate(codes.tolist())]
    neighbors = find_neighbors(positions)
    features = Features(
        values=positions,
        images=image_set("generated", paths, labels=tuple(labels)),
        sizes_px=random.integers(225, 351, (n_items, 2), dtype=np.int32),
        model=ModelCard("none", "none", "none", "0" * 64, "none", n_dimensions),
    )
    embedding = Embedding(positions, 0.0, 0, {"seed": seed, **PARAMETERS}, neighbors, labels)
    photographs = encode_photographs(seed)
    repeated = random.integers(len(photographs) // N_CLASSES, size=n_items) * N_CLASSES + codes
    mapfolder.write_picture(folder, mapfolder.SCATTER, draw_scatter(positions, labels))
    mapfolder.write_features(folder, positions)
    mapfolder.write_embedding(folder, embedding, items=ItemSet.of_features(features), findings=None)
    write_bundle(
        folder / mapfolder.BUNDLE,
        title=f"{n_items:,} generated items",
        positions=positions,
        neighbors=neighbors,
        seed=seed,
        labels=labels,
        paths=paths,
        columns={"width": features.sizes_px[:, 0], "height": features.sizes_px[:, 1]},
        thumbnails=lambda row: photographs[repeated[row]],
        facts={"source": "a mixture of Gaussians, with repeated photographs"},
        progress=choose_progress(Console(stderr=True)),
        findings=None,
        words=None,
        vectors=None,
        regions=(),
    )
    write_page(
        open_bundle(folder / mapfolder.BUNDLE),
        folder / mapfolder.PAGE,
        picture=folder / mapfolder.SCATTER,
        n_images=PAGE_IMAGES,
    )
    mapfolder.write_run(
        folder,
        embedding,
        source="generated",
        parameters={},
        pictures=PictureOptions().pictures,
        thumbnail_px=None,
        items=ItemSet.of_features(features),
        agreement=None,
        timings_s={},
        note=print,
    )


def image_set(folder: str, paths: list[str], *, labels: tuple[str, ...] | None = None) -> ImageSet:
    return ImageSet(Path(folder), tuple(paths), Files(Path(folder)), decode_bytes, labels=labels)


def draw_positions(
    n_items: int, n_dimensions: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the class of each item, (n,) int64, and its position, (n, d) float32."""
    codes = random.integers(N_CLASSES, size=n_items)
    middles = random.normal(size=(N_CLASSES, 1, n_dimensions)) * 55
    centers = middles + random.normal(size=(N_CLASSES, N_CLUSTERS, n_dimensions)) * 12
    spreads = random.uniform(1.5, 7, size=(N_CLASSES, N_CLUSTERS, n_dimensions))
    clusters = random.integers(N_CLUSTERS, size=n_items)
    offsets = random.normal(size=(n_items, n_dimensions)) * spreads[codes, clusters]
    return codes, (centers[codes, clusters] + offsets).astype(np.float32)


def find_neighbors(positions: np.ndarray) -> Neighbors:
    k = min(N_NEIGHBORS, len(positions) - 1)
    distances, indices = KDTree(positions).query(positions, k=k + 1, workers=-1)
    return Neighbors(indices[:, 1:].astype(np.int32), distances[:, 1:].astype(np.float32))


def encode_photographs(seed: int) -> list[tuple[bytes, ...]]:
    """Return the thumbnails of the photographs; photograph i belongs to class i % N_CLASSES."""
    with TemporaryDirectory() as folder:
        write_photographs(Path(folder), N_PHOTOGRAPHS, seed=seed)
        files = sorted(Path(folder).glob("*/*.jpg"), key=lambda file: file.stem)
        images = image_set(folder, [str(file) for file in files])
        encode = encode_from(images)
        return [encode(i) for i in range(len(files))]


if __name__ == "__main__":
    main()
