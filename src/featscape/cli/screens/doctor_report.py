"""The state of the installation as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.cli.screens.tables import add_row, new_table, stack
from featscape.number_text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.table import Table

    from featscape.doctor import Diagnosis, Problem


def describe(found: Diagnosis) -> RenderableType:
    """Return the machine, the libraries, the folders, and the problems with their remedies."""
    return stack(
        "Machine and t-SNE engine:",
        _machine(found),
        "Libraries:",
        _libraries(found),
        "Optional libraries:",
        _extras(found),
        "Folders:",
        _folders(found),
        *_problems(found.problems),
    )


def _machine(found: Diagnosis) -> Table:
    machine, engine = found.machine, found.engine
    table = new_table()
    add_row(table, "system", machine.system)
    add_row(table, "processor", f"{machine.processor}, {plural(machine.n_cores, 'core')}")
    add_row(table, "GPU", ", ".join(machine.gpus) or "none")
    if engine is not None:
        add_row(
            table,
            "engine",
            f"instruction set {engine.instruction_set}; 100 points: KL divergence "
            f"{engine.kl_divergence:.3f}, at most {engine.largest_kl_divergence:.3f} is correct",
        )
        add_row(table, "native module", engine.native_module)
    if machine.fonts:
        add_row(table, "fonts for", ", ".join(name for name, ok in machine.fonts.items() if ok))
        missing = [name for name, ok in machine.fonts.items() if not ok]
        if missing:
            add_row(table, "no font for", f"{', '.join(missing)}: install a font such as Noto")
    return table


def _libraries(found: Diagnosis) -> Table:
    table = new_table()
    for name, version in found.versions.items():
        add_row(table, name, version or "not installed")
    return table


def _extras(found: Diagnosis) -> Table:
    table = new_table()
    for extra in found.extras:
        state = f"not installed: {extra.command}" if extra.missing else "installed"
        if extra.name == "cuda" and not any(gpu.startswith("cuda") for gpu in found.machine.gpus):
            state += " (of no use here: PyTorch finds no NVIDIA GPU)"
        add_row(table, extra.name, state)
    return table


def _folders(found: Diagnosis) -> Table:
    table = new_table("content", "size", "free", "folder")
    for folder in found.folders:
        size = "" if folder.n_bytes is None else _megabytes(folder.n_bytes)
        add_row(table, folder.content, size, _megabytes(folder.n_free_bytes), folder.path)
    return table


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.0f} MB"


def _problems(problems: tuple[Problem, ...]) -> Iterator[str]:
    if not problems:
        yield "No problems."
        return
    yield f"{plural(len(problems), 'problem')}:"
    for problem in problems:
        yield f"  {problem.text}. {problem.remedy}"
