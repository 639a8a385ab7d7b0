"""The commands: pass the options to `pipeline` and other packages, and print the result."""

# ruff: noqa: D301 - a backspace makes Typer keep the line breaks of a paragraph

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featscape import __version__
from featscape.cli.console import as_safe_json, choose_progress_bar, is_terminal, show
from featscape.cli.content import classify, search
from featscape.cli.installation import doctor, layers, models
from featscape.cli.parameters import (
    AsCsv,
    AsJson,
    DemoOutput,
    Destination,
    ExportFormat,
    Force,
    ForceExport,
    ForceReport,
    Host,
    MapFolder,
    MapModel,
    MapWeights,
    NoBrowser,
    OpenPage,
    Originals,
    Port,
    PublicUrl,
    ReportFile,
    SectionedCommand,
    takes_options,
)
from featscape.errors import DownloadError, InputError
from featscape.feature_options import FeatureMapOptions
from featscape.options import MapOptions
from featscape.printable_names import printable

if TYPE_CHECKING:
    from featscape.mapfolder.read import Map

app = typer.Typer(
    name="featscape",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer passes the value by position
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

    A pretrained network computes features of each image. t-SNE arranges the images in a plane so
    that images with similar features are close together. featscape draws the plane as a scatter
    plot colored by class, and as a map made of the images.

    \b
    Examples:
      featscape demo               # a first map, without images and offline
      featscape map photos         # a map of your images, one folder per class
      featscape serve photos-map   # explore the map in the browser
      featscape report photos-map  # the findings as one file, for reading
      featscape info photos-map    # how the map was made, and skipped files

    \b
    Exit status:
      0        success, also if some images were skipped
      2        an error in the call or its input, or a full disk
      1        another error
      128 + N  signal N ended the run; Ctrl-C gives 130
               (serve ends with 0)
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("map", cls=SectionedCommand)
@takes_options(MapOptions)
def make_map(options: MapOptions, open_page: bool) -> None:  # noqa: FBT001 - takes_options passes it
    """Make a map of a folder of images, or of another source.

    The class of an image is the first folder below SOURCE that contains it. The folders of the
    classes may be in folders named train, val and test. A flat folder has no classes. Files that
    cannot be read are skipped and listed with the reason in run.json.

    SOURCE may also be a table: a CSV, TSV, JSON-lines or Parquet file with a column of paths.
    The other columns become columns of the map, as do the columns of a file metadata.csv beside
    the images. SOURCE may also be a file of images (.zip, .tar, Parquet, .npz, .npy, IDX), or an
    address.

    With several layers, the command writes one map per layer. The name of the layer becomes part
    of the name of the map.

    To continue an interrupted run, repeat the command; finished features are kept in
    .NAME-map.partial. Features that the map at DIR contains, or another map of SOURCE in the same
    folder, are not computed again: repeat --model if you used it.

    \b
    Examples:
      featscape map photos
      featscape map birds.csv --label-column species
      featscape map photos --limit 500 -o sample-map
      featscape map photos --model efficientnet_lite0     # without a download
      featscape map photos --layer layer3 --layer layer4  # two maps
      featscape map photos --force                        # only new images
      featscape map photos --open                         # opens the page
      featscape map photos --perplexity 10 -o ten-map     # same features
      featscape map s3://bucket/photos --engine ray --landmarks 1000000
    """
    from featscape import pipeline
    from featscape.cli.offer import offer_installed_network

    try:
        maps = pipeline.make_maps(options)
    except DownloadError as error:
        maps = pipeline.make_maps(offer_installed_network(options, error))
    for made in maps:
        _print_summary(made)
    if open_page:
        weights = None if options.weights is None else Path(options.weights)
        _serve(maps[0].folder, model=options.model, weights=weights)


@app.command()
def demo(
    output: DemoOutput = Path("digits-map"), *, force: Force = False, open_page: OpenPage = False
) -> None:
    """Make a map of 500 handwritten digits, offline.

    The digits come with scikit-learn, and the weights of the network efficientnet_lite0 are
    installed with featscape. Nothing is downloaded.

    \b
    Example:
      featscape demo -o digits-map
    """
    from featscape.demo import make_demo

    _print_summary(make_demo(output, force=force, progress=choose_progress_bar()))
    if open_page:
        _serve(output)


@app.command(cls=SectionedCommand)
@takes_options(FeatureMapOptions)
def embed(options: FeatureMapOptions, open_page: bool) -> None:  # noqa: FBT001 - as above
    """Make a map of features that another program computed.

    With --images the map also has the images: thumbnails, pictures, and findings among images.
    Row i of the features belongs to image i of the source: in the order of a table, or of the
    sorted paths of a folder. If a table given with --labels or --columns has a column of paths,
    the paths determine the image of each row. Images that cannot be read are left out, and listed
    with the reason in run.json. In Python, load_tsne places new features on the map.

    FEATURES may also be a safetensors file, or a Parquet file with a column of vectors and a column
    of images, paths or addresses.

    \b
    Examples:
      featscape embed features.npy
      featscape embed features.npy --labels labels.txt -o words-map
      featscape embed features.npy --images photos
      featscape embed features.npy --images photos --columns photos.csv
      featscape embed table.parquet --label-column species
    """
    from featscape import pipeline

    made = pipeline.embed_features(options)
    _print_summary(made)
    if open_page:
        _serve(made.folder)


@app.command()
def serve(
    folder: MapFolder,
    *,
    port: Port = None,
    host: Host = "127.0.0.1",
    model: MapModel = None,
    weights: MapWeights = None,
    no_browser: NoBrowser = False,
    originals: Originals = None,
    public_url: PublicUrl = None,
) -> None:
    """Explore a map in the browser.

    The page shows the original images, finds items by text, downloads selected images as a ZIP
    archive, and places new images next to similar images. The server works offline. Stop it with
    Ctrl-C.

    Original images are read if you made the map on this computer. For a map from someone else, or
    if the images have moved, give their location with --originals.

    By default only this machine can connect. With another --host the address contains a token, and
    everyone who has the address can see all images of the map. The token is random, or that of the
    environment variable FEATSCAPE_TOKEN. Behind a reverse proxy, give the proxy's address with
    --public-url.

    The server never loads code or files that only the map names, because the map may come from an
    untrusted source. To place images on a map of your own network, give the network with --model.

    \b
    Examples:
      featscape serve photos-map
      featscape serve photos-map --host 0.0.0.0 --port 8080 --no-browser
      featscape serve photos-map --model networks:mine
      featscape serve photos-map --originals /mnt/photos
      featscape serve photos-map --port 8177 --public-url https://maps.example.org
    """
    _serve(
        folder,
        host=host,
        port=port,
        model=model,
        weights=weights,
        open_browser=not no_browser,
        originals=originals,
        public_url=public_url,
        token=os.environ.get("FEATSCAPE_TOKEN"),
    )


@app.command()
def export(
    folder: MapFolder,
    *,
    kind: ExportFormat = "site",
    output: Destination,
    force: ForceExport = False,
) -> None:
    """Write a map as a static site, or for another program.

    Any web server can serve a site. The page loads only the visible part of a large map. A
    browser cannot show the site from disk, because pages may not read files; open map.html in the
    map folder instead.

    With --format tensorboard, the output is a folder for the embedding projector of TensorBoard;
    with embedding-atlas, a Parquet file; with fiftyone, a dataset in the database of FiftyOne.

    \b
    Examples:
      featscape export photos-map -o photos-site
      python -m http.server --directory photos-site  # serves the site here
      featscape export photos-map --format tensorboard -o photos-tensorboard
    """
    from featscape.cli.export import check_folder_name, export_map
    from featscape.steps.drawing import export_site

    if kind == "site":
        check_folder_name(folder, output)
        export_site(folder, output, force=force, progress=choose_progress_bar())
        typer.echo(f"Wrote the site {printable(output)}/")
    else:
        typer.echo(f"Next: {export_map(folder, kind, output, force=force)}")


@app.command()
def info(folder: MapFolder, *, as_json: AsJson = False) -> None:
    """Show the contents, the origin and the skipped files of a map.

    With --json, the output is the contents of run.json.

    \b
    Examples:
      featscape info photos-map
      featscape info photos-map --json | jq .agreement.overall
    """
    from featscape.cli.screens import map_report
    from featscape.mapfolder.read import open_map, read_run

    if as_json:
        typer.echo(as_safe_json(read_run(folder)))
    else:
        show(map_report.describe(open_map(folder)))


@app.command()
def findings(folder: MapFolder, *, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List wrong labels, duplicates, images off topic and more.

    "Findings" in the documentation describes each kind of finding and its limits. If the map was
    made with --no-findings, the findings are computed now; no network runs.

    \b
    Examples:
      featscape findings photos-map
      featscape findings photos-map --json > findings.json
      featscape findings photos-map --csv > findings.csv
    """
    from featscape.cli.screens import findings_report
    from featscape.mapfolder.read import open_map
    from featscape.steps.findings import open_findings

    if as_json and as_csv:
        raise InputError("the format must be --json or --csv; got both. Choose one of the two.")
    made = open_map(folder)
    found = open_findings(made)
    if as_json:
        typer.echo(findings_report.as_json(found))
    elif as_csv:
        table = findings_report.as_csv(
            found,
            labels=made.labels,
            splits=made.splits,
            columns=made.columns,
            for_terminal=is_terminal(),
        )
        typer.echo(table, nl=False, color=True)  # no name is shortened
    else:
        show(findings_report.describe(found))


@app.command("report")
def write_report(
    folder: MapFolder, *, output: ReportFile = None, force: ForceReport = False
) -> None:
    """Write the findings of a map as one HTML file.

    The file is for reading and printing. The file shows the most useful findings, the images of
    each kind, and the matrix and the tree of the classes. The file works offline and without
    scripts, and contains copies of the images that it shows.

    \b
    Examples:
      featscape report photos-map  # writes photos-report.html
      featscape report photos-map -o review.html
    """
    from featscape.steps.report import write_report as write

    typer.echo(f"Wrote the report {printable(write(folder, output, force=force))}")


for _command in (search, classify, models, layers, doctor):
    app.command()(_command)


def _serve(folder: Path, **options: Any) -> None:
    """Serve a map until a signal arrives; the options are those of `app.serve`."""
    from featscape.app import serve as run
    from featscape.app.server.shutdown import leave_process

    run(folder, note=typer.echo, **options)
    leave_process()


def _print_summary(made: Map) -> None:
    from featscape.cli.screens import map_report

    show(map_report.summarize(made))
