"""What is known of the libraries' networks without loading the libraries, which takes seconds.

catalog.json has every network of one version of each library; `make catalog` writes it. Where
another version is installed, the library itself is asked, and the catalog tells the sizes of those
architectures that it knows.
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
    """What a library tells of a network without building it.

    Attributes
    ----------
    name : str
        As the library has it, without its prefix.
    architecture : str
        Networks of one architecture differ in their weights alone.
    input_size_px : int
    weights : tuple of str
        Names of the pretrained weights, the default first.
    origin : str
        The address of the default weights: of a file, or of a repository on a hub.
    """

    name: str
    architecture: str
    input_size_px: int
    weights: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class Size:
    """How large an architecture is; None where that is not known."""

    n_features: int | None = None
    n_parameters: int | None = None


def installed_version(distribution: str) -> str | None:
    """Return the version of an installed library, without its build; None if there is none."""
    try:
        return version(distribution).partition("+")[0]
    except PackageNotFoundError:
        return None


def list_rows(backend: ModuleType) -> tuple[Row, ...]:
    """Return the networks of a library: the catalog's, if it is of the version installed.

    Also the catalog's if the library is not installed at all.
    """
    part = _read()[backend.DISTRIBUTION]
    if installed_version(backend.DISTRIBUTION) not in (part["version"], None):
        rows: tuple[Row, ...] = backend.list_rows()
        return rows
    return tuple(
        Row(name, arch, px, tuple(w), origin) for name, arch, px, w, origin in part["rows"]
    )


def list_names(backend: ModuleType) -> frozenset[str]:
    """Return the names that a library's networks are called by: of weights, of architectures."""
    part = _read()[backend.DISTRIBUTION]
    if installed_version(backend.DISTRIBUTION) != part["version"]:
        return frozenset(backend.list_names())
    return frozenset((*part["sizes"], *(row[0] for row in part["rows"])))


def find_size(backend: ModuleType, architecture: str) -> Size:
    """Return how large an architecture is."""
    return Size(*_read()[backend.DISTRIBUTION]["sizes"].get(architecture, ()))


@cache
def _read() -> dict[str, Any]:
    text = resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]
