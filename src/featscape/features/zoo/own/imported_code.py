"""The user's code as Python imported it: a file that is edited later does not change the code."""

from __future__ import annotations

import ast
import os
import struct
import sys
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from importlib.util import resolve_name
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from featscape.errors import ModelError
from featscape.files.regular import hash_file
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.machinery import ModuleSpec
    from types import ModuleType

INSTALLED = frozenset(("site-packages", "dist-packages"))
_NOT_OF_USERS = sys.stdlib_module_names | {"featscape", "torch"}


class _Imported(NamedTuple):
    """A module when featscape first used the module.

    Attributes
    ----------
    spec : ModuleSpec or None
        Python makes a new one when it imports or reloads the module.
    sha256 : str
        Of the source file.
    imports : tuple of str
        The names that the code may import, and the packages that contain these names.
    had_changed : bool
        Whether the file is known to have changed between the import and the first use.
    """

    spec: object
    sha256: str
    imports: tuple[str, ...]
    had_changed: bool


_imported: dict[str, _Imported] = {}  # by the name of the module


def hash_imported(name: str) -> str | None:
    """Return the SHA-256 that the file of a module had when featscape first used the module.

    A reload counts as a first use. None for a module without a file, such as that of a notebook.
    """
    known = _look_up(name)
    return None if known is None else known.sha256


def check_unchanged(names: Iterable[str]) -> None:
    """Raise ModelError if a file of the user has changed since its module was imported.

    Changes before featscape first used the module are found only if Python caches bytecode.

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
        file = _find_file(name)
        if name in checked or name.partition(".")[0] in _NOT_OF_USERS:
            continue
        checked.add(name)
        known = _look_up(name)
        if file is None or known is None or INSTALLED.intersection(file.parts):
            continue
        if known.had_changed or known.sha256 != hash_file(file):
            raise ModelError(
                f"the code of your own network must be the code that Python runs; "
                f"{printable(str(file))} has changed since Python imported {name}. Start Python "
                f"(in a notebook the kernel) again, or call importlib.reload for {name} and then "
                "for each module that imports from it."
            )
        left.extend(known.imports)


def _look_up(name: str) -> _Imported | None:
    """Return the record of a module, made now unless Python has imported the module before."""
    file = _find_file(name)
    if file is None:
        return None
    module = sys.modules[name]
    spec, known = module.__spec__, _imported.get(name)
    if known is None or known.spec is not spec:
        imports = tuple(_list_imports(module, file)) if file.suffix == ".py" else ()
        had_changed = spec is not None and _has_changed(spec, file)
        known = _imported[name] = _Imported(spec, hash_file(file), imports, had_changed)
    return known


def _has_changed(spec: ModuleSpec, file: Path) -> bool:
    """Return whether the bytecode that Python cached at the import is that of another file.

    The first 16 bytes of the bytecode contain the time and the size of the source file (PEP 552).
    Subclasses of `SourceFileLoader` may keep their bytecode elsewhere.
    """
    if sys.dont_write_bytecode or type(spec.loader) is not SourceFileLoader or not spec.cached:
        return False
    cached = Path(spec.cached)
    if not cached.is_file() or not os.access(cached.parent, os.W_OK):
        return False
    with cached.open("rb") as bytecode:
        flags, *made_from = struct.unpack("<4x3I", bytecode.read(16))
    facts = file.stat()
    now = [int(facts.st_mtime) & 0xFFFFFFFF, facts.st_size & 0xFFFFFFFF]
    return flags == 0 and made_from != now


def _find_file(name: str) -> Path | None:
    """Return the file of an imported module; None if there is no such module or file."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return Path(file) if file is not None and Path(file).is_file() else None


def _list_imports(module: ModuleType, file: Path) -> Iterator[str]:
    package = module.__package__ or ""
    names = {package}
    for node in ast.walk(ast.parse(file.read_bytes(), file)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            with suppress(ImportError):  # a module outside a package may try a relative import
                origin = resolve_name("." * node.level + (node.module or ""), package)
                names.update((origin, *(f"{origin}.{alias.name}" for alias in node.names)))
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:n]) for n in range(1, len(parts) + 1))
