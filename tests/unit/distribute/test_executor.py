"""Where a map is computed: this machine, or a cluster that a fake Ray describes."""

import inspect
from types import SimpleNamespace

import pytest

from featscape.distribute import cluster as cluster_module
from featscape.distribute import open_executor
from featscape.distribute.cluster import Cluster
from featscape.distribute.executor import LocalExecutor
from featscape.errors import InputError
from featscape.features.protocols import ExtractOptions, NetworkRequest
from helpers.notes import Notes


def fake_ray(n_gpus, nodes_before, nodes_after):
    """Return a Ray whose nodes of two cores change after the first two lists of nodes."""
    lists = [nodes_before, nodes_before]

    def nodes():
        names = lists.pop(0) if lists else nodes_after
        return [{"NodeID": name, "Alive": True, "Resources": {"CPU": 2.0}} for name in names]

    return SimpleNamespace(nodes=nodes, cluster_resources=lambda: {"GPU": n_gpus})


@pytest.fixture
def given(monkeypatch):
    """Return the list of the arguments of `run_extraction`, which returns its images."""
    arguments = []
    monkeypatch.setattr(
        "featscape.features.run_extraction", lambda *given: arguments.extend(given) or given[0]
    )
    monkeypatch.setattr(cluster_module, "RemoteExtraction", lambda pools: pools)
    return arguments


def test_a_cluster_runs_the_network_and_this_machine_only_uses_its_cpu(given):
    images = object()
    cluster = Cluster(fake_ray(0, "ab", "ab"))
    made = cluster.extract(images, NetworkRequest("m"), ExtractOptions(batch_size=8))
    assert made is images
    _, request, options = given
    assert (request.model, request.device, options.batch_size) == ("m", "cpu", 8)
    assert (options.machines.device, options.machines.n_networks) == ("cpu", 4)


def test_on_gpus_of_a_cluster_the_default_batch_is_larger(given):
    cluster = Cluster(fake_ray(1, "ab", "ab"))
    cluster.extract(object(), NetworkRequest("m"), ExtractOptions())
    _, request, options = given
    assert (request.device, options.batch_size) == ("cpu", 256)
    assert options.machines.device == "cuda"


@pytest.mark.usefixtures("given")
def test_lost_nodes_are_reported():
    notes = Notes()
    cluster = Cluster(fake_ray(0, "ab", "a"))
    cluster.extract(object(), NetworkRequest("m"), ExtractOptions(progress=notes))
    assert notes.lines == ["1 node was lost; other nodes repeated the unfinished tasks"]


def test_the_engine_local_needs_no_cluster():
    with open_executor("local", None) as executor:
        assert isinstance(executor, LocalExecutor)


@pytest.mark.parametrize(
    ("engine", "address", "message"),
    [
        ("dask", None, r"must be local or ray; got 'dask'\. Choose one"),
        ("local", "head:6379", r"an address needs the engine ray; got 'head:6379' .* Remove the"),
    ],
)
def test_an_unknown_engine_or_a_useless_address_is_refused(engine, address, message):
    with pytest.raises(InputError, match=message), open_executor(engine, address):
        pass


@pytest.mark.parametrize("record", [NetworkRequest, ExtractOptions])
def test_the_records_of_an_executor_have_the_defaults_of_extract(record):
    from featscape import extract

    public = inspect.signature(extract).parameters
    shared = inspect.signature(record).parameters.keys() & public.keys() - {"model", "progress"}
    assert len(shared) >= 3
    default = record("m") if record is NetworkRequest else record()
    assert {name: getattr(default, name) for name in shared} == {
        name: public[name].default for name in shared
    }
