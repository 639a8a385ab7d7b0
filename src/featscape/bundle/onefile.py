"""``map.html``: a map in one file, which opens from disk and can be mailed."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import numpy as np

from featscape.bundle.contract import Abilities, Blocks, Manifest, PageSetup
from featscape.bundle.read import arrays, block_files, count_bytes
from featscape.bundle.viewer_page import inlined_page
from featscape.bundle.write import MANIFEST
from featscape.errors import InputError
from featscape.mapfolder import damaged
from featscape.mapfolder.staging import writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from featscape.bundle.read import Bundle

SomeBlocks = TypeVar("SomeBlocks", bound=Blocks)

PAGE_IMAGES = 20_000
# A mail holds 25 MB, as base64 of a page whose data is base64 already, so the page may have 18 MB:
# that of 20,000 photographs with thumbnails of 32 pixels, and a quarter of those of 64.
PICTURE_BYTES = 9_000_000  # above the smallest thumbnails, larger ones are kept up to here
TABLE_BYTES = 16_000_000  # strings and neighbors are kept up to here
PICTURE_PX = 900  # of the static picture
CHUNK_BYTES = 3 << 20  # a multiple of three, so that the pieces' base64 can be joined


def check_page_images(n_images: int) -> None:
    """Raise InputError unless a page can hold so many images: before the long work.

    Parameters
    ----------
    n_images : int
    """
    if n_images < 0:
        raise InputError(
            f"map.html must hold 0 images or more; got {n_images}. Choose another number."
        )


def write_page(bundle: Bundle, file: Path, *, picture: Path, n_images: int = PAGE_IMAGES) -> None:
    """Write the page of a bundle.

    It holds the points of all items, and the thumbnails of the first `n_images` in the bundle's
    order, which are a fair sample: the smallest of all these, larger ones of as many as leave the
    page fit for mail. What it leaves out, it says.

    Parameters
    ----------
    bundle : Bundle
    file : Path
    picture : Path
        The picture that a browser without WebGL shows; made smaller.
    n_images : int
        0 for a page without thumbnails.

    Raises
    ------
    InputError
        If `n_images` is negative, or a file of the bundle has been cut since it was opened.
    """
    check_page_images(n_images)
    manifest = _abridge(bundle, n_images)
    setup = PageSetup(
        source="file",
        data="",
        api=None,
        abilities=Abilities(),
        notice=_notice(bundle.manifest, manifest),
    )
    head, tail = inlined_page(title=manifest.title, setup=setup, picture=_small(picture))
    with writing(), file.open("wb") as page:
        page.write(head.encode())
        described = manifest.model_dump_json().encode()
        _write_data(page, bundle.folder / MANIFEST, io.BytesIO(described), len(described))
        for name, n_bytes in _lengths(bundle, manifest):
            with bundle.opened.open(name) as data:
                _write_data(page, bundle.folder / name, data, n_bytes)
        page.write(tail.encode())


def _abridge(bundle: Bundle, n_images: int) -> Manifest:
    """Return the manifest of what the page holds: of each file the beginning, or nothing."""
    full = bundle.manifest
    graph, table_bytes = full.neighbors, TABLE_BYTES
    n_bytes = count_bytes(graph.indices) + count_bytes(graph.distances)
    if n_bytes > table_bytes:
        none = {"shape": [full.n_items, 0]}
        graph = graph.model_copy(
            update={
                "indices": graph.indices.model_copy(update=none),
                "distances": graph.distances.model_copy(update=none),
            }
        )
    else:
        table_bytes -= n_bytes
    strings = full.strings
    if strings is not None:
        strings = _first(bundle, strings, most_items=full.n_items, most_bytes=table_bytes)
    packs = []
    picture_bytes = PICTURE_BYTES
    for number, pack in enumerate(full.thumbnails):
        most_bytes = picture_bytes if number else None  # the smallest are there in any case
        first = _first(bundle, pack, most_items=n_images, most_bytes=most_bytes)
        picture_bytes = max(picture_bytes - _end(bundle, first), 0)
        if first.n_items:
            packs.append(first)
    return full.model_copy(
        update={"neighbors": graph, "strings": strings, "thumbnails": packs},
    )


def _first(
    bundle: Bundle, blocks: SomeBlocks, *, most_items: int, most_bytes: int | None
) -> SomeBlocks:
    """Return the description of the first blocks: whole ones, of about `most_items` items."""
    starts = bundle.array(blocks.starts)
    n_blocks = min(len(starts) - 1, -(-most_items // blocks.block_items))
    if most_bytes is not None:
        n_blocks = min(n_blocks, int(np.searchsorted(starts, most_bytes, side="right")) - 1)
    return blocks.model_copy(
        update={
            "n_items": min(blocks.n_items, n_blocks * blocks.block_items),
            "starts": blocks.starts.model_copy(update={"shape": [n_blocks + 1]}),
        }
    )


def _end(bundle: Bundle, blocks: Blocks) -> int:
    return int(bundle.array(blocks.starts)[-1])


def _lengths(bundle: Bundle, manifest: Manifest) -> Iterator[tuple[str, int]]:
    """Yield the page's files, and how many bytes of the beginning of each it holds."""
    yield from ((entry.file, count_bytes(entry)) for entry in arrays(manifest))
    yield from ((blocks.file, _end(bundle, blocks)) for blocks in block_files(manifest))


def _notice(full: Manifest, held: Manifest) -> str | None:
    """Return what the page leaves out, in a sentence; None if that is nothing."""
    missing = []
    if full.thumbnails:
        n_images = held.thumbnails[0].n_items if held.thumbnails else 0
        sharpest = full.thumbnails[-1].size_px
        n_sharpest = sum(pack.n_items for pack in held.thumbnails if pack.size_px == sharpest)
        if n_images < full.n_items:
            missing.append(f"the images of {_all_but(n_images)} items")
        if n_sharpest < n_images:
            missing.append(f"the sharpest copies of {_all_but(n_sharpest)} images")
    if held.neighbors.indices.shape != full.neighbors.indices.shape:
        missing.append("the nearest neighbors")
    if full.strings is not None and held.strings is not None:
        n_named = held.strings.n_items
        if n_named < full.n_items:
            missing.append(f"the names of {_all_but(n_named)} items")
    if not missing:
        return None
    last = missing.pop()
    listed = f"{', '.join(missing)} and {last}" if missing else last
    return f"To stay small, this page leaves out {listed}. featscape export writes all of them."


def _all_but(number: int) -> str:
    return f"all but {number:,}" if number else "all"


def _small(picture: Path) -> str:
    """Return a smaller copy of a picture, as a data: address."""
    from PIL import Image

    with Image.open(picture) as image:
        small = image.convert("RGB")
    small.thumbnail((PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    small.save(encoded, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(encoded.getvalue()).decode()}"


def _write_data(page: BinaryIO, file: Path, data: BinaryIO, n_bytes: int) -> None:
    page.write(f'<script type="application/octet-stream" data-file="{file.name}">'.encode())
    while n_bytes:
        chunk = data.read(min(CHUNK_BYTES, n_bytes))
        if not chunk:
            raise damaged(file, "it was cut while it was read")
        page.write(base64.b64encode(chunk))
        n_bytes -= len(chunk)
    page.write(b"</script>\n")
