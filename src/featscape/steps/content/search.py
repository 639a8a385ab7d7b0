"""Search a map for a word, a text or an image."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from featscape.defaults import INSTALLED_MODEL
from featscape.errors import InputError
from featscape.mapfolder.words_file import read_recognized
from featscape.printable_names import printable
from featscape.records import Match, ModelCard
from featscape.steps.placement import load_image_encoder
from featscape.words import Similarities, check_query, match, rank

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from featscape.collection import OneImage
    from featscape.features import TextEncoder
    from featscape.mapfolder.read import Map
    from featscape.progress import Progress


def explain_no_texts(
    run: Mapping[str, Any], *, model: str | None = None, weights: str | Path | None = None
) -> str | None:
    """Return why a map cannot be compared with texts, with the remedy; None if it can.

    Nothing that only the map names is imported or opened.

    Parameters
    ----------
    run : mapping
        The contents of the map's run.json.
    model, weights : optional
        The names that the user gives.
    """
    from featscape.features import explain_refusal, has_text_encoder

    card = None if run["model"] is None else ModelCard(**run["model"])
    if card is None or not has_text_encoder(card):
        return (
            "the network of this map has no text tower, so images cannot be compared with a text: "
            "make the map with a network of open_clip, without --layer."
        )
    return explain_refusal(card, model=model, weights=weights)


class Searcher:
    """Searches one map, any number of times.

    The first search that needs the network, its text tower or the features loads them.

    Parameters
    ----------
    made : Map
        The result of `open_map`.
    model, weights, device
        The network of the map, as for `open_placer`. Not needed for a search for words.
    progress : Progress, optional
        Shows the download of weights.
    """

    def __init__(
        self,
        made: Map,
        *,
        model: str | None = None,
        weights: str | Path | None = None,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> None:
        self._made = made
        self._model = model
        self._weights = weights
        self._device = device
        self._progress = progress

    def search(
        self,
        query: str | None = None,
        *,
        image: OneImage | None = None,
        k: int | None = None,
    ) -> Match:
        """Return the items that match a query or an image, the best first.

        Parameters
        ----------
        query : str, optional
            With a network of open_clip, any text: its text tower encodes the text. Otherwise words
            that the network recognizes: see `featscape.words.match`.
        image : path, binary file, bytes, Pillow image or array, optional
            An image instead of a query, as for `featscape.steps.placement.as_file`.
        k : int, optional
            The largest number of items. By default all; for words, all with a probability of at
            least .01.

        Raises
        ------
        InputError
            If there is not exactly one of `query` and `image`, if k is below 1, if the query is
            empty or too long or names a column, if a word is unknown or the map has neither words
            nor a text tower, or if the image cannot be read.
        ImageError
            If `image` is an open file that cannot be decoded.
        ModelError, DeviceError, MissingExtra
            If the network of the map cannot be loaded.
        """
        if k is not None and k < 1:
            raise InputError(f"-k (k=) must be at least 1 image; got {k}. Use for example -k 10.")
        if (query is None) == (image is None):
            given = "both" if query is not None else "neither"
            raise InputError(
                f"a search needs either a query or an image; got {given}. Give QUERY or "
                "--image FILE (image=)."
            )
        if image is not None:
            return rank(self._similarities.to(self._encode_image(image)), k=k)
        query = query or ""
        check_query(query)
        _refuse_columns(self._made, query)
        if self.has_text_encoder:
            return rank(self.similarities_to(query), k=k)
        return _match_words(self._made, query, k=k)

    @cached_property
    def has_text_encoder(self) -> bool:
        """Whether the network of the map encodes texts."""
        from featscape.features import has_text_encoder

        return has_text_encoder(self._card)

    def similarities_to(self, text: str) -> NDArray[np.float32]:
        """Return the cosine similarity of each item to a text, shape (n,).

        Raises
        ------
        ModelError, MissingExtra
            If the text tower of the map cannot be loaded.
        """
        return self._similarities.to(self.text_encoder.encode([text])[0])

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """The text tower of the network of the map; raises ModelError if it cannot be loaded."""
        from featscape.features import load_text_encoder

        if self._card is None:
            raise InputError(_made_of_features(self._made))
        return load_text_encoder(
            self._card, model=self._model, weights=self._weights, progress=self._progress
        )

    @cached_property
    def _card(self) -> ModelCard | None:
        model = self._made.run["model"]
        return None if model is None else ModelCard(**model)

    @cached_property
    def _similarities(self) -> Similarities:
        return Similarities(self._made.features)

    @cached_property
    def _encode_image(
        self,
    ) -> Callable[[OneImage], NDArray[np.float32]]:
        return load_image_encoder(
            self._made, model=self._model, weights=self._weights, device=self._device
        )


def _refuse_columns(made: Map, query: str) -> None:
    """Raise InputError for column:value, a query of the page."""
    name, colon, _ = query.strip().partition(":")
    name = name.strip('"').casefold()
    if colon and name in {"label", "path", *(column.casefold() for column in made.columns)}:
        raise InputError(
            "featscape search (search()) compares a query with what the images show, not with "
            f"paths, labels and columns; got {printable(repr(query))}. Give the query to the page: "
            f"featscape serve {printable(str(made.folder))}."
        )


def _match_words(made: Map, query: str, *, k: int | None) -> Match:
    """Return the items in which the classifier of the map recognizes what a query names."""
    recognized = read_recognized(made.folder, n_items=len(made))
    if recognized is None and made.paths is None:
        raise InputError(_made_of_features(made))
    if recognized is None:
        raise InputError(
            "a search for words needs a map with the words of an ImageNet classifier, or with a "
            f"network of open_clip; {printable(str(made.folder))} has neither. Make the map again "
            "with --force, with a network of torchvision, timm or open_clip, or "
            f"{INSTALLED_MODEL}, and without --layer; or give --image FILE (image=)."
        )
    return match(query, recognized, k=k)


def _made_of_features(made: Map) -> str:
    return (
        f"a search needs a map of images; {printable(str(made.folder))} was made of features, "
        "without a network. Make a map of the images with featscape map."
    )
