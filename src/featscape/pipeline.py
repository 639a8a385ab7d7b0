"""The corridor itself: images -> features -> t-SNE -> pictures, and the map folder they end in."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from featscape import mapfolder
from featscape.checks import check_apart, check_perplexity, check_sizes
from featscape.mapfolder import open_map
from featscape.progress import SilentProgress
from featscape.records import Embedding, Neighbors

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from featscape.mapfolder import Map
    from featscape.progress import Progress
    from featscape.records import ImageSet
    from featscape.tsne import TSNE

__all__ = ["embed_features", "load_tsne", "make_demo", "make_map", "open_map"]

N_AGREEING = 5  # neighbours that vote on an item's label
_LAYOUTS: dict[str, Literal["map", "grid"]] = {mapfolder.MOSAIC: "map", mapfolder.GRID: "grid"}
DEMO_MODEL = "efficientnet_lite0"


def make_map(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    model: str = "resnet101",
    weights: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    seed: int = 10,
    perplexity: float = 30.0,
    device: str = "auto",
    batch_size: int | None = None,
    size_px: int = 2400,
    thumbnail_px: int | None = None,
    force: bool = False,
    made_from: str | None = None,
    progress: Progress | None = None,
) -> Map:
    """Make the map of a folder of images.

    Parameters
    ----------
    source : path
        A folder of images, or of a folder for each class.
    output : path, optional
        The map folder to write; by default NAME-map in the current folder.
    model : str
        One of ``featscape models``, or any classification model of torchvision.
    weights : path, optional
        A file of weights, instead of those that the model downloads.
    limit : int, optional
        Take this many images at random.
    seed : int
        For the choice of the images and for t-SNE.
    perplexity : float
        About how many neighbours each image is drawn to; below (n - 1) / 3.
    device : str
        "auto", "cpu", "cuda" or "mps".
    batch_size : int, optional
        Images that go through the network at once.
    size_px, thumbnail_px : int
        Side of the map made of images, and longest side of the images in it, in pixels.
    force : bool
        Replace a map that stands at `output`.
    made_from : str, optional
        What run.json names as the source, where `source` itself is only temporary.
    progress : Progress, optional
        Where to report; a call is silent without it.

    Returns
    -------
    Map

    Raises
    ------
    InputError, ModelError, DeviceError
        Nothing stands at `output` then that did not stand there before.
    """
    from featscape.features import extract
    from featscape.images import ThumbnailPack, find_images
    from featscape.pictures import draw_mosaic
    from featscape.thumbnails import Thumbnails

    source = Path(source)
    output = _place(output, name=source.resolve().name)
    check_apart(output, source)
    mapfolder.check_output(output, force=force)
    progress = progress or SilentProgress()
    timings_s: dict[str, float] = {}
    stage = partial(_stage, timings_s)

    with stage("find"):
        images = find_images(source, limit=limit, seed=seed)
        check_perplexity(perplexity, len(images))
        check_sizes(size_px, thumbnail_px)
    progress.note(f"found {_in_words(images)}")
    with mapfolder.new_map_folder(output, force=force) as folder:
        thumbnails_folder = folder / mapfolder.THUMBNAILS
        with (
            stage("features"),
            ThumbnailPack(thumbnails_folder, size_px=max(256, thumbnail_px or 0)) as thumbnails,
        ):
            features = extract(
                images,
                model=model,
                weights=None if weights is None else Path(weights),
                device=device,
                batch_size=batch_size,
                thumbnails=thumbnails,
                progress=progress,
            )
        labels = features.images.labels
        with stage("t-SNE"):
            embedding = _embed(features.values, perplexity, seed, progress)
        with stage("agreement"):
            agreement = _agreement(features.values, labels)
        with stage("pictures"):
            _draw_scatter(folder, embedding, labels)
            for name, layout in _LAYOUTS.items():
                picture = draw_mosaic(
                    embedding.positions,
                    Thumbnails(thumbnails_folder),
                    labels,
                    layout=layout,
                    size_px=size_px,
                    thumbnail_px=thumbnail_px,
                    progress=progress,
                )
                mapfolder.write_picture(folder, name, picture)
        with stage("write"):
            mapfolder.write_features(folder, features.values)
            mapfolder.write_embedding(folder, embedding, features=features, labels=labels)
        skipped = features.images.skipped
        mapfolder.write_run(
            folder,
            {
                "source": made_from or str(source.resolve()),
                "counts": _counts(embedding, labels, n_skipped=len(skipped)),
                "model": asdict(features.model),
                "parameters": {"limit": limit, "seed": seed, **embedding.parameters},
                "kl_divergence": embedding.kl_divergence,
                "n_iter": embedding.n_iter,
                "agreement": agreement,
                "timings_s": timings_s,
                "skipped": [asdict(one) for one in skipped],
            },
        )
    return open_map(output)


def make_demo(
    output: str | os.PathLike[str] = "digits-map",
    *,
    limit: int = 500,
    seed: int = 10,
    force: bool = False,
    progress: Progress | None = None,
) -> Map:
    """Make a map of scikit-learn's handwritten digits; it needs no network and no download.

    Parameters
    ----------
    output : path
    limit : int
        How many of the 1,797 images.
    seed, force, progress
        As in `make_map`.
    """
    from featscape.demo import write_digits

    with TemporaryDirectory(prefix="featscape-demo-") as folder:
        write_digits(Path(folder) / "digits")
        return make_map(
            Path(folder) / "digits",
            output,
            model=DEMO_MODEL,
            limit=limit,
            seed=seed,
            size_px=1600,
            force=force,
            made_from="scikit-learn's handwritten digits (sklearn.datasets.load_digits)",
            progress=progress,
        )


def embed_features(
    features_file: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    labels_file: str | os.PathLike[str] | None = None,
    perplexity: float = 30.0,
    seed: int = 10,
    force: bool = False,
    progress: Progress | None = None,
) -> Map:
    """Make the map of features that were made elsewhere: t-SNE and the scatter plot.

    Parameters
    ----------
    features_file : path
        An (n, d) array of numbers in an .npy file.
    output : path, optional
        The map folder to write; by default NAME-map in the current folder.
    labels_file : path, optional
        Text with a label a line, or an .npy file of n integers or strings.
    perplexity, seed, force, progress
        As in `make_map`.

    Returns
    -------
    Map
        Without paths and thumbnails.

    Raises
    ------
    InputError
        Nothing stands at `output` then that did not stand there before.
    """
    import numpy as np

    from featscape.featurefiles import read_features, read_labels

    features_file = Path(features_file)
    output = _place(output, name=features_file.stem)
    mapfolder.check_output(output, force=force)
    progress = progress or SilentProgress()
    timings_s: dict[str, float] = {}
    stage = partial(_stage, timings_s)

    with stage("read"):
        stored = read_features(features_file)
        labels = None
        if labels_file is not None:
            labels = read_labels(Path(labels_file), n_items=len(stored))
        check_perplexity(perplexity, len(stored))
        values = np.asarray(stored, dtype=np.float32)
    with mapfolder.new_map_folder(output, force=force) as folder:
        with stage("t-SNE"):
            embedding = _embed(values, perplexity, seed, progress)
        with stage("agreement"):
            agreement = _agreement(values, labels)
        with stage("pictures"):
            _draw_scatter(folder, embedding, labels)
        with stage("write"):
            mapfolder.write_features(folder, values)
            mapfolder.write_embedding(folder, embedding, features=None, labels=labels)
        mapfolder.write_run(
            folder,
            {
                "source": str(features_file.resolve()),
                "counts": _counts(embedding, labels, n_skipped=0),
                "model": None,
                "parameters": {"seed": seed, **embedding.parameters},
                "kl_divergence": embedding.kl_divergence,
                "n_iter": embedding.n_iter,
                "agreement": agreement,
                "timings_s": timings_s,
                "skipped": [],
            },
        )
    return open_map(output)


def load_tsne(made: Map) -> TSNE:
    """Return the t-SNE of a finished map, so that its `transform` can place new images there.

    Parameters
    ----------
    made : Map
        From `open_map` or `make_map`.

    Returns
    -------
    TSNE
        As it was fitted; ``transform`` takes features of the map's own model, shape (m, d), and
        returns their places, shape (m, 2).
    """
    from featscape.tsne import TSNE

    parameters = made.run["parameters"]
    tsne = TSNE(
        **{name: parameters[name] for name in TSNE().get_params() if name in parameters},
        random_state=parameters["seed"],
    )
    return tsne.restore(made.features, made.positions, made.neighbors)


def _in_words(images: ImageSet) -> str:
    """Return for example "500 images in 10 classes"."""
    if images.labels is None:
        return f"{len(images):,} images"
    n_classes = len(set(images.labels))
    return f"{len(images):,} images in {n_classes:,} {'class' if n_classes == 1 else 'classes'}"


def _place(output: str | os.PathLike[str] | None, *, name: str) -> Path:
    """Return the map folder to write: `output`, or NAME-map in the current folder."""
    return Path(f"{name or 'root'}-map" if output is None else output)


@contextmanager
def _stage(timings_s: dict[str, float], name: str) -> Iterator[None]:
    """Time a stage of the work."""
    started = time.perf_counter()
    yield
    timings_s[name] = round(time.perf_counter() - started, 3)


def _embed(
    values: NDArray[np.float32], perplexity: float, seed: int, progress: Progress
) -> Embedding:
    """Run t-SNE, and show its iterations."""
    from featscape.tsne import TSNE

    tsne = TSNE(perplexity=perplexity, random_state=seed)
    with progress.task("t-SNE", total=tsne.max_iter, unit="iterations") as advance:
        done = 0

        def show(iteration: int, _kl_divergence: float, _embedding: object) -> None:
            nonlocal done
            advance(iteration - done)
            done = iteration

        tsne.set_params(callback=show).fit(values)
        advance(tsne.max_iter - done)  # it may have converged before the last
    parameters = tsne.get_params()
    del parameters["callback"], parameters["random_state"]  # the seed stands beside them
    return Embedding(
        positions=tsne.embedding_,
        kl_divergence=float(tsne.kl_divergence_),
        n_iter=int(tsne.n_iter_),
        parameters=parameters,
        neighbors=Neighbors(tsne.neighbors_indices_, tsne.neighbors_distances_),
    )


def _agreement(values: NDArray[np.float32], labels: Sequence[str] | None) -> dict[str, Any] | None:
    """Return how often an item's nearest neighbours in the features share its label."""
    if labels is None:
        return None
    from featscape.tsne.quality import label_agreement

    n_neighbors = min(N_AGREEING, len(values) - 1)
    agreement = label_agreement(values, labels, n_neighbors=n_neighbors)
    return {
        "n_neighbors": n_neighbors,
        "overall": agreement.overall,
        "by_class": dict(agreement.by_class),
    }


def _draw_scatter(folder: Path, embedding: Embedding, labels: Sequence[str] | None) -> None:
    from featscape.pictures import draw_scatter

    mapfolder.write_picture(folder, mapfolder.SCATTER, draw_scatter(embedding.positions, labels))


def _counts(
    embedding: Embedding, labels: Sequence[str] | None, *, n_skipped: int
) -> dict[str, int]:
    return {
        "items": len(embedding.positions),
        "classes": 0 if labels is None else len(set(labels)),
        "skipped": n_skipped,
    }
