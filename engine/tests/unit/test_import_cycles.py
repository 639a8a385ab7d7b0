"""No module imports itself through other modules: at import time, in a function, or for types."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import meshtsne


def find_modules(root):
    """Return the file of each module of the package in this folder, by the module's dotted name."""
    files = {}
    for file in root.rglob("*.py"):
        parts = (root.name, *file.relative_to(root).with_suffix("").parts)
        files[".".join(parts).removesuffix(".__init__")] = file
    return files


def imports_in(node, modules):
    """Yield the modules that a syntax tree imports."""
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names if alias.name in modules)
        elif isinstance(child, ast.ImportFrom):
            for alias in child.names:
                submodule = f"{child.module}.{alias.name}"
                yield from (name for name in (submodule, child.module) if name in modules)


def find_cycle(root):
    """Return the modules of one import cycle of the package in this folder, or an empty list."""
    modules = find_modules(root)
    graph = {}
    for name, file in modules.items():
        imported = set(imports_in(ast.parse(file.read_text(encoding="utf-8")), modules))
        # Python imports a package before each of its modules: this is no cycle.
        graph[name] = {other for other in imported if not f"{name}.".startswith(f"{other}.")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_module_imports_itself_through_others():
    assert find_cycle(Path(meshtsne.__file__).parent) == []


@pytest.mark.parametrize(
    "second",
    [
        "def f():\n    from package import one\n    return one\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from package import one\n",
    ],
    ids=["in a function", "for types"],
)
def test_the_check_finds_an_import(tmp_path, second):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("from package.two import f\n")
    (package / "two.py").write_text(second)
    assert set(find_cycle(package)) == {"package.one", "package.two"}


def test_the_check_accepts_imports_in_one_direction(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("from package import two\n")
    (package / "two.py").write_text("")
    assert find_cycle(package) == []
