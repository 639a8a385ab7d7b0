"""No module imports itself through others, at import time or inside a function."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import featscape

ROOT = Path(featscape.__file__).parent


def find_modules(root):
    """Return the file of each module below a package's folder, by the module's dotted name."""
    files = {}
    for file in root.rglob("*.py"):
        parts = (root.name, *file.relative_to(root).with_suffix("").parts)
        files[".".join(parts).removesuffix(".__init__")] = file
    return files


def is_for_types(node):
    """Tell whether a statement is ``if TYPE_CHECKING:``."""
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Name):
        return False
    return node.test.id == "TYPE_CHECKING"


def imports_in(node, modules, *, with_types):
    """Yield the package's modules that a syntax tree imports anywhere, with or without types."""
    for child in ast.iter_child_nodes(node):
        if is_for_types(child) and not with_types:
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names if alias.name in modules)
        elif isinstance(child, ast.ImportFrom) and child.module is not None:
            for alias in child.names:
                submodule = f"{child.module}.{alias.name}"
                yield from (one for one in (submodule, child.module) if one in modules)
        else:
            yield from imports_in(child, modules, with_types=with_types)


def import_graph(modules, *, with_types=False):
    """Return the modules that each module imports; a package does not count for its own modules."""
    graph = {}
    for name, file in modules.items():
        found = imports_in(
            ast.parse(file.read_text(encoding="utf-8")), modules, with_types=with_types
        )
        graph[name] = {one for one in found if one != name and not name.startswith(f"{one}.")}
    return graph


def find_cycle(graph):
    """Return the modules of one import cycle, or an empty list."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_module_imports_itself_through_others():
    assert find_cycle(import_graph(find_modules(ROOT))) == []


def test_no_module_imports_itself_for_types():
    assert find_cycle(import_graph(find_modules(ROOT), with_types=True)) == []


def test_the_check_finds_a_cycle_of_an_import_inside_a_function(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("from package.two import f\n")
    (package / "two.py").write_text("def f():\n    from package import one\n    return one\n")
    assert set(find_cycle(import_graph(find_modules(package)))) == {"package.one", "package.two"}


def test_the_check_leaves_out_imports_for_types(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("from package.two import f\n")
    two = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from package import one\n"
    (package / "two.py").write_text(two)
    modules = find_modules(package)
    assert find_cycle(import_graph(modules)) == []
    assert set(find_cycle(import_graph(modules, with_types=True))) == {"package.one", "package.two"}
