"""The commands about what the images show."""

# ruff: noqa: D301 - a backspace makes Typer keep the line breaks of a paragraph

from __future__ import annotations

import typer

from featscape.cli.console import choose_progress_bar, is_terminal, show
from featscape.cli.parameters import (  # noqa: TC001 - Typer reads the annotations
    MapFolder,
    MapModel,
    MapWeights,
    MatchesAsCsv,
    MaxImages,
    Names,
    Query,
    QueryImage,
    Template,
)
from featscape.defaults import NAME_TEMPLATE


def search(
    folder: MapFolder,
    query: Query = None,
    *,
    image: QueryImage = None,
    k: MaxImages = 50,
    as_csv: MatchesAsCsv = False,
    model: MapModel = None,
    weights: MapWeights = None,
) -> None:
    """Find images of a map by a word, a text or an image.

    With a network of open_clip, QUERY is any text, and the result lists the cosine similarity of
    each image to the text. With other networks, QUERY names what the network recognizes: the words
    are the 1,000 classes of ImageNet and their more general terms, so that "dog" finds every breed
    and "animal" finds every animal. The result lists the probability of the word, and no network
    runs. With --image, the result lists the cosine similarity to the features of an image.

    The page of featscape serve also searches paths, labels and columns, for example label:cat.

    \b
    Examples:
      featscape search photos-map dog
      featscape search photos-map "sports car" -k 10
      featscape search photos-map bird --csv > birds.csv
      featscape search photos-map --image new.jpg
      featscape search clip-map "a red car at night"
    """
    from featscape.cli.screens import search_report
    from featscape.mapfolder.read import open_map
    from featscape.steps.content.search import Searcher

    made = open_map(folder)
    searcher = Searcher(made, model=model, weights=weights, progress=choose_progress_bar())
    found = searcher.search(query, image=image, k=k)
    if as_csv:
        table = search_report.as_csv(made, found, for_terminal=is_terminal())
        typer.echo(table, nl=False, color=True)  # no name is shortened
    else:
        show(search_report.describe(made, found, query=query or ""))


def classify(
    folder: MapFolder,
    *,
    names: Names,
    template: Template = NAME_TEMPLATE,
    model: MapModel = None,
    weights: MapWeights = None,
) -> None:
    """Label each image with the most similar of several names, without training.

    The map must have been made with a network of open_clip. Its text tower encodes each name, and
    an image gets the most similar name (zero-shot classification). The names and their
    probabilities become two columns of items.parquet and of the page, "zero-shot label" and
    "zero-shot probability"; another call replaces these columns.

    \b
    Examples:
      featscape classify clip-map --names cat,dog,horse
      featscape classify clip-map --names cat,dog --template "a drawing of a {}"
    """
    from featscape.cli.screens import search_report
    from featscape.steps.content.classification import classify_map

    found = classify_map(
        folder,
        names.split(","),
        template=template,
        model=model,
        weights=weights,
        progress=choose_progress_bar(),
    )
    show(search_report.count_names(found))
