"""The options of a map, listed once: keywords of `make_map`, command line, checks, documentation.

The comment beside a default gives the reason for the default.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from featscape.collection import Collection, Columns
from featscape.defaults import DEFAULT_MODEL, PAGE_IMAGES
from featscape.errors import InputError
from featscape.keywords import Help
from featscape.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from featscape.records import PictureSettings

PathLike = str | os.PathLike[str]
Images = PathLike | Collection | Columns
Labels = Sequence[object]
TableInput = PathLike | Columns
PACK_PX = 256  # minimum for the longest side of stored thumbnails: the page enlarges one image


@dataclass(frozen=True, kw_only=True)
class EmbeddingOptions:
    """The options of every map: t-SNE, its device, the look of the pictures, the findings."""

    random_state: Annotated[int, Help("Seed of all random choices.", "N", flag="--seed")] = (
        10  # the tutorial's seed
    )
    perplexity: Annotated[
        float | Literal["auto"],
        Help(
            "Effective number of neighbors of an item; less than the number of items. auto is 30, "
            "or a third of the number of other items if there are 90 or fewer.",
            "P",
        ),
    ] = "auto"  # scikit-learn's default is 30, which a small number of items does not allow
    exaggeration: Annotated[
        float,
        Help(
            "Factor of the attraction between neighbors. From 1 to 4 the map changes from t-SNE to "
            "a map like that of UMAP: denser clusters with more space between them (Böhm, Berens & "
            "Kobak 2022).",
            "X",
        ),
    ] = 1.0  # the definition of t-SNE
    n_components: Annotated[
        int,
        Help("Dimensions of the map: 2, or 3 for a map that rotates.", "N", flag="--dimensions"),
    ] = 2  # pictures and screens are flat
    n_landmarks: Annotated[
        int | None,
        Help(
            "Fit t-SNE on N items drawn from every class, and place every other item among them. "
            "For more items than fit in t-SNE's memory.",
            "N",
            flag="--landmarks",
            default="all items",
        ),
    ] = None  # a fit of all items is better while the items fit in memory
    device: Annotated[
        str, Help("Where t-SNE runs: auto, cpu, cuda or cuda:N. auto is the CPU.", "NAME")
    ] = "auto"  # the GPU code of t-SNE has not been measured
    findings: Annotated[
        bool,
        Help(
            "Find wrong labels and more; among images also duplicates and images off topic. The "
            "findings are stored in the map.",
            flag="--findings/--no-findings",
        ),
    ] = True  # the findings of 500 photographs take a few seconds
    title: Annotated[
        str | None,
        Help("Title of the pictures and of the page.", "TEXT", default="none; on the page, NAME"),
    ] = None  # a picture in a text has a title there
    caption: Annotated[str | None, Help("Line below the pictures.", "TEXT", default="none")] = None
    names: Annotated[
        bool,
        Help(
            "Write the names of the classes on the pictures, and find and name regions; otherwise, "
            "a legend lists the classes.",
            flag="--names/--no-names",
        ),
    ] = True  # a name at its cluster needs no look at a legend
    dark: Annotated[bool, Help("Draw the pictures on a dark background.")] = False  # as on paper
    force: Annotated[bool, Help("Replace the map at the output folder.")] = False  # keep old work
    progress: Annotated[
        Progress | None,
        Help("Receiver of progress reports.", default="no reports", on_command_line=False),
    ] = None  # a library call prints nothing

    def __post_init__(self) -> None:
        from featscape.steps.tsne.adapter import check_parameters

        check_parameters(
            n_components=self.n_components,
            perplexity=self.perplexity,
            exaggeration=self.exaggeration,
        )

    @property
    def reporter(self) -> Progress:
        """The receiver of progress reports."""
        return self.progress or SilentProgress()

    @property
    def local_device(self) -> str:
        """The device on this machine."""
        return self.device

    @property
    def recorded(self) -> dict[str, int | str | None]:
        """The parameters in run.json beside those of t-SNE."""
        return {"limit": None}


@dataclass(frozen=True, kw_only=True)
class PictureOptions(EmbeddingOptions):
    """The options of every map, with those of the map made of images and of map.html."""

    size_px: Annotated[
        int, Help("Side of the map made of images, in pixels.", "PX", flag="--size")
    ] = 2400  # 500 images stay recognizable, and the PNG stays below 10 MB
    thumbnail_px: Annotated[
        int | None,
        Help(
            "Longest side of the images in the map, in pixels.",
            "PX",
            flag="--thumbnail",
            default="depends on the number of images",
        ),
    ] = None  # the fewer images, the larger each image
    page_images: Annotated[int, Help("Number of thumbnails in map.html.", "N")] = PAGE_IMAGES

    def __post_init__(self) -> None:
        from featscape.bundle import check_page_images
        from featscape.pictures import check_sizes

        super().__post_init__()
        check_sizes(self.size_px, self.thumbnail_px)
        check_page_images(self.page_images)

    @property
    def pictures(self) -> PictureSettings:
        """The options of the pictures and of map.html, for run.json."""
        from featscape.records import PictureSettings

        names = (field.name for field in fields(PictureSettings))
        return PictureSettings(**{name: getattr(self, name) for name in names})

    @property
    def pack_px(self) -> int:
        """The longest side of the thumbnails in the map folder."""
        return max(PACK_PX, self.thumbnail_px or 0)


@dataclass(frozen=True, kw_only=True)
class SourceOptions(PictureOptions):
    """The options of every map, with those of a source of images."""

    path_column: Annotated[
        str | None,
        Help(
            "The column that holds the paths, the images or their names, if the source is a table.",
            "NAME",
            default="detected",
        ),
    ] = None  # the column whose values are images
    label_column: Annotated[
        str | None,
        Help("The column of a table that holds the labels.", "NAME", default="detected"),
    ] = None  # "label", "class" and similar names
    checked: Annotated[
        TableInput | list[str] | None,
        Help(
            "A table of paths and labels that a person has checked, in the column checked_label. "
            "These labels replace the labels of the source, and are not listed as label errors. Of "
            "several tables, the last with an image counts. In Python, also a DataFrame, a mapping "
            "or a list of files.",
            "FILE",
            default="no labels",
        ),
    ] = None  # a new dataset has no checked labels
    max_megapixels: Annotated[
        float | None, Help("Skip larger images.", "N", default="89.5, Pillow's limit")
    ] = None  # a larger image may be a decompression bomb
    white: Annotated[
        int | None,
        Help(
            "The value that becomes white in images of more than 8 bits, for example 4095 for 12 "
            "bits.",
            "N",
            default="65535 for 16 bits",
        ),
    ] = None  # the files do not contain the number of bits that a camera uses


@dataclass(frozen=True)
class MapOptions(SourceOptions):
    """All options of a map of images."""

    source: Annotated[Images, Help("A folder of images, or another source.", "SOURCE")]
    output: Annotated[
        PathLike | None,
        Help(
            "The map folder to write. In Python, required for a source that is not a path, such as "
            "a DataFrame.",
            "DIR",
            flag="--output",
            default="NAME-map",
        ),
    ] = None  # in the current folder, named after the source
    _: KW_ONLY
    model: Annotated[
        str,
        Help(
            "The network: a name from `featscape models`, an ONNX file or MODULE:FACTORY.", "NAME"
        ),
    ] = DEFAULT_MODEL
    weights: Annotated[
        PathLike | None,
        Help("A file of weights for the network.", "FILE", default="the library's download"),
    ] = None  # pretrained weights suit photographs
    layers: Annotated[
        str | tuple[str, ...] | list[str] | None,
        Help(
            "Use the output of this layer: see `featscape layers`. Several layers give one map "
            "each, in one pass.",
            "NAME",
            flag="--layer",
            default="the input of the classifier",
        ),
    ] = None  # the layer before the classifier separates classes best
    pool: Annotated[
        str | None,
        Help(
            "How the output of a layer becomes one row of numbers: avg, max, gem, flatten or "
            "token.",
            "KIND",
            default="avg",
        ),
    ] = None  # avg where the layer needs pooling
    limit: Annotated[
        int | None,
        Help(
            "Use N images in total, drawn at random, with at least one of each class if N is large "
            "enough.",
            "N",
            default="all",
        ),
    ] = None  # a map shows the whole data set
    precision: Annotated[
        str,
        Help(
            "Number format of the network: fp32, bf16, int8, or auto. auto uses bf16 where bf16 is "
            "faster and its features stay close to fp32.",
            "NAME",
        ),
    ] = "auto"  # bf16 doubles the throughput on processors that have it
    batch_size: Annotated[
        int | None, Help("Images per batch.", "N", default="depends on the device")
    ] = None  # the best size depends on the device's memory
    device: Annotated[
        str,
        Help(
            "Where the network and t-SNE run: auto, cpu, cuda, cuda:N or mps. auto runs the "
            "network on a GPU if PyTorch finds one, and t-SNE on the CPU. With mps, or in three "
            "dimensions, t-SNE runs on the CPU.",
            "NAME",
        ),
    ] = "auto"  # the network uses a GPU if there is one
    engine: Annotated[
        str, Help("Where images are read: local, or ray for the machines of a Ray cluster.", "NAME")
    ] = "local"  # one machine is enough for a million images
    address: Annotated[
        str | None,
        Help(
            "Address of the Ray cluster.",
            "HOST:PORT",
            default="RAY_ADDRESS, or a cluster on this machine",
        ),
    ] = None
    labels: Annotated[
        Labels | None,
        Help(
            "One label per image, for a source that is a list or a dataset.",
            default="those of the dataset",
            on_command_line=False,
        ),
    ] = None  # files have labels in folders or tables
    columns: Annotated[
        Columns | None,
        Help(
            "Columns with one value per image, for a source that is a list or a dataset: a "
            "DataFrame or a mapping. The column path names images without a path; for files, each "
            "row belongs to the file at its path.",
            default="no columns",
            on_command_line=False,
        ),
    ] = None  # files have columns in tables
    made_from: Annotated[
        str | None,
        Help(
            "Description of the source in run.json, where the source itself is temporary.",
            on_command_line=False,
        ),
    ] = None

    def __post_init__(self) -> None:
        """Check every option that can be checked before the images are known.

        Raises
        ------
        InputError, ModelError, DeviceError, MissingExtra
        """
        from featscape.features import check_network
        from featscape.images import check_choice
        from featscape.mapfolder import check_source
        from featscape.steps.tsne.adapter import check_limit

        check_network(
            self.model,
            weights=None if self.weights is None else Path(self.weights),
            layers=self.layer_names,
            pool=self.pool,
            device=self.device,
            precision=self.precision,
        )
        check_choice(
            limit=self.limit,
            random_state=self.random_state,
            max_megapixels=self.max_megapixels,
            white=self.white,
        )
        super().__post_init__()
        check_limit(self.limit, perplexity=self.perplexity)
        if isinstance(self.source, str | os.PathLike):
            check_source(Path(self.source), output=self.folder)
        elif self.engine != "local":
            raise InputError(
                "the engine must be 'local' if the source is a list or a dataset; got "
                f"{self.engine!r}. Write the images to files for other machines."
            )

    @property
    def local_device(self) -> str:
        """The device on this machine: the GPUs of a Ray cluster are on other machines."""
        is_elsewhere = self.engine != "local" and self.device != "cpu"
        return "auto" if is_elsewhere else self.device

    @property
    def recorded(self) -> dict[str, int | str | None]:
        """The parameters in run.json beside those of t-SNE."""
        checked = name_origin(self.checked)
        return {"limit": self.limit, "white": self.white, "checked_source": checked}

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names in `layers`; empty for the input of the classifier."""
        return (self.layers,) if isinstance(self.layers, str) else tuple(self.layers or ())

    @property
    def folder(self) -> Path:
        """The map folder; for several layers, the names of the folders are made from its name."""
        from featscape.images import name_source

        if self.output is not None:
            return Path(self.output)
        if not isinstance(self.source, str | os.PathLike):
            raise InputError(
                "the output must be given if the source is a list, a DataFrame or a dataset; got "
                "none. Name the map folder with output=."
            )
        return Path(f"{name_source(self.source)}-map")


def name_origin(given: object) -> str | None:
    """Return the absolute path of a file or of several, or the type of an object in Python."""
    if isinstance(given, str | os.PathLike):
        return os.path.realpath(given)
    if isinstance(given, list):
        return ", ".join(map(os.path.realpath, given)) or None
    return None if given is None else f"{type(given).__name__} in Python"
