"""Each public name is in `__all__`, can be imported and is documented."""

import ast
import importlib
import inspect
import re
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import featscape

PROJECT = ("featscape", "meshtsne")


def modules_with_public_names():
    """Return the names of all modules of the project that define `__all__`."""
    for package in PROJECT:
        root = Path(importlib.import_module(package).__file__).parent
        for file in sorted(root.rglob("*.py")):
            if re.search(r"^__all__ = ", file.read_text(encoding="utf-8"), re.MULTILINE):
                parts = file.relative_to(root.parent).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = list(modules_with_public_names())


def public_names():
    for package in MODULES:
        for name in importlib.import_module(package).__all__:
            yield pytest.param(package, name, id=f"{package}.{name}")


@pytest.mark.parametrize(("package", "name"), list(public_names()))
def test_each_is_documented(package, name):
    value = getattr(importlib.import_module(package), name)
    text = inspect.getdoc(value)
    assert text, f"{package}.{name} has no docstring"
    if inspect.isclass(value) and is_record_or_error(value):
        return  # its docstring lists the attributes
    if inspect.isfunction(value) or inspect.isclass(value):
        documented = documented_parameters(text)
        for parameter in inspect.signature(value).parameters:
            assert parameter in documented, f"{package}.{name} does not document {parameter}"


def documented_parameters(text):
    """Return the names before the colon of lines such as "width, height : int" or "output"."""
    section = text.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    lines = re.findall(r"^(\w+(?:, \w+)*)(?: :.*)?$", section, re.MULTILINE)
    return {name for line in lines for name in line.split(", ")}


def is_record_or_error(value):
    return is_dataclass(value) or is_protocol(value) or issubclass(value, Exception)


def is_protocol(value):
    return getattr(value, "_is_protocol", False)


def test_the_check_above_can_find_a_gap():
    text = (
        "Do it.\n\nParameters\n----------\nsize : int\n    Of the page.\na, b\n\nNotes on seed : x"
    )
    assert documented_parameters(text) == {"size", "a", "b"}


@pytest.mark.parametrize("module", MODULES)
def test_all_equals_the_public_names(module):
    module = importlib.import_module(module)
    assert sorted(module.__all__) == sorted(names_bound_in(module))


def names_bound_in(module):
    """Return the public names that a module defines, or that a package imports from the project."""
    names = set()
    is_package = hasattr(module, "__path__")
    source = ast.parse(inspect.getsource(module))
    for node in ast.walk(source):
        if isinstance(node, ast.ImportFrom):
            if is_package and (node.module or "").startswith(PROJECT):
                names |= {alias.asname or alias.name for alias in node.names}
        elif node in source.body and isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return {name for name in names if not name.startswith("_")}


def test_types_and_lazy_names_agree():
    source = ast.parse(Path(featscape.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.name: node.module
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(("featscape.", "meshtsne"))
        for alias in node.names
    }
    assert imported == featscape._HOME
    assert set(featscape.__all__) == set(featscape._HOME)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="has no attribute 'draw_scater'"):
        featscape.draw_scater  # noqa: B018 - the access is the test
