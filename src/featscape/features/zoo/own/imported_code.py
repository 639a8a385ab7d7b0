"""The files of the user's code, which may be edited after Python has imported the code."""

from __future__ import annotations

import ast
import sys
from contextlib import suppress
from importlib.util import resolve_name
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from featscape.errors import ModelError
from featscape.files.regular import hash_file
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

INSTALLED = frozenset(("site-packages", "dist-packages"))
_NOT_CHECKED = sys.stdlib_module_names | {"featscape", "torch"}  # packages not of the user


class _Imported(NamedTuple):
    """The state of a module at the first use by featscape.

    Attributes
    ----------
    spec : ModuleSpec or None
        Each import and each reload of the module creates a new spec.
    sha256 : str
        Of the source file.
    """

    spec: object
    sha256: str


_imported: dict[str, _Imported] = {}  # by the name of the module


def hash_imported(name: str) -> str | None:
    """Return the SHA-256 that the file of a module had when featscape first used the module.

    A reload counts as a first use. None for a module without a file, such as that of a notebook.
    """
    file = _find_file(name)
    return None if file is None else _look_up(name, file).sha256


def check_unchanged(names: Iterable[str]) -> None:
    """Raise ModelError if a user's file has changed since featscape first used the module.

    Parameters
    ----------
    names : iterable of str
        Names of modules. The user's modules that these import, directly or through other modules,
        are checked too.
    """
    checked: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name in checked or name.partition(".")[0] in _NOT_CHECKED:
            continue
        checked.add(name)
        file = _find_file(name)
        if file is None or INSTALLED.intersection(file.parts):
            continue
        if _look_up(name, file).sha256 != hash_file(file):
            raise ModelError(
                f"the code of your own network must be the code that Python runs; "
                f"{printable(str(file))} has changed since featscape first used {name}. Start "
                f"Python (in a notebook the kernel) again, or call importlib.reload for {name} and "
                "then for each module that imports from it."
            )
        left.extend(_list_imports(sys.modules[name], file))


def _look_up(name: str, file: Path) -> _Imported:
    """Return the record of an imported module; the first use and a reload make a new record."""
    spec, known = sys.modules[name].__spec__, _imported.get(name)
    if known is None or known.spec is not spec:
        known = _imported[name] = _Imported(spec, hash_file(file))
    return known


def _find_file(name: str) -> Path | None:
    """Return the file of an imported module; None if there is no such module or file."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return Path(file) if file is not None and Path(file).is_file() else None


def _list_imports(module: ModuleType, file: Path) -> list[str]:
    """Return the names that a module may import, and the packages that contain these names.

    A file that is not Python source, such as a compiled module, has none.
    """
    if file.suffix != ".py":
        return []
    package = module.__package__ or ""
    names = {package}
    for node in ast.walk(ast.parse(file.read_bytes(), file)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            with suppress(ImportError):  # a module outside a package may try a relative import
                origin = resolve_name("." * node.level + (node.module or ""), package)
                names.update((origin, *(f"{origin}.{alias.name}" for alias in node.names)))
    parts = [name.split(".") for name in names]
    return sorted({".".join(part[:n]) for part in parts for n in range(1, len(part) + 1)})
