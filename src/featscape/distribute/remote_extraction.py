"""Compute the features of images on a cluster, chunk by chunk, in order."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from featscape.distribute.node_extraction import Job, Runner, read_chunk, unpack
from featscape.errors import FeatscapeError, InputError
from featscape.features import Network

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from featscape.distribute.pools import Pools
    from featscape.features import Backend
    from featscape.features.protocols import DigestFinder, Read
    from featscape.records import ImageSet, SkippedImage, ThumbnailSink

# Ray keeps a record of each block, so the number of blocks is limited.
_MAX_BLOCKS = 20_000


class RemoteExtraction:
    """The `Machines` of `features.protocols` for a cluster.

    Parameters
    ----------
    pools : Pools
    """

    def __init__(self, pools: Pools) -> None:
        self._pools = pools

    def compute(
        self,
        images: ImageSet,
        network: Backend,
        *,
        batch_size: int,
        thumbnails: ThumbnailSink | None,
        cache: DigestFinder,
    ) -> Generator[Read | SkippedImage, None, None]:
        """Yield each image in order: see `features.protocols.Machines`."""
        import ray

        if not isinstance(network, Network):
            raise InputError(
                "on a cluster the model must be a name that every node can load; got "
                f"{type(network).__name__}. Pass the name of a model."
            )
        size_px = None if thumbnails is None else thumbnails.size_px
        job = Job(
            kind=images.kind,
            source=images.source if isinstance(images.source, str) else images.source.resolve(),
            decode=images.decode,
            decode_plain=images.decode_plain,
            network=network.without_engine(),
            device=self._pools.device,
            thumbnails=thumbnails,
            prefixes=[ray.put(cache.digest_prefixes(thumbnail_px=size_px))],
        )
        starts = range(0, len(images), batch_size)
        yield from _run(job, [images.paths[at : at + batch_size] for at in starts], self._pools)


def _run(
    job: Job, chunks: Sequence[Sequence[str]], pools: Pools
) -> Generator[Read | SkippedImage, None, None]:
    """Yield the results of the cluster for the images of all chunks, in order."""
    import ray.data

    rows = [{"chunk": number, "paths": json.dumps(paths)} for number, paths in enumerate(chunks)]
    source = ray.data.from_items(rows, override_num_blocks=min(len(rows), _MAX_BLOCKS))
    source.context.execution_options.preserve_order = True
    source.context.enable_progress_bars = False
    done = source.map(
        partial(read_chunk, job=job),
        num_cpus=pools.reader_cpus,
        compute=ray.data.TaskPoolStrategy(size=pools.n_readers),
    ).map(
        Runner,  # type: ignore[arg-type]  # Ray's types lack the class that `map` accepts
        fn_constructor_args=(job,),
        compute=ray.data.ActorPoolStrategy(
            min_size=1, max_size=pools.n_networks, initial_size=pools.n_networks
        ),
        num_cpus=pools.network_cpus,
        num_gpus=pools.network_gpus,
    )
    for number, row in enumerate(done.iter_rows()):
        if row["chunk"] != number:
            raise RuntimeError(f"Ray must return chunk {number} next; got chunk {row['chunk']}")
        result = unpack(row["content"])
        if isinstance(result, FeatscapeError):
            raise result
        yield from result
