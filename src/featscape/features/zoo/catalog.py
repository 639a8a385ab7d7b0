"""The catalog: a list of the networks of the libraries.

Importing the libraries would take seconds. Therefore catalog.json lists every network of one
version of each library; `make catalog` writes the file. If another version is installed, the
library itself lists its networks, and the catalog only provides the sizes of architectures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

FILE = "catalog.json"


@dataclass(frozen=True)
class Row:
    """The description of one pretrained network of a library.

    Attributes
    ----------
    name : str
        The library's own name, without the prefix.
    architecture : str
        Networks of the same architecture differ only in their weights.
    input_size_px : int
        Side of the square input.
    weights : tuple of str
        Names of the pretrained weights, the default first.
    origin : str
        Address of the default weights: of a file, or of a repository on a hub.
    """

    name: str
    architecture: str
    input_size_px: int
    weights: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class NetworkSize:
    """The size of an architecture; None where the size is unknown."""

    n_features: int | None = None
    n_parameters: int | None = None


def installed_version(distribution: str) -> str | None:
    """Return the version of a library without the build suffix; None if it is not installed."""
    try:
        return version(distribution).partition("+")[0]
    except PackageNotFoundError:
        return None


def list_rows(backend: ModuleType) -> tuple[Row, ...]:
    """Return the networks of a library.

    The networks come from the catalog if the catalog describes the installed version, or if the
    library is not installed; otherwise from the library itself.
    """
    part = _read()[backend.DISTRIBUTION]
    if installed_version(backend.DISTRIBUTION) not in (part["version"], None):
        rows: tuple[Row, ...] = backend.list_rows()
        return rows
    return tuple(
        Row(name, arch, px, tuple(w), origin) for name, arch, px, w, origin in part["rows"]
    )


def list_network_names(backend: ModuleType) -> frozenset[str]:
    """Return the valid names of a library's networks: architectures, and pretrained networks."""
    part = _read()[backend.DISTRIBUTION]
    if installed_version(backend.DISTRIBUTION) != part["version"]:
        return frozenset(backend.list_network_names())
    return frozenset((*part["sizes"], *(row[0] for row in part["rows"])))


def find_size(backend: ModuleType, architecture: str) -> NetworkSize:
    """Return the size of an architecture."""
    return NetworkSize(*_read()[backend.DISTRIBUTION]["sizes"].get(architecture, ()))


@cache
def _read() -> dict[str, Any]:
    text = resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]  # JSON
