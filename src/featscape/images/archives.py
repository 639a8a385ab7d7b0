"""ZIP archives and TAR shards -> an `ImageSet`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from featscape.errors import InputError
from featscape.images.columns import sort_out
from featscape.images.files import file_name
from featscape.images.metadata import attach_metadata
from featscape.images.names import Listing, arrange, find_split, tell_skipped
from featscape.images.tar_shards import TarShards, key_of
from featscape.images.zip_archive import ZipArchive

if TYPE_CHECKING:
    from featscape.images.files import Place
    from featscape.records import ImageSet


def find_in_zip(source: Place, *, label_column: str | None = None) -> ImageSet:
    """Find the images of a ZIP archive, as in a folder, with metadata beside them.

    Parameters
    ----------
    source : Path or str
    label_column : str, optional
        Of the metadata.

    Raises
    ------
    InputError
        If it is damaged or holds no images.
    """
    archive = ZipArchive(source)
    _check_some(source, archive.listing)
    images = arrange(archive.listing, source=source, kind="zip", contents=archive, unwrap=True)
    return attach_metadata(images, archive.listing.others, label_column=label_column)


def find_in_tar(source: Place, *, label_column: str | None = None) -> ImageSet:
    """Find the images of a TAR archive, or of a folder of them, as WebDataset writes them.

    Parameters
    ----------
    source : Path or str
    label_column : str, optional
        Of the values that stand beside the images; by default their class (.cls).

    Raises
    ------
    InputError
        If an archive cannot be read, or none holds images.
    """
    contents = TarShards(source)
    shards = contents.names()
    everything = Listing()
    beside: dict[str, dict[str, Any]] = {}
    for name in shards:
        try:
            shard = contents.shard(name)
        except InputError as error:
            if len(shards) == 1:
                raise
            everything.skip((name,), str(error))
            continue
        above = (name,) if name else ()
        everything.images += [(*above, *parts) for parts in shard.listing.images]
        everything.others += [(*above, *parts) for parts in shard.listing.others]
        everything.skipped += [
            replace(one, path="/".join([*above, one.path])) for one in shard.listing.skipped
        ]
        beside |= {"/".join([*above, key]): values for key, values in shard.beside.items()}
    _check_some(source, everything)
    n_above = 0 if shards == [""] else 1
    images = arrange(
        everything, source=source, kind="tar", contents=contents, unwrap=True, n_above=n_above
    )
    splits = [
        find_split(path.split("/")[0] if n_above else file_name(source)) for path in images.paths
    ]
    if images.splits is None and all(splits):
        images = replace(images, splits=tuple(splits))
    return _add_beside(images, beside, label_column)


def _add_beside(
    images: ImageSet, beside: dict[str, dict[str, Any]], label_column: str | None
) -> ImageSet:
    columns: dict[str, list[Any]] = defaultdict(lambda: [None] * len(images))
    for row, path in enumerate(images.paths):
        for name, value in beside.get(key_of(path), {}).items():
            columns[name][row] = value
    n_classes = 0 if images.labels is None else len(set(images.labels))
    known = sort_out(
        dict(columns),
        table=str(images.source),
        label_column=label_column,
        has_labels=n_classes > 1,
        has_splits=images.splits is not None,
    )
    return replace(
        images,
        labels=known.labels or images.labels,
        splits=images.splits or known.splits,
        columns=known.columns,
        skipped=(*images.skipped, *known.skipped),
    )


def _check_some(source: Place, listing: Listing) -> None:
    if not listing.images:
        raise InputError(
            f"an archive must hold at least one image; {str(source)!r} holds none "
            f"({len(listing.others)} other files seen; looked for {' '.join(listing.extensions)}). "
            f"Name another.{tell_skipped(listing.skipped)}"
        )
