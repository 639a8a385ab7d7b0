"""Write a folder for the embedding projector of TensorBoard."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.exporters.items import list_columns
from featscape.mapfolder.staging import staged, writing
from featscape.printable_names import printable

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from featscape.mapfolder.read import Map
    from featscape.records import ImageSource

VECTORS, POSITIONS, METADATA = "vectors.tsv", "positions.tsv", "metadata.tsv"
SPRITE, CONFIG = "sprite.png", "projector_config.pbtxt"
_MOST_PX = 8192  # of a side of the sprite, which is a texture of WebGL
_MOST_IMAGE_PX = 64
_AXES = {"x", "y", "z"}  # columns of items.parquet, which positions.tsv has


def write_tensorboard(made: Map, folder: Path, *, force: bool = False) -> None:
    """Write the features, the positions, the columns and the images of a map for TensorBoard.

    ``tensorboard --logdir FOLDER`` shows the positions of the map ("map") and the features.

    Parameters
    ----------
    made : Map
    folder : Path
        A new or empty folder, or with `force` an earlier export.
    force : bool
        Replace the export at `folder`.

    Raises
    ------
    InputError
        If `folder` is a file, if it exists and is not replaced, if its parent is missing, or if it
        cannot be written.
    """

    def check(output: Path) -> None:
        if output.exists() and not output.is_dir():
            raise InputError(
                f"the export for TensorBoard must be a folder; {printable(output)} is a file. "
                "Choose another folder with -o."
            )
        if output.exists() and not force and any(output.iterdir()):
            raise InputError(
                f"the folder {printable(output)} already exists. Replace the export with --force "
                "(force=), or choose another folder with -o."
            )

    # the projector shows nothing for fewer than three columns
    positions = np.pad(made.positions, ((0, 0), (0, 3 - made.positions.shape[1])))
    files = (VECTORS, POSITIONS, METADATA, SPRITE, CONFIG)
    with staged(folder, check=check, files=files, what="export", option="-o") as new, writing():
        np.savetxt(new / VECTORS, made.features, fmt="%.7g", delimiter="\t")
        np.savetxt(new / POSITIONS, positions, fmt="%.7g", delimiter="\t")
        _write_metadata(made, new / METADATA)
        sprite = "" if made.thumbnails is None else _write_sprite(made.thumbnails, new / SPRITE)
        arrays = {"map": (positions, POSITIONS), "features": (made.features, VECTORS)}
        text = "".join(
            f'embeddings {{\n  tensor_name: "{name}"\n  tensor_path: "{file}"\n'
            f"  tensor_shape: {array.shape[0]}\n  tensor_shape: {array.shape[1]}\n"
            f'  metadata_path: "{METADATA}"\n{sprite}}}\n'
            for name, (array, file) in arrays.items()
        )
        (new / CONFIG).write_text(text, encoding="utf-8")


def _write_metadata(made: Map, file: Path) -> None:
    """Write the columns, the label first; TensorBoard expects no header above a single column."""
    columns = {name: values for name, values in list_columns(made).items() if name not in _AXES}
    names = sorted(columns, key=lambda name: name != "label")
    rows = zip(*(_values(columns[name]) for name in names), strict=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        if len(names) > 1:
            stream.write("\t".join(map(printable, names)) + "\n")
        for row in rows:
            values = ("" if value is None else printable(str(value)) for value in row)
            stream.write("\t".join(values) + "\n")


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Return the values of a column; dates, which Python limits to the years 1 to 9999, as text."""
    import pyarrow as pa

    is_date = pa.types.is_temporal(column.type)
    values: list[Any] = (column.cast(pa.string()) if is_date else column).to_pylist()
    return values


def _write_sprite(images: ImageSource, file: Path) -> str:
    """Write all images in one square picture, row by row; return the entry of the configuration."""
    from PIL import Image

    n_side = math.ceil(math.sqrt(len(images)))
    side_px = min(_MOST_IMAGE_PX, _MOST_PX // n_side)
    sprite = Image.new("RGBA", (n_side * side_px,) * 2)
    for i in range(len(images)):
        image = images.load(i, at_least_px=side_px)
        image.thumbnail((side_px, side_px))
        row, column = divmod(i, n_side)
        left, top = ((side_px - length) // 2 for length in image.size)
        sprite.paste(image, (column * side_px + left, row * side_px + top))
    sprite.save(file)
    return f'  sprite {{ image_path: "{SPRITE}" {f"single_image_dim: {side_px} " * 2}}}\n'
