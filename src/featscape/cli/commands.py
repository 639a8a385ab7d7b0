"""The command line: parse, call, print. All else is in `pipeline`."""

# ruff: noqa: D301 - a backspace tells Typer to leave the lines of a paragraph as they are

from __future__ import annotations

import inspect
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import wraps
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeVar, cast, get_args, get_origin

import typer

from featscape import __version__
from featscape.cli.process import EndingSignals, LenientStream, ResultStream, open_closed_streams
from featscape.errors import FeatscapeError, InputError
from featscape.keywords import describe
from featscape.options import EmbeddingOptions, FeatureMapOptions, MapOptions
from featscape.printable_names import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from featscape.keywords import Help
    from featscape.mapfolder.read import Map
    from featscape.progress import Progress

MISTAKE = 2  # the caller's; everything else that goes wrong is 1, or 128 + the signal
INTERRUPTED = 130  # what Typer makes of Ctrl-C
_WIDTH_OF_FILES = 1_000  # columns where there is no terminal: what is written there is not wrapped

Options = TypeVar("Options", bound=EmbeddingOptions)
Command = Callable[..., None]

app = typer.Typer(
    name="featscape",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def takes_options(options: type[Options]) -> Callable[[Callable[[Options], None]], Command]:
    """Give a command the arguments and options that the fields of a dataclass describe."""

    def decorate(command: Callable[[Options], None]) -> Command:
        @wraps(command)
        def run(**given: Any) -> None:
            command(options(**given, progress=_progress()))

        described = [(one, text) for one, text in describe(options) if text.on_command_line]
        parameters = [_as_typer(one, text) for one, text in described]
        vars(run)["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate


def _as_typer(option: inspect.Parameter, text: Help) -> inspect.Parameter:
    """Return the command-line parameter of an option."""
    kinds = get_args(option.annotation)
    is_list, is_path = list[str] in kinds, any(get_origin(kind) is os.PathLike for kind in kinds)
    kind = list[str] | None if is_list else option.annotation
    if option.default is inspect.Parameter.empty:
        kind, setting = str, typer.Argument(metavar=text.metavar, help=text.text)
    else:
        kind = str | None if is_path else kind
        flag = text.flag or f"--{option.name.replace('_', '-')}"
        words = text.text if text.default is None else f"{text.text}  [default: {text.default}]"
        flags = (flag, "-o") if flag == "--output" else (flag,)
        setting = typer.Option(*flags, metavar=text.metavar, help=words)
    return option.replace(annotation=Annotated[kind, setting], kind=inspect.Parameter.KEYWORD_ONLY)


DemoOutput = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="The map folder to write.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the map at the output folder.")]


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's protocol for a flag
    if wanted:
        typer.echo(f"featscape {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    context: typer.Context,
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """See an image dataset the way a neural network sees it.

    A pretrained network turns each image into features; t-SNE lays the images out on a plane so
    that those with like features stand together; featscape draws the plane twice, as points
    colored by class and as a map made of the images themselves.

    \b
    Examples:
      featscape demo               a first map, without images or a network
      featscape map photos         your own, a folder for each class
      featscape serve photos-map   walk through it in the browser
      featscape info photos-map    how that map was made, what was skipped

    \b
    Exit status:
      0  done, also where some images had to be skipped
      2  a mistake in the call or its input, a full disk; one line says what to do
      1  anything else
      128 + N  signal N ended the run; after Ctrl-C 130
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("map")
@takes_options(MapOptions)
def make_map(options: MapOptions) -> None:
    """Make the map of a folder of images, or of another source.

    The first folder below SOURCE is an image's class, however deep the file lies; folders named
    train, val and test may stand above the classes. A flat folder has no classes. Files that
    cannot be read are skipped, counted, and listed in the map's run.json with the reason.

    SOURCE may also be a manifest: a CSV, TSV, JSON-lines or Parquet file with a column of paths.
    Its other columns go with the map, and so do those of a metadata.csv beside the images. Or it
    holds the images itself: .zip, .tar, Parquet, .npz, .npy, IDX. An address will do for each.

    Several layers give a map each: with -o photos-map, photos-layer3-map and photos-layer4-map.

    A run that was cut off, by Ctrl-C, a crash or a full disk, continues when it is called again;
    what is done lies in .NAME-map.partial. Features of images that are in the map at DIR already,
    or in one of SOURCE beside it, are not computed again.

    \b
    Examples:
      featscape map photos
      featscape map birds.csv --label-column species
      featscape map photos --limit 500 -o sample-map
      featscape map photos --model efficientnet_lite0    no download
      featscape map photos --layer layer3 --layer layer4    two maps
      featscape map photos --force                       computes new images only
      featscape map photos --perplexity 10 -o ten-map    computes no features
      featscape map s3://bucket/photos --engine ray --landmarks 1000000
    """
    from featscape import pipeline

    for made in pipeline.make_maps(options):
        _print_summary(made)


@app.command()
def demo(output: DemoOutput = Path("digits-map"), *, force: Force = False) -> None:
    """Make a map of 500 handwritten digits, offline.

    The digits are scikit-learn's and the network is efficientnet_lite0, whose weights come
    installed: nothing is downloaded.

    \b
    Example:
      featscape demo -o digits-map
    """
    from featscape.demo import make_demo

    _print_summary(make_demo(output, force=force, progress=_progress()))


@app.command()
@takes_options(FeatureMapOptions)
def embed(options: FeatureMapOptions) -> None:
    """Make the map of features made elsewhere.

    It has the scatter plot, and no map made of images.

    \b
    Examples:
      featscape embed features.npy
      featscape embed features.npy --labels labels.txt -o words-map
    """
    from featscape import pipeline

    _print_summary(pipeline.embed_features(options))


@app.command()
def serve(
    folder: Annotated[Path, typer.Argument(metavar="MAP", help="A map folder.")],
    *,
    port: Annotated[
        int | None,
        typer.Option(metavar="N", help="The port.  [default: the first free one from 8000 on]"),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="The interface; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The network of the map, if it is MODULE:FACTORY or an ONNX file.",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The weights of the map, if they are a file."),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
    originals: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="The folder, file or address of the original images, if they have moved or "
            "someone else made the map.",
        ),
    ] = None,
) -> None:
    """Show a map in the browser, to walk through.

    The page has the original images, search, ZIP archives of what one selects, and takes new
    images: each falls where its like are. It ends with Ctrl-C, and needs no network.

    Original images are read if you made the map on this computer. For a map from someone else, or
    if the images have moved, name their place with --originals.

    By default only this machine is answered. With another --host the address holds a token, and
    whoever has it may see all images of the map.

    A map may come from a stranger, and code or files that it names are never loaded. To place
    images on a map of a network of your own, give the network again with --model.

    \b
    Examples:
      featscape serve photos-map
      featscape serve photos-map --host 0.0.0.0 --port 8080 --no-browser
      featscape serve photos-map --model networks:mine
      featscape serve photos-map --originals /mnt/photos
    """
    from featscape.app import serve as run
    from featscape.app.server.shutdown import leave_process

    run(
        folder,
        host=host,
        port=port,
        model=model,
        weights=weights,
        open_browser=not no_browser,
        originals=originals,
        say=typer.echo,
    )
    leave_process()


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="MAP", help="A map folder.")],
    *,
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="The folder to write: new, or empty.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace the site at DIR.")] = False,
) -> None:
    """Write the interactive map as a static site.

    Put the folder on any web server: it needs no program there, and of a map of a million images
    the page reads only what one looks at. Opened from disk it shows nothing, for browsers let no
    page read files; the map's own map.html is for that.

    \b
    Examples:
      featscape export photos-map --to photos-site
      python -m http.server --directory photos-site    to look at it here
    """
    from featscape.steps.drawing import export_site

    export_site(folder, to, force=force, progress=_progress())
    typer.echo(f"Wrote the site {printable(to)}/")


@app.command()
def info(
    folder: Annotated[Path, typer.Argument(metavar="MAP", help="A map folder.")],
) -> None:
    """Show what a map holds, how it was made, and what was skipped.

    \b
    Example:
      featscape info photos-map
    """
    from featscape.cli import report
    from featscape.mapfolder.read import open_map

    _show(report.describe(open_map(folder)))


@app.command()
def models(
    pattern: Annotated[
        str | None,
        typer.Argument(metavar="PATTERN", help="A part of the name; with * and ? the whole."),
    ] = None,
) -> None:
    """List the networks, or search them.

    For each: how many numbers its features are, the side of the images that it sees, how many
    parameters it has, the names of its weights, and whether the first of them are on this disk
    already. Nothing is downloaded.

    \b
    Examples:
      featscape models                   how many there are, and a few of them
      featscape models dinov2            those with dinov2 in their name
      featscape models 'timm:vit_small*'
    """
    from featscape.cli import report
    from featscape.features import list_models

    if pattern is None:
        _show(report.describe_models(list_models()))
        return
    found = list_models(pattern)
    if not found:
        raise InputError(
            f"a pattern must be in the name of a network; {pattern!r} is in none. "
            "Try a shorter one: featscape models vit"
        )
    _show(report.describe_entries(found))


@app.command()
def layers(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As map takes it with --model.")],
    *,
    depth: Annotated[
        int, typer.Option(metavar="N", min=1, help="Show layers within layers N deep.")
    ] = 2,
) -> None:
    """Show the layers of a network, for map --layer.

    Each stands with its shape, that is with what it gives of an image. A map has its channels
    first, c x h x w, or in some networks last; --pool makes c numbers of it. Tokens are n x c.
    The weights are not needed, and nothing is downloaded.

    \b
    Examples:
      featscape layers resnet101
      featscape layers timm:vit_small_patch14_dinov2.lvd142m --depth 3
      featscape layers exported/net.onnx
    """
    from featscape.cli import report
    from featscape.features import list_layers

    _show(report.describe_layers(list_layers(model), depth=depth))


def main() -> None:
    """Run the command line, and translate every error that featscape raises on purpose."""
    signals = EndingSignals()
    signals.install()
    open_closed_streams()
    if isinstance(sys.stdout, TextIOWrapper):  # a class's name may not be in the screen's encoding
        sys.stdout.reconfigure(errors="backslashreplace")
    # Pillow warns of damage that it reads over, such as bad EXIF data; the image itself is whole
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    error, output = LenientStream(sys.stderr), ResultStream(sys.stdout)
    with redirect_stderr(cast("TextIO", error)), redirect_stdout(cast("TextIO", output)):
        try:
            status = _run()
        except KeyboardInterrupt:  # outside of Typer, which catches its own
            status = INTERRUPTED
        signals.finish()
        if status == INTERRUPTED:
            number = signals.received or signal.SIGINT
            is_key = number == signal.SIGINT
            _say("interrupted." if is_key else f"stopped by {signal.Signals(number).name}.")
            status = 128 + number
    sys.exit(status)


def _run() -> int:
    """Run the command, and return the exit status."""
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        _say(error.format_message())
        return MISTAKE
    except FeatscapeError as error:
        _say(str(error))
        return MISTAKE
    except BrokenPipeError:  # of the last flush; Typer catches the others
        return 1
    return int(status or 0)


def _print_summary(made: Map) -> None:
    from featscape.cli import report

    _show(report.summarize(made))


def _say(message: str) -> None:
    """Print one line to the standard error, whatever a file's name may hold."""
    print(f"featscape: {printable(message)}", file=sys.stderr)  # noqa: T201 - this is the screen


def _show(what: RenderableType) -> None:
    """Print to the standard output; without the blanks that fill a table's lines, in a file."""
    console = _console()
    if console.is_terminal:
        console.print(what, crop=False)
        return
    with console.capture() as captured:
        console.print(what, crop=False)
    lines = captured.get().splitlines()
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in lines))


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_FILES
    return console


def _progress() -> Progress:
    from featscape.progress import choose_progress

    return choose_progress(_console(stderr=True))
