"""The installed libraries, compared with the metadata of featscape and meshtsne."""

from __future__ import annotations

import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from featscape.doctor.records import Extra, Problem
from featscape.errors import first_line, install_command
from featscape.features.openvino_import import telemetry_disabled

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES = ("featscape", "meshtsne")
_FOR_DEVELOPMENT = {"dev", "docs", "test"}
# Modules whose name is not that of the library, or that load more compiled code than the library's
# own module
_MODULES = {
    "matplotlib": "matplotlib.ft2font",
    "pillow": "PIL",
    "scikit-learn": "sklearn",
    "scipy": "scipy.sparse",
}


def list_versions() -> dict[str, str | None]:
    """Return the versions of Python, featscape, meshtsne and the libraries that they require."""
    own = {"python": platform.python_version()}
    return own | {name: _version_of(name) for name in (*_PACKAGES, *_libraries())}


def find_missing() -> Iterator[Problem]:
    """Yield a problem for each required library that is missing or has the wrong version.

    The requirements of the required libraries are checked too: torchvision needs one version of
    torch. A missing library is reported once, with the requirement of featscape or meshtsne if one
    of the two needs the library.
    """
    own = {str(one): ("featscape", one) for package in _PACKAGES for one in _required(package)}
    wanted = {
        str(one): (name, one)
        for name in _libraries()
        if _version_of(name) is not None
        for one in _required(name)
        if str(one) not in own
    }
    missing = set()
    for needed_by, requirement in (own | wanted).values():
        found = _version_of(requirement.name)
        if not _satisfies(requirement) and requirement.name not in missing:
            if found is None:
                missing.add(requirement.name)
            what = "is not installed" if found is None else f"has the version {found}"
            yield Problem(
                requirement.name,
                f"{requirement.name} {what}; {needed_by} needs {_requirement_text(requirement)}",
                f"Run pip install '{requirement.name}{requirement.specifier}'.",
            )


def find_unloadable() -> Iterator[Problem]:
    """Yield a problem for each required library that cannot be imported.

    A missing library cannot be imported either. The import of all libraries takes seconds.
    """
    for library in _libraries():
        name = _MODULES.get(library, library.replace("-", "_"))
        try:
            with telemetry_disabled():
                import_module(name)
        except Exception as error:  # noqa: BLE001 - a damaged library raises any error
            yield Problem(
                library,
                f"{name} cannot be imported: {type(error).__name__}: {first_line(error)}",
                f"Run pip install --force-reinstall {library}.",
            )


def list_extras() -> tuple[Extra, ...]:
    """Return the groups of optional libraries, except those for development."""
    extras = []
    for package in _PACKAGES:
        names = metadata(package).get_all("Provides-Extra") or []
        for name in sorted(set(names) - _FOR_DEVELOPMENT):
            wanted = _required(package, extra=name)
            missing = tuple(_requirement_text(one) for one in wanted if not _satisfies(one))
            extras.append(Extra(name, missing, install_command(name, package=package)))
    return tuple(extras)


def _libraries() -> list[str]:
    """Return the names of the libraries that featscape and meshtsne require."""
    names = {one.name for package in _PACKAGES for one in _required(package)}
    return sorted(names - {*_PACKAGES})


def _required(package: str, *, extra: str = "") -> list[Requirement]:
    """Return the requirements of a package on this machine, with those of an extra."""
    found = [Requirement(text) for text in requires(package) or ()]
    return [one for one in found if one.marker is None or one.marker.evaluate({"extra": extra})]


def _satisfies(requirement: Requirement) -> bool:
    found = _version_of(requirement.name)
    return found is not None and requirement.specifier.contains(found, prereleases=True)


def _requirement_text(requirement: Requirement) -> str:
    return f"{requirement.name} {requirement.specifier}".rstrip()


def _version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
