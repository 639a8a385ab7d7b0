"""Write the reference of the commands as Markdown, from the definitions of the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer.main

from featscape.cli.commands import app
from featscape.cli.parameters import list_sections

if TYPE_CHECKING:
    from typer.core import TyperCommand

HEAD = """# Commands

This page is generated from the definitions of the command line. `featscape COMMAND --help` prints
the same text.

`featscape --install-completion` installs the completion of commands and options for bash, zsh, fish
or PowerShell; `featscape --version` prints the version.

| exit status | meaning |
|---|---|
| 0 | The command succeeded; some images may have been skipped. |
| 2 | An argument, an input file or the output folder is wrong, or the disk is full. |
| 128 + N | Signal N ended the run: 130 after Ctrl-C, 143 after SIGTERM. |
| 1 | Any other error. |

`featscape serve` ends with 0 after a signal, because a signal is the usual end of a server.

An error is one line that names the error and the remedy.

If progress cannot be written, for example on a full log disk, the run continues without progress
and keeps its exit status.
"""


def write_commands() -> str:
    """Return the page: one section for each command, in the order of `featscape --help`."""
    program = typer.main.get_command(app)
    return "\n".join((HEAD, *map(describe, program.commands.values())))


def describe(command: TyperCommand) -> str:
    """Return the section of a command: usage, description, examples, options."""
    context = command.make_context(command.name, [], resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context)).replace("{", "").replace("}", "")
    text, _, examples = (command.help or "").partition("\b\n")
    _, _, examples = examples.partition("\n")  # the line "Examples:"
    lines = [f"## featscape {command.name}", "", code(f"featscape {command.name} {usage}"), ""]
    lines += [as_text(text.strip()), ""]
    if examples:
        lines += ["Examples:", "", code(re.sub(r"^  ", "", examples, flags=re.MULTILINE)), ""]
    for title, parameters in list_sections(command, context).items():
        lines += [f"| {title} | meaning |", "|---|---|"]
        for names, meaning in parameters:
            cell = names.replace("|", "\\|")  # a table ends a cell at each other "|", also in code
            lines.append(f"| `{cell}` | {as_text(meaning)} |")
        lines.append("")
    return "\n".join(lines)


def code(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


def as_text(text: str) -> str:
    """Return help text as Markdown: nothing in a help text is markup, except backquotes."""
    return re.sub(r"([\\*_<|\[])", r"\\\1", text)
