"""What the extraction loop works with: a network, here or on other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from featscape.features.known import KnownFeatures
    from featscape.features.reading import Read
    from featscape.records import ImageSet, ModelCard, SkippedImage, ThumbnailSink


class Backend(Protocol):
    """What the loop asks of a network; `load_network` gives one."""

    @property
    def card(self) -> ModelCard:
        """Which network it is."""
        ...

    @property
    def batch_size(self) -> int:
        """Images a batch that suit its device."""
        ...

    @property
    def n_workers(self) -> int:
        """Decoding threads that suit its device."""
        ...

    @property
    def n_lanes(self) -> int:
        """Batches that may be in `run` at once, each in its own thread; 1 for one after one."""
        ...

    @property
    def least_px(self) -> int:
        """The shorter side that an image may be decoded at; 0 for whole images alone."""
        ...

    @property
    def takes_pixels(self) -> bool:
        """Whether `prepare` takes arrays, (h, w, 3), too."""
        ...

    def prepare(self, image: Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Make an RGB image the network's input; called in any thread; may raise ImageError."""
        ...

    def run(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute the features, shape (b, d), of b prepared images."""
        ...


class Machines(Protocol):
    """What reads images, and runs the network, elsewhere: `distribute` has one."""

    def compute(
        self,
        images: ImageSet,
        network: Backend,
        *,
        batch_size: int,
        thumbnails: ThumbnailSink | None,
        known: KnownFeatures,
    ) -> Generator[Read | SkippedImage, None, None]:
        """Yield each image in order: with its features, or a mark in `known` that there are some.

        Where there are none after all the image is read here, and the network run here.
        """
        ...
