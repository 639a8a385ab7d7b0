"""Encode texts with the text tower of the network of a map."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import ModelError
from featscape.features.cache_folder import (
    DamagedEntryError,
    cache_folder,
    read_entry,
    write_entry,
)
from featscape.features.map_network import check_loadable
from featscape.features.zoo.architecture import OUTPUT
from featscape.features.zoo.libraries import open_clip
from featscape.files.regular import hash_file
from featscape.printable_names import printable
from featscape.progress import SilentProgress, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import torch
    from numpy.typing import NDArray

    from featscape.progress import Progress
    from featscape.records import ModelCard

_TEXTS_AT_ONCE = 128  # 1 to 6 s on two cores for short texts with CLIP's ViT-B-32
_VECTORS = "vectors.npy"


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """A text tower that is ready for inference on the CPU.

    Attributes
    ----------
    tokenize : callable
        t texts -> tensor of int, shape (t, length).
    encode_tokens : callable
        Tensor of int, shape (t, length) -> tensor of float, shape (t, d).
    scale : float
        The factor of the cosine similarities in the softmax over texts: exp(logit_scale).
    n_features : int
        The number of features of the map, d.
    shorten : callable
        Tensor of tokens -> the number of tokens that the tower needs: see `shorten_text_tower`.
    """

    tokenize: Callable[[Sequence[str]], torch.Tensor]
    encode_tokens: Callable[[torch.Tensor], torch.Tensor]
    scale: float
    n_features: int
    shorten: Callable[[torch.Tensor], int]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, which are comparable with the features of the map.

        Parameters
        ----------
        texts : sequence of str, length t

        Returns
        -------
        ndarray of float32, shape (t, d)
            Each row has the norm 1.

        Raises
        ------
        ModelError
            If the vectors have another length than the features, as in a damaged map.
        """
        return self.encode_blocks(_in_blocks(self.tokenize(list(texts))))

    def encode_blocks(
        self, blocks: Iterable[torch.Tensor], *, advance: Callable[[int], object] = lambda _: None
    ) -> NDArray[np.float32]:
        """Return the vectors of blocks of texts that are given as tokens.

        Parameters
        ----------
        blocks : iterable of tensor of int, shape (t, length)
        advance : callable
            Called with the number of texts after each block.
        """
        import torch

        encoded_blocks = []
        with torch.inference_mode():
            for tokens in blocks:
                vectors = self.encode_tokens(tokens).float()
                encoded_blocks.append(torch.nn.functional.normalize(vectors, dim=-1).numpy())
                advance(len(tokens))
        encoded = np.concatenate(encoded_blocks)
        if encoded.shape[1] != self.n_features:
            raise ModelError(
                f"texts must be encoded as {self.n_features:,} numbers, like the images of the "
                f"map; the network of the map returns {encoded.shape[1]:,}, so run.json names "
                "another network. Make the map again with --force (force=True)."
            )
        return encoded


def has_text_encoder(card: ModelCard | None) -> bool:
    """Return whether the features of a map are comparable with texts. Nothing is imported.

    Parameters
    ----------
    card : ModelCard or None
        None for a map of features.
    """
    return card is not None and card.name.startswith(open_clip.PREFIX) and card.layer == OUTPUT


def load_text_encoder(
    card: ModelCard,
    *,
    model: str | None = None,
    weights: str | Path | None = None,
    progress: Progress | None = None,
) -> TextEncoder:
    """Load the text tower of the network of a map, which may come from an untrusted source.

    Parameters
    ----------
    card : ModelCard
        Card of the map, with a text tower: see `has_text_encoder`.
    model, weights : optional
        The names that the user gives, as for `load_for_map`.
    progress : Progress, optional
        Shows the download of weights.

    Raises
    ------
    ModelError
        If the map names weights that the user must give, or if the weights are missing or are not
        the weights of the map.
    InputError, MissingExtra
        As `load_network` does.
    """
    check_loadable(card, model=model, weights=weights)
    network, tokenize, path = open_clip.build_text_tower(
        card.name.removeprefix(open_clip.PREFIX),
        weights=None if weights is None else Path(weights),
        progress=progress or SilentProgress(),
    )
    if hash_file(path) != card.weights_sha256:
        raise ModelError(
            f"a query must be encoded with the weights of the map, whose SHA-256 is "
            f"{printable(card.weights_sha256)}; {path} has another SHA-256. Give the right file "
            "with --weights (weights=), or make the map again with --force (force=True)."
        )
    network.eval().requires_grad_(requires_grad=False)
    del network.visual  # half of the memory
    return TextEncoder(
        tokenize,
        network.encode_text,  # type: ignore[arg-type]
        scale=float(network.logit_scale.exp()),  # type: ignore[operator]  # a parameter
        n_features=card.n_features,
        shorten=partial(open_clip.shorten_text_tower, network),
    )


def encode_names(
    card: ModelCard,
    texts: Sequence[str],
    *,
    weights: str | Path | None,
    progress: Progress | None,
) -> NDArray[np.float32]:
    """Return the vectors of many short texts, times the factor that the network learned.

    The vectors are cached for each file of weights, because thousands of texts take minutes.

    Parameters
    ----------
    card : ModelCard
        Card of the map, with a text tower: see `has_text_encoder`.
    texts : sequence of str
    weights : path or None
        As for `load_text_encoder`.
    progress : Progress or None
        Shows the encoded texts, and reports that the vectors cannot be cached.

    Returns
    -------
    ndarray of float32, shape (t, d)
        Each row has the norm `TextEncoder.scale`.

    Raises
    ------
    ModelError, InputError, MissingExtra
        As `load_text_encoder` does.
    """
    progress = progress or SilentProgress()
    facts = json.dumps([card.name, card.weights_sha256, list(texts)])
    name = f"texts-{hashlib.sha256(facts.encode()).hexdigest()[:32]}"
    try:
        folder = read_entry(name)
    except DamagedEntryError as error:
        progress.note(f"the cached vectors of texts are damaged and are computed again: {error}")
        folder = None
    if folder is not None:
        cached: NDArray[np.float32] = np.load(folder / _VECTORS)
        return cached
    encoder = load_text_encoder(card, weights=weights, progress=progress)
    vectors = _encode_short_texts(encoder, texts, progress) * np.float32(encoder.scale)
    try:
        write_entry(name, lambda made: np.save(made / _VECTORS, vectors))
    except OSError as error:
        progress.note(
            f"the vectors of texts cannot be cached in {cache_folder()}: {error.strerror}"
        )
    return vectors


def _encode_short_texts(
    encoder: TextEncoder, texts: Sequence[str], progress: Progress
) -> NDArray[np.float32]:
    """Encode the longest texts first: the tower is shortened for each block of texts."""
    tokens = encoder.tokenize(list(texts))
    order = tokens.argmax(dim=1).argsort(descending=True, stable=True)  # by the end token
    shortened = (block[:, : encoder.shorten(block)] for block in _in_blocks(tokens[order]))
    with progress.task(Task("Encoding names", len(texts), unit="names")) as advance:
        encoded = encoder.encode_blocks(shortened, advance=advance)
    vectors = np.empty_like(encoded)
    vectors[order.numpy()] = encoded
    return vectors


def _in_blocks(tokens: torch.Tensor) -> Iterator[torch.Tensor]:
    for start in range(0, len(tokens), _TEXTS_AT_ONCE):
        yield tokens[start : start + _TEXTS_AT_ONCE]
