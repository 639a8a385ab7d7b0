"""A map folder of six items with small arrays, for tests of the files of a map."""

import json
from pathlib import Path

import numpy as np

from featscape import mapfolder
from featscape.images import Files, decode_bytes
from featscape.mapfolder import new_map_folder
from featscape.mapfolder.read import open_map
from featscape.mapfolder.thumbnails import ThumbnailWriter
from featscape.options import PictureOptions
from featscape.records import Embedding, Features, ImageSet, ItemSet, ModelCard, Neighbors

N_ITEMS = 6


def an_embedding(n_dimensions=2, labels=None):
    rng = np.random.default_rng(0)
    return Embedding(
        positions=rng.normal(size=(N_ITEMS, n_dimensions)).astype(np.float32),
        kl_divergence=0.5,
        n_iter=1000,
        parameters={"perplexity": 1.5},
        neighbors=Neighbors(
            indices=rng.integers(0, N_ITEMS, (N_ITEMS, 3)).astype(np.int32),
            distances=rng.random((N_ITEMS, 3)).astype(np.float32),
        ),
        labels=labels,
    )


def some_features(paths=None, splits=None, skipped=()):
    images = ImageSet(
        source="somewhere",
        paths=tuple(paths or (f"a/{i}.png" for i in range(N_ITEMS))),
        contents=Files(Path("somewhere")),
        decode=decode_bytes,
        splits=splits,
        skipped=skipped,
    )
    return Features(
        values=np.arange(N_ITEMS * 4, dtype=np.float32).reshape(N_ITEMS, 4),
        images=images,
        sizes_px=np.arange(N_ITEMS * 2, dtype=np.int32).reshape(N_ITEMS, 2),
        model=ModelCard("m", "l", "w", "0" * 64, "p", 4),
    )


def write_run(folder, *, source, features=None, embedding=None, note=print):
    mapfolder.write_run(
        folder,
        embedding or an_embedding(),
        source=source,
        parameters={"limit": None},
        pictures=PictureOptions().pictures,
        thumbnail_px=None,
        items=ItemSet() if features is None else ItemSet.of_features(features),
        agreement=None,
        timings_s={"find": 0.5},
        note=note,
    )


def fill(folder, *, features=None, embedding=None, source="somewhere"):
    """Write a whole map into `folder`."""
    features = features or some_features()
    with ThumbnailWriter(folder / mapfolder.THUMBNAILS) as thumbnails:
        for _ in range(N_ITEMS):
            thumbnails.append(b"not looked at")
    mapfolder.write_features(folder, features.values)
    mapfolder.write_embedding(
        folder, embedding or an_embedding(), items=ItemSet.of_features(features), findings=None
    )
    write_run(folder, source=source, features=features, embedding=embedding)


def make(output, *, force=False, meanwhile=None, **content):
    with new_map_folder(output, force=force, note=None) as folder:
        fill(folder, **content)
        if meanwhile is not None:
            meanwhile()
    return open_map(output)


def change_run(folder, **changes):
    file = folder / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
