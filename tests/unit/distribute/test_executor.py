"""Where a map is computed: this machine, or a cluster that a fake Ray describes."""

import inspect
from types import SimpleNamespace

import pytest

from featscape.distribute import cluster as cluster_module
from featscape.distribute import open_executor
from featscape.distribute.cluster import Cluster
from featscape.distribute.executor import LocalExecutor
from featscape.errors import InputError
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
    """Return the options that a cluster gives to `features.extract`, which does nothing."""
    options = {}
    monkeypatch.setattr(
        "featscape.features.extract", lambda images, **given: options.update(given) or images
    )
    monkeypatch.setattr(cluster_module, "RemoteExtraction", lambda pools: pools)
    return options


def test_a_cluster_runs_the_network_and_this_machine_only_uses_its_cpu(given):
    images = object()
    made = Cluster(fake_ray(0, "ab", "ab")).extract(images, model="m", batch_size=8)
    assert made is images
    assert (given["model"], given["device"], given["batch_size"]) == ("m", "cpu", 8)
    assert (given["machines"].device, given["machines"].n_networks) == ("cpu", 4)


def test_on_gpus_of_a_cluster_the_default_batch_is_larger(given):
    Cluster(fake_ray(1, "ab", "ab")).extract(object(), model="m", batch_size=None)
    assert given["batch_size"] == 256
    assert given["machines"].device == "cuda"


@pytest.mark.usefixtures("given")
def test_lost_nodes_are_reported():
    notes = Notes()
    Cluster(fake_ray(0, "ab", "a")).extract(object(), model="m", progress=notes)
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


def test_the_options_of_an_executor_are_the_keywords_of_extract():
    from featscape.features import extract
    from featscape.features.protocols import ExtractOptions

    keywords = inspect.signature(extract).parameters.keys() - {"images"}
    assert ExtractOptions.__annotations__.keys() == keywords
