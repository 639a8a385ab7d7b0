"""Read a bundle, and check its files against the manifest."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError
from pydantic_core import from_json

from featscape.bundle.blocks import unpack
from featscape.bundle.contract import MANIFEST, MOST_LISTED, Manifest
from featscape.errors import InputError
from featscape.files.folder_handle import FolderHandle
from featscape.mapfolder import damaged
from featscape.mapfolder.layout import check_required, describe_invalid
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from featscape.bundle.contract import (
        ArrayFile,
        Blocks,
        FindingsFile,
        ThumbnailPack,
        VectorsFile,
        WordsFile,
    )

_MAX_MANIFEST_BYTES = 1 << 27  # 65,535 classes in each of 20 columns
_MAX_ENTRIES = 1_000  # of an object in the manifest; the largest are the manifest and its facts


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle with checked files. The arrays remain on disk until they are used.

    Attributes
    ----------
    opened : FolderHandle
    manifest : Manifest
    """

    opened: FolderHandle
    manifest: Manifest = field(repr=False)

    @property
    def folder(self) -> Path:
        """The path of the folder."""
        return self.opened.path

    def files(self) -> tuple[str, ...]:
        """Return the names of all files of the bundle; no other file may be served."""
        return (
            MANIFEST,
            *(entry.file for entry in arrays(self.manifest)),
            *(blocks.file for blocks in block_files(self.manifest)),
            *(findings.file for findings in findings_files(self.manifest)),
            *(words.file for words in words_files(self.manifest)),
        )

    def array(self, entry: ArrayFile) -> NDArray[Any]:
        """Return an array of the manifest.

        Parameters
        ----------
        entry : ArrayFile

        Returns
        -------
        ndarray
            The shape and dtype of `entry`; memory-mapped and read-only.
        """
        dtype = np.dtype(entry.dtype).newbyteorder("<")
        if 0 in entry.shape:  # an empty file cannot be mapped
            return np.empty(entry.shape, dtype)
        with self.opened.open(entry.file) as file:
            return np.memmap(file, dtype, mode="r", shape=tuple(entry.shape))

    def strings(self, item: int) -> dict[str, str | None]:
        """Return the strings of an item by column; `item` is an index in the bundle's order."""
        blocks = self.manifest.strings
        if blocks is None:
            return {}
        block = json.loads(self._block(blocks, item // blocks.block_items))
        return {name: values[item % blocks.block_items] for name, values in block.items()}

    def thumbnail(self, pack: ThumbnailPack, item: int) -> bytes:
        """Return the WebP image of an item; `item` is an index in the bundle's order."""
        block = self._block(pack, item // pack.block_items)
        return unpack(block)[item % pack.block_items]

    def _block(self, blocks: Blocks, number: int) -> bytes:
        start, end = self.array(blocks.starts)[number : number + 2].astype(int)
        with self.opened.open(blocks.file) as stream:
            stream.seek(start)
            return stream.read(end - start)


def open_bundle(folder: Path | FolderHandle) -> Bundle:
    """Open the ``bundle`` folder of a map.

    Parameters
    ----------
    folder : Path or FolderHandle
        The folder; its files must not be links.

    Raises
    ------
    InputError
        If the folder does not exist, as in a map of an older featscape, or if a file is missing or
        damaged.
    """
    path = Path(folder)
    file = path / MANIFEST
    try:
        opened = FolderHandle.of(folder)
        content = opened.read(MANIFEST, max_bytes=_MAX_MANIFEST_BYTES)
        _check_objects(content)
        manifest = Manifest.model_validate_json(content)
    except FileNotFoundError:
        raise InputError(
            f"the map {printable(path.parent)} must contain the files of the interactive page in "
            f"the folder {printable(path.name)}; the folder is missing or incomplete. "
            "Make the map again with --force (force=True)."
        ) from None
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        if all(problem["type"] == "extra_forbidden" for problem in problems):
            unknown = printable(str(problems[0]["loc"][-1]))
            raise InputError(
                f"{printable(file)} must have only the fields that this featscape knows; it has "
                f"{unknown}, so this map may come from a newer featscape. "
                "Open the map with the featscape that made it, or make the map again with --force "
                "(force=True)."
            ) from error
        raise damaged(file, describe_invalid(error)) from error
    except (OSError, ValueError) as error:
        raise damaged(file, error) from error
    _check_shapes(manifest, file)
    _check_names(manifest, file)
    bundle = Bundle(opened, manifest)
    for entry in arrays(manifest):
        _check_size(opened, entry.file, count_bytes(entry))
    for blocks in block_files(manifest):
        starts = bundle.array(blocks.starts)
        is_table = starts.size > 0 and starts[0] == 0 and bool((np.diff(starts) >= 0).all())
        if not is_table or not np.isfinite(starts[-1]):
            raise damaged(path / blocks.starts.file, "the offsets do not increase from 0")
        _check_size(opened, blocks.file, int(starts[-1]))
    for findings in findings_files(manifest):
        _check_sections(findings, file)
        _check_size(opened, findings.file, count_section_bytes(findings))
    for words in words_files(manifest):
        _check_size(opened, words.file, words.n_bytes)
    return bundle


def _check_objects(content: bytes) -> None:
    """Raise ValueError if a manifest lacks an entry, or if an object in it has too many entries.

    pydantic would fill the memory with an error of a kilobyte for each entry that is unknown or
    invalid.
    """
    pending = [from_json(content)]
    check_required(pending[0], Manifest)
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if len(value) > _MAX_ENTRIES:
                raise ValueError(
                    f"an object has {len(value):,} entries, more than {_MAX_ENTRIES:,}"
                )
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def count_bytes(entry: ArrayFile) -> int:
    """Return the length of the file of an array, in bytes."""
    return math.prod(entry.shape) * np.dtype(entry.dtype).itemsize


def arrays(manifest: Manifest) -> Iterator[ArrayFile]:
    """Yield every array in a manifest."""
    yield from (manifest.positions, manifest.ids)
    yield from (manifest.neighbors.indices, manifest.neighbors.distances)
    if manifest.class_codes is not None:
        yield manifest.class_codes
    if manifest.grid is not None:
        yield manifest.grid.cells
    for column in manifest.columns:
        if column.kind != "text":
            yield column.codes if column.kind == "category" else column.values
    if manifest.words is not None:
        yield from (manifest.words.classes, manifest.words.probabilities)
    if manifest.vectors is not None:
        yield from (manifest.vectors.words, manifest.vectors.items, manifest.vectors.scales)
    yield from (blocks.starts for blocks in block_files(manifest))


def block_files(manifest: Manifest) -> Iterator[Blocks]:
    """Yield every file of blocks in a manifest."""
    if manifest.strings is not None:
        yield manifest.strings
    yield from manifest.thumbnails


def findings_files(manifest: Manifest) -> Iterator[FindingsFile]:
    """Yield the file of the findings, if the bundle has findings."""
    if manifest.findings is not None:
        yield manifest.findings


def words_files(manifest: Manifest) -> Iterator[WordsFile | VectorsFile]:
    """Yield the words and the vectors of words, if the bundle has them."""
    yield from (each for each in (manifest.words, manifest.vectors) if each is not None)


def count_section_bytes(findings: FindingsFile) -> int:
    """Return the length of the file of the findings, in bytes."""
    return findings.sections[-1].end if findings.sections else 0


def _check_sections(findings: FindingsFile, file: Path) -> None:
    """Raise InputError if the sections are not consecutive parts of the file."""
    end = 0
    for section in findings.sections:
        n_listed, n_findings = section.n_listed, section.n_findings
        if section.start != end or section.end < end:
            raise damaged(file, f"{findings.file}: the offsets of its sections do not increase")
        if not 0 <= n_listed <= min(n_findings, MOST_LISTED):
            raise damaged(file, f"{findings.file}: {n_listed} of {n_findings} findings in a list")
        end = section.end


def _check_shapes(manifest: Manifest, file: Path) -> None:
    """Raise InputError if the shape of an array does not match the number of items."""
    n_items = manifest.n_items
    graph = manifest.neighbors
    expected: list[tuple[ArrayFile, list[int]]] = [
        (manifest.positions, [n_items, manifest.n_dimensions]),
        (manifest.ids, [n_items]),
        (graph.indices, [n_items, *graph.indices.shape[1:2]]),
        (graph.distances, graph.indices.shape),
    ]
    if manifest.class_codes is not None:
        expected.append((manifest.class_codes, [n_items]))
    if manifest.grid is not None:
        expected.append((manifest.grid.cells, [n_items, 2]))
    for column in manifest.columns:
        if column.kind != "text":
            entry = column.codes if column.kind == "category" else column.values
            expected.append((entry, [n_items]))
    expected += _word_shapes(manifest)
    for blocks in block_files(manifest):
        if blocks.block_items < 1 or not 0 <= blocks.n_items <= n_items:
            raise damaged(file, f"{blocks.file}: {blocks.n_items} items in its blocks")
        expected.append((blocks.starts, [-(-blocks.n_items // blocks.block_items) + 1]))
    for entry, shape in expected:
        if n_items < 1 or min(entry.shape, default=0) < 0 or entry.shape != shape:
            raise damaged(file, f"{entry.file}: shape {entry.shape} for {n_items:,} items")


def _word_shapes(manifest: Manifest) -> Iterator[tuple[ArrayFile, list[int]]]:
    """Yield the arrays of the words and of their vectors, with the expected shapes."""
    n_items, words, vectors = manifest.n_items, manifest.words, manifest.vectors
    if words is not None:
        yield words.classes, [n_items, *words.classes.shape[1:2]]
        yield words.probabilities, words.classes.shape
    if vectors is not None:
        n_features = vectors.scales.shape[:1]
        yield vectors.scales, n_features
        yield vectors.words, [*vectors.words.shape[:1], *n_features]
        yield vectors.items, [n_items, *n_features]


def _check_names(manifest: Manifest, file: Path) -> None:
    """Raise InputError if a name on the map is not that of a class, or its item does not exist."""
    n_classes = 0 if manifest.classes is None else len(manifest.classes)
    for name in manifest.names:
        if name.code >= n_classes or name.item >= manifest.n_items:
            raise damaged(
                file,
                f"a name for class {name.code} of {n_classes:,} at item {name.item} of "
                f"{manifest.n_items:,}",
            )
    for region in manifest.regions:
        for item in (region.item, region.image):
            if item is not None and item >= manifest.n_items:
                raise damaged(file, f"a region with item {item} of {manifest.n_items:,}")


def _check_size(folder: FolderHandle, name: str, n_bytes: int) -> None:
    try:
        with folder.open(name) as file:
            found = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise damaged(folder.path / name, error) from error
    if found != n_bytes:
        raise damaged(folder.path / name, f"the file has {found:,} bytes instead of {n_bytes:,}")
