"""Write ``map.html``: the interactive map in one file, which opens from disk without a server."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import numpy as np

from featscape.bundle.contract import (
    MANIFEST,
    Abilities,
    Blocks,
    Column,
    Manifest,
    PageSetup,
    VectorsFile,
    WordsFile,
)
from featscape.bundle.read import (
    arrays,
    block_files,
    count_bytes,
    count_section_bytes,
    findings_files,
    words_files,
)
from featscape.bundle.viewer_page import inlined_page
from featscape.errors import InputError
from featscape.mapfolder import damaged
from featscape.mapfolder.staging import writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from featscape.bundle.read import Bundle

SomeBlocks = TypeVar("SomeBlocks", bound=Blocks)

# An e-mail of 25 MB in base64 has room for a page of 18 MB. A page of 18 MB contains the thumbnails
# of 20,000 photographs at 32 pixels, and a quarter of the thumbnails at 64 pixels.
PICTURE_BYTES = 9_000_000  # limit for all thumbnails; the smallest size may exceed the limit
TABLE_BYTES = 16_000_000  # limit for neighbors and strings
FINDING_COLUMN_BYTES = 4_000_000  # limit for the columns of the findings: 200,000 items
WORDS_BYTES = 4_000_000  # limit for the words of the network: 200,000 items
VECTOR_BYTES = 10_000_000  # limit for the vectors of words and items: 11,000 items of CLIP's ViT-B
PICTURE_PX = 900  # longest side of the static picture
CHUNK_BYTES = 3 << 20  # a multiple of three, so that the base64 of chunks can be concatenated


def check_page_images(n_images: int) -> None:
    """Raise InputError if `n_images` is negative.

    Parameters
    ----------
    n_images : int
        Number of thumbnails in map.html.
    """
    if n_images < 0:
        raise InputError(
            f"page_images must be 0 or more; got {n_images}. "
            "Pass the number of thumbnails in map.html with --page-images (page_images=)."
        )


def write_page(bundle: Bundle, file: Path, *, picture: Path, n_images: int) -> None:
    """Write the page of a bundle.

    The page contains the points of all items, and thumbnails of the first `n_images` items in the
    order of the bundle, which are a random sample. All these items have the smallest thumbnail, and
    as many as fit into an e-mail have larger thumbnails. The page reports the missing data.

    Parameters
    ----------
    bundle : Bundle
    file : Path
    picture : Path
        The picture for a browser without WebGL; the page contains a smaller copy.
    n_images : int
        0 for a page without thumbnails.

    Raises
    ------
    InputError
        If `n_images` is negative, or a file of the bundle was truncated after it was opened.
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
    """Return the manifest of the page, which contains only the beginning of some files."""
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
        strings = _first(bundle, strings, max_items=full.n_items, max_bytes=table_bytes)
    packs = []
    picture_bytes = PICTURE_BYTES
    for number, pack in enumerate(full.thumbnails):
        max_bytes = picture_bytes if number else None  # no limit for the smallest size
        first = _first(bundle, pack, max_items=n_images, max_bytes=max_bytes)
        picture_bytes = max(picture_bytes - _end(bundle, first), 0)
        if first.n_items:
            packs.append(first)
    columns = _small_columns(full.columns)
    return full.model_copy(
        update={
            "neighbors": graph,
            "strings": strings,
            "thumbnails": packs,
            "columns": columns,
            "words": _small_words(full.words),
            "vectors": _small_vectors(full.vectors),
        },
    )


def _small_columns(columns: list[Column]) -> list[Column]:
    """Return the columns, without those of the findings if these are too large for the page."""
    found = [
        column
        for column in columns
        if column.kind in ("category", "number") and column.finding is not None
    ]
    n_bytes = sum(
        count_bytes(column.codes if column.kind == "category" else column.values)
        for column in found
    )
    if n_bytes <= FINDING_COLUMN_BYTES:
        return columns
    return [column for column in columns if column not in found]


def _small_words(words: WordsFile | None) -> WordsFile | None:
    """Return the words, or None if they are too large for the page."""
    if words is None:
        return None
    n_bytes = count_bytes(words.classes) + count_bytes(words.probabilities)
    return words if n_bytes <= WORDS_BYTES else None


def _small_vectors(vectors: VectorsFile | None) -> VectorsFile | None:
    """Return the vectors, or None if they are too large for the page."""
    if vectors is None:
        return None
    n_bytes = count_bytes(vectors.words) + count_bytes(vectors.items)
    return vectors if n_bytes <= VECTOR_BYTES else None


def _first(
    bundle: Bundle, blocks: SomeBlocks, *, max_items: int, max_bytes: int | None
) -> SomeBlocks:
    """Return the description of the first complete blocks, with about `max_items` items."""
    starts = bundle.array(blocks.starts)
    n_blocks = min(len(starts) - 1, -(-max_items // blocks.block_items))
    if max_bytes is not None:
        n_blocks = min(n_blocks, int(np.searchsorted(starts, max_bytes, side="right")) - 1)
    return blocks.model_copy(
        update={
            "n_items": min(blocks.n_items, n_blocks * blocks.block_items),
            "starts": blocks.starts.model_copy(update={"shape": [n_blocks + 1]}),
        }
    )


def _end(bundle: Bundle, blocks: Blocks) -> int:
    return int(bundle.array(blocks.starts)[-1])


def _lengths(bundle: Bundle, manifest: Manifest) -> Iterator[tuple[str, int]]:
    """Yield the name of each file in the page, and the number of bytes from its beginning."""
    yield from ((entry.file, count_bytes(entry)) for entry in arrays(manifest))
    yield from ((blocks.file, _end(bundle, blocks)) for blocks in block_files(manifest))
    yield from ((found.file, count_section_bytes(found)) for found in findings_files(manifest))
    yield from ((words.file, words.n_bytes) for words in words_files(manifest))


def _notice(full: Manifest, held: Manifest) -> str | None:
    """Return a sentence about the data that the page omits; None if the page is complete."""
    missing = []
    if full.thumbnails:
        n_images = held.thumbnails[0].n_items if held.thumbnails else 0
        sharpest = full.thumbnails[-1].size_px
        n_sharpest = sum(pack.n_items for pack in held.thumbnails if pack.size_px == sharpest)
        if n_images < full.n_items:
            missing.append(f"the images of {_all_but(n_images)} items")
        if n_sharpest < n_images:
            missing.append(f"the largest thumbnails of {_all_but(n_sharpest)} images")
    is_missing = {
        "the nearest neighbors": held.neighbors.indices.shape != full.neighbors.indices.shape,
        "the colors of the findings": len(held.columns) < len(full.columns),
        "the words for the content of the images": held.words is None and full.words is not None,
        "the vectors of words and images": held.vectors is None and full.vectors is not None,
    }
    missing += [text for text, is_so in is_missing.items() if is_so]
    if full.strings is not None and held.strings is not None:
        n_named = held.strings.n_items
        if n_named < full.n_items:
            missing.append(f"the names of {_all_but(n_named)} items")
    if not missing:
        return None
    last = missing.pop()
    listed = f"{', '.join(missing)} and {last}" if missing else last
    return f"To limit its size, this page omits {listed}. featscape export writes a complete site."


def _all_but(number: int) -> str:
    return f"all but {number:,}" if number else "all"


def _small(picture: Path) -> str:
    """Return a smaller copy of a picture, as a data: URL."""
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
            raise damaged(file, "the file was truncated while it was read")
        page.write(base64.b64encode(chunk))
        n_bytes -= len(chunk)
    page.write(b"</script>\n")
