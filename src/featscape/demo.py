"""Make the demo map from the handwritten digits of scikit-learn."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from featscape.defaults import INSTALLED_MODEL
from featscape.labels.classes import sample_of_classes
from featscape.options import MapOptions
from featscape.pipeline import make_maps

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

    from featscape.mapfolder.read import Map
    from featscape.progress import Progress

ENLARGEMENT = 8  # pixels per value on each axis; a digit has 8 x 8 values from 0 to 16


def make_demo(
    output: str | os.PathLike[str] = "digits-map",
    *,
    limit: int = 500,
    random_state: int = 10,
    force: bool = False,
    progress: Progress | None = None,
) -> Map:
    """Make a map of the handwritten digits of scikit-learn, without a download.

    Parameters
    ----------
    output : path
    limit : int
        Number of images out of 1,797.
    random_state, force, progress
        See `MapOptions`.
    """
    with TemporaryDirectory(prefix="featscape-demo-") as folder:
        source = Path(folder) / "digits"
        options = MapOptions(
            source,
            output,
            model=INSTALLED_MODEL,
            limit=limit,
            random_state=random_state,
            size_px=1600,
            force=force,
            made_from="scikit-learn's handwritten digits (sklearn.datasets.load_digits)",
            progress=progress,
        )
        write_digits(source, limit=limit, random_state=random_state)
        return make_maps(options)[0]


def write_digits(
    folder: str | os.PathLike[str], *, limit: int | None = None, random_state: int = 10
) -> None:
    """Write the 1,797 digits as ``folder/CLASS/digit-NUMBER.png``, with the classes 0 to 9.

    The digits are enlarged by bicubic interpolation, because the network was trained on
    photographs, and drawn in dark ink on white with a margin. Each of these choices separates the
    classes better: for 250 digits, the 5-nearest-neighbor label agreement is 81 %, 68 % without the
    margin, 73 % with white ink on black, and 40 % without interpolation.

    Source: Alpaydin and Kaynak (1998), "Optical recognition of handwritten digits", UCI Machine
    Learning Repository. scikit-learn contains the test set, written by 43 people.

    Parameters
    ----------
    folder : path
        Created if it does not exist. Other files in the folder remain, such as those of a call with
        a higher limit.
    limit : int, optional
        Write only the digits that `find_images` would choose among all with this limit and seed,
        because it takes a second to write all digits. If `limit` is less than the number of
        classes, all digits are written, so that the map reports the missing classes.
    random_state : int
        The seed of the choice.
    """
    import numpy as np
    from PIL import Image

    images, targets = read_digits()
    order = np.argsort(targets, kind="stable")  # of the paths
    if limit is not None and limit >= len(np.unique(targets)):
        labels = targets[order].tolist()
        order = order[sample_of_classes(labels, len(order), size=limit, seed=random_state)]
    gray = 255 - np.rint(images * (255 / 16)).astype(np.uint8)  # (n, 8, 8)
    gray = np.pad(gray, ((0, 0), (1, 1), (1, 1)), constant_values=255)  # (n, 10, 10)
    side_px = ENLARGEMENT * gray.shape[1]
    for number in order:
        image = Image.fromarray(gray[number]).resize((side_px, side_px), Image.Resampling.BICUBIC)
        file = Path(folder) / str(targets[number]) / f"digit-{number:04d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file, compress_level=1)  # three times as fast as level 6


def read_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the images and targets of `sklearn.datasets.load_digits`.

    The file is read without the import of scikit-learn, which takes a second.

    Returns
    -------
    images : ndarray of float64, shape (1797, 8, 8)
        From 0 to 16.
    targets : ndarray of int64, shape (1797,)
    """
    import numpy as np

    # distribution() finds the files of a package without importing the package
    file = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
    table = np.loadtxt(str(file), delimiter=",")  # (n, 65)
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
