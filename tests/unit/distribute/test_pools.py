"""The division of a cluster between readers and networks."""

import pytest

from featscape.distribute.pools import plan_pools
from featscape.errors import DeviceError, InputError


def test_without_gpus_each_core_runs_a_network_and_a_reader():
    pools = plan_pools("auto", n_cpus=6, n_gpus=0)
    assert (pools.device, pools.n_networks, pools.n_readers) == ("cpu", 6, 6)
    assert pools.network_cpus + pools.reader_cpus == 1.0


def test_each_gpu_runs_a_network_and_all_cores_read():
    pools = plan_pools("auto", n_cpus=6, n_gpus=2)
    assert (pools.device, pools.n_networks, pools.n_readers) == ("cuda", 2, 6)
    assert (pools.network_gpus, pools.network_cpus, pools.reader_cpus) == (1, 0, 1)


def test_the_device_cpu_leaves_the_gpus_unused():
    assert plan_pools("cpu", n_cpus=6, n_gpus=2).network_gpus == 0


@pytest.mark.parametrize(
    ("device", "n_cpus", "error", "message"),
    [
        ("mps", 1, InputError, r"must be auto, cpu or cuda; got 'mps'\. Choose one"),
        ("auto", 0, DeviceError, r"^the cluster must have at least 1 processor core .* Add a node"),
        ("cuda", 1, DeviceError, r"^the cluster must have a GPU .* Add a node with a GPU, or"),
    ],
)
def test_a_device_that_the_cluster_lacks_is_refused(device, n_cpus, error, message):
    with pytest.raises(error, match=message):
        plan_pools(device, n_cpus=n_cpus, n_gpus=0)
