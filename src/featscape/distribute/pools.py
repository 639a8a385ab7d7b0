"""Divide the resources of a cluster between reading tasks and copies of the network."""

from __future__ import annotations

from dataclasses import dataclass

from featscape.errors import DeviceError, InputError

# Without a GPU, each core runs one actor with the network and the tasks that read images. If an
# actor reserved a whole core, the actors that restart after the loss of a node could reserve every
# remaining core, and the reading tasks that they wait for could not start.
_NETWORK_CPUS, _READING_CPUS = 0.9, 0.1


@dataclass(frozen=True)
class Pools:
    """The resources for reading tasks and for copies of the network.

    Attributes
    ----------
    device : str
        Device of the network: "cpu" or "cuda".
    n_networks : int
        Maximum number of copies of the network at once.
    network_cpus, network_gpus : float
        Resources of a node that each copy reserves.
    n_readers : int
        Maximum number of reading tasks at once.
    reader_cpus : float
        Resources of a node that each reading task reserves.
    """

    device: str
    n_networks: int
    network_cpus: float
    network_gpus: float
    n_readers: int
    reader_cpus: float


def plan_pools(device: str, *, n_cpus: int, n_gpus: int) -> Pools:
    """Divide a cluster between reading tasks and copies of the network.

    Parameters
    ----------
    device : str
        "cpu", "cuda", or "auto" for GPUs if the cluster has any.
    n_cpus, n_gpus : int
        Number of whole cores and of GPUs of all nodes.

    Raises
    ------
    InputError
        If `device` is another name.
    DeviceError
        If the cluster has no core, or no GPU for the device "cuda".
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(
            f"with the engine ray the device must be auto, cpu or cuda; got {device!r}. "
            "Choose one of these; Ray assigns the GPUs."
        )
    if n_cpus == 0:
        raise DeviceError(
            "the cluster must have at least 1 processor core to decode images; it has none. "
            "Add a node, or start a node with more --num-cpus."
        )
    if device == "cuda" and n_gpus == 0:
        raise DeviceError(
            "the cluster must have a GPU for the device cuda; it has none. Add a node with a "
            "GPU, or choose --device cpu (device=)."
        )
    if device != "cpu" and n_gpus:
        return Pools(
            device="cuda",
            n_networks=n_gpus,
            network_cpus=0,
            network_gpus=1,
            n_readers=n_cpus,
            reader_cpus=1,
        )
    return Pools(
        device="cpu",
        n_networks=n_cpus,
        network_cpus=_NETWORK_CPUS,
        network_gpus=0,
        n_readers=n_cpus,
        reader_cpus=_READING_CPUS,
    )
