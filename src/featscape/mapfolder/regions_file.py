"""Write and read regions.json: the named regions of a map."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import FailFast, TypeAdapter, ValidationError

from featscape.mapfolder.layout import REGIONS, damaged, describe_invalid
from featscape.mapfolder.read import open_folder
from featscape.mapfolder.write import write_json
from featscape.records.regions import MOST_REGIONS, Region

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MAX_BYTES = 1 << 24  # 3,000 regions with five words each take 2 MB
_MOST_LEVELS = 100
_MOST_LETTERS = 10_000  # of a name; the page and the pictures shorten names


# FailFast: an error of a kilobyte for each wrong value would fill the memory
@dataclass(frozen=True)
class _StoredRegion(Region):
    words: Annotated[tuple[tuple[str, float], ...], FailFast()]


@dataclass(frozen=True)
class _RegionsFile:
    regions: Annotated[tuple[_StoredRegion, ...], FailFast()]


def write_regions(folder: Path, regions: Sequence[Region]) -> None:
    """Write regions.json.

    Parameters
    ----------
    folder : Path
    regions : sequence of Region
    """
    content = {"regions": [asdict(region) for region in regions]}
    write_json(folder / REGIONS, content, indent=1)


def read_regions(folder: Path, *, n_items: int) -> tuple[Region, ...] | None:
    """Return the content of regions.json; None if the map was made without regions.

    Parameters
    ----------
    folder : Path
        A map folder.
    n_items : int
        Number of items of the map.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    opened = open_folder(folder)
    if not opened.exists(REGIONS):
        return None
    try:
        content = opened.read(REGIONS, max_bytes=_MAX_BYTES)
        stored = TypeAdapter(_RegionsFile).validate_json(content, strict=True).regions
    except ValidationError as error:
        raise damaged(folder / REGIONS, describe_invalid(error)) from error
    except OSError as error:
        raise damaged(folder / REGIONS, error) from error
    regions = tuple(Region(**vars(region)) for region in stored)
    problem = next(_problems(regions, n_items=n_items), None)
    if problem is not None:
        raise damaged(folder / REGIONS, problem)
    return regions


def _problems(regions: Sequence[Region], *, n_items: int) -> Iterator[str]:
    """Yield what is wrong with the values."""
    if len(regions) > MOST_REGIONS:
        yield f"it has {len(regions):,} regions, more than {MOST_REGIONS:,}"
    for index, region in enumerate(regions):
        where = f"region {index}"
        items = region.anchor, region.representative
        if min(items) < 0 or max(items) >= n_items or not 1 <= region.n_items <= n_items:
            yield f"{where} has items that are not among the {n_items:,} items of the map"
        if region.parent is not None and not 0 <= region.parent < index:
            yield f"{where} has the parent {region.parent}, which does not precede the region"
        if not 0 <= region.level < _MOST_LEVELS:
            yield f"{where} has the level {region.level}"
        if not all(0 <= share <= 1 for _, share in region.words):
            yield f"{where} has a share that is not between 0 and 1"
        if max(map(len, (region.name, *(word for word, _ in region.words)))) > _MOST_LETTERS:
            yield f"{where} has a text of more than {_MOST_LETTERS:,} letters"
