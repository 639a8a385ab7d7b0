"""Features <-> the engine: run t-SNE on them, take a stored t-SNE up again, judge the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featscape.errors import InputError
from featscape.filenames import printable
from featscape.records import Embedding, Neighbors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from featscape.mapfolder import Map
    from featscape.progress import Progress
    from featscape.tsne import TSNE

N_AGREEING = 5  # neighbours that vote on an item's label

# Of TSNE's parameters those that a map does not store; the seed stands there as "seed".
_NOT_STORED = {"callback", "random_state"}


def check_perplexity(perplexity: float, n_items: int) -> None:
    """Raise InputError unless t-SNE can hold `perplexity`: its own rule, before the long work."""
    from featscape.tsne.parameters import count_neighbors

    count_neighbors(perplexity, n_items=n_items, n_neighbors=None)


def embed(
    values: NDArray[np.float32], *, perplexity: float, seed: int, progress: Progress
) -> Embedding:
    """Run t-SNE, and show its iterations.

    Parameters
    ----------
    values : ndarray of float32, shape (n, d)
    perplexity : float
    seed : int
    progress : Progress
    """
    from featscape.tsne import TSNE

    tsne = TSNE(perplexity=perplexity, random_state=seed)
    with progress.task("t-SNE", total=tsne.max_iter, unit="iterations") as advance:
        done = 0

        def show(iteration: int, _kl_divergence: float, _embedding: object) -> None:
            nonlocal done
            advance(iteration - done)
            done = iteration

        tsne.set_params(callback=show).fit(values)
        advance(tsne.max_iter - done)  # it may have converged before the last
    parameters = tsne.get_params()
    stored = {name: parameters[name] for name in parameters if name not in _NOT_STORED}
    return Embedding(
        positions=tsne.embedding_,
        kl_divergence=float(tsne.kl_divergence_),
        n_iter=int(tsne.n_iter_),
        parameters={"seed": seed, **stored},
        neighbors=Neighbors(tsne.neighbors_indices_, tsne.neighbors_distances_),
    )


def load_tsne(made: Map) -> TSNE:
    """Return the t-SNE of a finished map, so that its `transform` can place new images there.

    Parameters
    ----------
    made : Map
        From `open_map` or `make_map`.

    Returns
    -------
    TSNE
        As it was fitted; ``transform`` takes features of the map's own model, shape (m, d), and
        returns their places, shape (m, 2).

    Raises
    ------
    InputError
        If the map's run.json lacks a parameter: today's default would be a guess.
    """
    from featscape.tsne import TSNE

    stored = made.run["parameters"]
    names = TSNE().get_params().keys() - _NOT_STORED
    missing = sorted({"seed", *names} - stored.keys())
    if missing:
        raise InputError(
            f"the run.json of {printable(made.folder)} must hold every parameter of its t-SNE; it "
            f"lacks {', '.join(missing)}. Make the map again with --force."
        )
    tsne = TSNE(**{name: stored[name] for name in names}, random_state=stored["seed"])
    return tsne.restore(made.features, made.positions, made.neighbors)


def measure_agreement(
    values: NDArray[np.float32], labels: Sequence[str] | None
) -> dict[str, Any] | None:
    """Return how often an item's nearest neighbours in the features share its label.

    Parameters
    ----------
    values : ndarray of float32, shape (n, d)
    labels : sequence of str or None

    Returns
    -------
    dict or None
        "n_neighbors", "overall" and "by_class", as run.json holds them; None without labels.
    """
    if labels is None:
        return None
    from featscape.tsne.quality import label_agreement

    n_neighbors = min(N_AGREEING, len(values) - 1)
    agreement = label_agreement(values, labels, n_neighbors=n_neighbors)
    return {
        "n_neighbors": n_neighbors,
        "overall": agreement.overall,
        "by_class": dict(agreement.by_class),
    }
