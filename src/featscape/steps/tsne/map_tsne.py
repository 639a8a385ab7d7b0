"""The t-SNE of a map, which refuses features of another network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featscape.errors import InputError
from featscape.printable_names import printable
from featscape.records import Features
from meshtsne import TSNE  # `load_tsne` imports this module, since the engine takes half a second

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from featscape.records import ModelCard
    from meshtsne import Neighbors

# The entries of a card that determine the features, except the hashes of a user's code
_COMPARED = ("name", "layer", "pool", "precision", "weights_sha256", "preprocessing")
_PRECISIONS = ("fp32", "bf16")  # which give the same features for all sets of images


class MapTSNE(TSNE):
    """The estimator of a map: `load_tsne` sets the attributes.

    Attributes
    ----------
    folder_ : Path
        The map.
    card_ : ModelCard or None
        The network of the map; None if another program computed the features.
    """

    folder_: Path
    card_: ModelCard | None

    def __repr__(self, **_options: Any) -> str:
        n_items = len(self.embedding_)
        folder = printable(self.folder_)
        return f"<TSNE of {folder}: {n_items:,} items, perplexity {self.perplexity:.4g}>"

    def place(self, X: Any) -> tuple[NDArray[np.float32], Neighbors]:
        """Place items as `TSNE.place` does; raises InputError for `Features` of another network."""
        self._check_network(X)
        return super().place(X)

    def nearest(self, X: Any) -> Neighbors:
        """Find items as `TSNE.nearest` does; raises InputError like `place`."""
        self._check_network(X)
        return super().nearest(X)

    def _check_network(self, X: Any) -> None:
        if not isinstance(X, Features) or self.card_ is None:
            return
        for name in _COMPARED:
            given, needed = getattr(X.model, name), getattr(self.card_, name)
            if given != needed:
                raise InputError(
                    f"the features must come from the network of the map {printable(self.folder_)};"
                    f" their {name} is {printable(str(given))}, and that of the map is "
                    f"{printable(str(needed))}. {_remedy(name, needed)} images with "
                    "open_map(...).place_images."
                )


def _remedy(name: str, needed: str) -> str:
    """Return the beginning of the remedy; int8 depends on the images of the map."""
    if name == "precision" and needed in _PRECISIONS:
        return f'Pass precision="{needed}" to extract, or place'
    return "Place"
