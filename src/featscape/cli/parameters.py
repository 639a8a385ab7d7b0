"""The arguments and options of the commands, in the form that Typer reads."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin

import typer
from typer.core import TyperCommand

from featscape.cli.console import choose_progress_bar
from featscape.keywords import describe
from featscape.options import EmbeddingOptions

if TYPE_CHECKING:
    from featscape.keywords import Help

Options = TypeVar("Options", bound=EmbeddingOptions)
Command = Callable[..., None]

# the sections of --help, with the options of maps; all other options are in "Options"
SECTIONS = {
    "Source": "images labels columns checked vector_column limit path_column label_column "
    "max_megapixels white",
    "Network": "model weights layers pool precision batch_size",
    "t-SNE": "perplexity exaggeration n_components n_landmarks",
    "Pictures and page": "title caption names dark size_px thumbnail_px page_images",
}

MapFolder = Annotated[Path, typer.Argument(metavar="MAP", help="A map folder.")]
DemoOutput = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="The map folder to write.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the map at the output folder.")]
OpenPage = Annotated[
    bool, typer.Option("--open", help="Explore the new map in the browser: featscape serve.")
]
Port = Annotated[
    int | None,
    typer.Option(metavar="N", help="The port.  [default: the first free port from 8000]"),
]
Host = Annotated[str, typer.Option(metavar="HOST", help="The network interface; 0.0.0.0 for all.")]
PublicUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The address at which a reverse proxy offers the page, such as "
        "https://maps.example.org.",
    ),
]
MapModel = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The network of the map, if it is MODULE:FACTORY or an ONNX file: featscape loads "
        "such a network only if you name it.",
    ),
]
MapWeights = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The file with the weights of the map.")
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only print the address.")]
Originals = Annotated[
    str | None,
    typer.Option(
        metavar="LOCATION",
        help="The folder, file or address of the original images, if the images have moved or "
        "someone else made the map.",
    ),
]
Destination = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="DEST",
        help="The folder, file or dataset to write. --force replaces an earlier export.",
    ),
]
ExportFormat = Annotated[
    Literal["site", "tensorboard", "embedding-atlas", "fiftyone"],
    typer.Option("--format", help="What to write.", show_default=True),
]
ForceExport = Annotated[bool, typer.Option("--force", help="Replace the export at DEST.")]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The file to write.  [default: NAME-report.html beside the map NAME-map]",
    ),
]
ForceReport = Annotated[bool, typer.Option("--force", help="Replace the report at FILE.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object.")]
AsCsv = Annotated[
    bool, typer.Option("--csv", help="Write a table with one row per finding and item.")
]
Query = Annotated[
    str | None, typer.Argument(metavar="QUERY", help="What the images show, in English.")
]
QueryImage = Annotated[
    Path | None, typer.Option("--image", metavar="FILE", help="Find images similar to this image.")
]
Names = Annotated[
    str, typer.Option("--names", metavar="NAME,NAME...", help="The names, separated by commas.")
]
Template = Annotated[
    str, typer.Option(metavar="TEXT", help="The text for a name, with {} in its place.")
]
MaxImages = Annotated[int, typer.Option("-k", metavar="N", help="Print at most N images.")]
MatchesAsCsv = Annotated[
    bool, typer.Option("--csv", help="Write a table: id, path, and probability or similarity.")
]
Pattern = Annotated[
    str | None,
    typer.Argument(metavar="PATTERN", help="A part of the name, or the whole name with * and ?."),
]
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="The network, as for map --model.")]
Depth = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Show nested layers down to level N.  [default: 2, or all levels with --json]",
    ),
]


class SectionedCommand(TyperCommand):
    """A command whose help has sections of options."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections to the formatter."""
        for title, options in list_sections(self, ctx).items():
            with formatter.section(title):
                formatter.write_dl(options)


def list_sections(command: TyperCommand, context: Any) -> dict[str, list[tuple[str, str]]]:
    """Return the form and the help of each parameter of a command, by section."""
    titles = ("Arguments", "Options", *SECTIONS)
    sections: dict[str, list[tuple[str, str]]] = {title: [] for title in titles}
    for parameter in command.get_params(context):
        title = "Arguments" if parameter.param_type_name == "argument" else "Options"
        record = parameter.get_help_record(context)
        if record is not None:
            sections[getattr(parameter, "rich_help_panel", None) or title].append(record)
    return {title: parameters for title, parameters in sections.items() if parameters}


def takes_options(options: type[Options]) -> Callable[[Callable[[Options, bool], None]], Command]:
    """Add the fields of a dataclass, and --open, to a command as arguments and options."""

    def decorate(command: Callable[[Options, bool], None]) -> Command:
        @wraps(command)
        def run(*, open_page: bool, **given: Any) -> None:
            command(options(**given, progress=choose_progress_bar()), open_page)

        described = [(option, text) for option, text in describe(options) if text.on_command_line]
        parameters = [_as_typer(option, text) for option, text in described]
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter("open_page", kind, default=False, annotation=OpenPage))
        vars(run)["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _as_typer(option: inspect.Parameter, text: Help) -> inspect.Parameter:
    """Return the command-line parameter of an option."""
    kinds = get_args(option.annotation)
    is_list, is_path = list[str] in kinds, any(get_origin(kind) is os.PathLike for kind in kinds)
    is_number_or_name = float in kinds and any(get_origin(kind) is Literal for kind in kinds)
    kind = list[str] | None if is_list else option.annotation
    if option.default is inspect.Parameter.empty:
        kind, setting = str, typer.Argument(metavar=text.metavar, help=text.text)
    else:
        kind = str | None if is_path and not is_list else float if is_number_or_name else kind
        flag = text.flag or f"--{option.name.replace('_', '-')}"
        words = text.text if text.default is None else f"{text.text}  [default: {text.default}]"
        flags = (flag, "-o") if flag == "--output" else (flag,)
        parser = _parse_number_or_name if is_number_or_name else None
        section = next(
            (one for one, names in SECTIONS.items() if option.name in names.split()), None
        )
        setting = typer.Option(
            *flags, metavar=text.metavar, help=words, parser=parser, rich_help_panel=section
        )
    return option.replace(annotation=Annotated[kind, setting], kind=inspect.Parameter.KEYWORD_ONLY)


def _parse_number_or_name(text: str) -> float | str:
    """Return text as a number if it is one; the options check names such as "auto"."""
    try:
        return float(text)
    except ValueError:
        return text
