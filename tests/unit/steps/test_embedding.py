import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from featscape import TSNE, embed_features, load_tsne
from featscape.bundle.read import open_bundle
from featscape.cli.screens.map_report import describe
from featscape.errors import DeviceError, FeatscapeError, InputError
from featscape.mapfolder.read import open_map
from featscape.options import EmbeddingOptions, MapOptions
from featscape.steps.facts.run import space_text
from featscape.steps.tsne.adapter import (
    choose_perplexity,
    engine_errors,
    place,
)
from featscape.steps.tsne.embedding import _report_collapse, choose_tsne_device, embed
from helpers.notes import Notes

POINTS = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("perplexity", "n_items", "words"),
    [
        (60, 60, "less than the number of items, 60; got 60. Lower perplexity or add items"),
        (0.5, 60, "at least 1; got 0.5"),
        (float("nan"), 60, "got nan"),
        (float("inf"), 60, "got inf"),
        ("high", 60, "must be auto, or a finite number of at least 1; got 'high'. Use auto for 30"),
        (30, 1, "at least 2 items.* got 1 sample. Add"),
    ],
)
def test_an_invalid_perplexity_is_an_error(perplexity, n_items, words):
    with pytest.raises(InputError, match=words):
        choose_tsne_device(EmbeddingOptions(perplexity=perplexity), n_items=n_items)


@pytest.mark.parametrize(
    ("n_items", "perplexity"), [(1, 1), (2, 1), (4, 1), (13, 4), (91, 30), (1_000_000, 30)]
)
def test_the_perplexity_auto_is_at_most_30_and_a_third_of_the_other_items(n_items, perplexity):
    assert choose_perplexity("auto", n_items=n_items) == perplexity


@pytest.mark.usefixtures("here", "without_pictures")
def test_auto_counts_the_landmarks():
    np.save("f.npy", np.random.default_rng(0).normal(size=(50, 4)))
    made = embed_features("f.npy", "m", n_landmarks=31, findings=False)
    assert made.run["parameters"]["perplexity"] == 10


@pytest.mark.parametrize(("n_items", "perplexity"), [(2, "1"), (4, "1"), (12, "3.67")])
def test_few_items_make_a_map(here, featscape, n_items, perplexity):
    np.save("f.npy", np.random.default_rng(0).normal(size=(n_items, 4)))
    made = featscape("embed", "f.npy", "-o", "m")
    assert made.status == 0
    assert f"perplexity {perplexity}: 30 is too large for {n_items} items\n" in made.err
    described = featscape("info", "m").out
    assert f"perplexity {perplexity}, seed" in described
    assert "with a name" not in described  # features without names have no regions
    run = json.loads((here / "m" / "run.json").read_text())
    assert run["parameters"]["requested_perplexity"] == "auto"
    assert run["parameters"]["perplexity"] == max(1, (n_items - 1) / 3)


@pytest.mark.parametrize(
    ("labels", "has_few", "has_agreement"),
    [
        *(("abcab", True, False), ("aaaaaaa", False, False), ("aaaabbbbcccc", True, False)),
        *(("aaaaaabbbcccd", True, False), ("aaaaaabbbccc", False, True)),
    ],
)
def test_the_agreement_needs_two_classes_and_half_of_the_items_in_classes_of_six(
    here, featscape, labels, has_few, has_agreement
):
    np.save("f.npy", np.random.default_rng(0).normal(size=(len(labels), 4)))
    (here / "labels.txt").write_text("\n".join(labels))
    screen = featscape("embed", "f.npy", "-o", "m", "--labels", "labels.txt").out
    assert ("items are in classes of at least 6 items.\n" in screen) == has_few
    assert ("5-nearest-neighbor label agreement" in screen) == has_agreement
    made = open_map(here / "m")
    assert (made.run["agreement"] is not None) == (not has_few)
    page = open_bundle(here / "m" / "bundle").manifest.columns
    assert ("agreement" in {column.name for column in page}) == (not has_few)


def test_valid_perplexities_are_accepted():
    choose_tsne_device(EmbeddingOptions(perplexity=30), n_items=31)
    choose_tsne_device(EmbeddingOptions(perplexity=1), n_items=2)


@pytest.mark.parametrize("exaggeration", [0.5, float("nan"), float("inf"), "2"])
def test_an_invalid_exaggeration_is_an_error(exaggeration):
    with pytest.raises(InputError, match=f"at least 1; got {exaggeration!r}. Use 1"):
        EmbeddingOptions(exaggeration=exaggeration)


def test_run_json_has_the_exaggeration_and_the_number_of_iterations(here):
    np.save("f.npy", np.random.default_rng(0).normal(size=(30, 4)))
    embed_features("f.npy", "m", perplexity=4, exaggeration=2)
    run = json.loads((here / "m" / "run.json").read_text())
    assert run["parameters"]["late_exaggeration"] == 2
    assert run["parameters"]["max_iter"] == run["n_iter"] == TSNE().count_iterations(30)
    assert "quality" not in run["parameters"]
    restored = load_tsne(open_map("m"))
    assert restored.late_exaggeration == 2
    assert restored.count_iterations(30) == run["n_iter"]


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("name", ["learning_rate", "seed", "device"])
def test_a_parameter_that_was_not_stored_is_not_guessed(here, name):
    np.save("f.npy", np.random.default_rng(0).normal(size=(30, 4)))
    embed_features("f.npy", "m", perplexity=4)
    file = here / "m" / "run.json"
    run = json.loads(file.read_text())
    del run["parameters"][name]
    file.write_text(json.dumps(run))
    with pytest.raises(InputError, match=f"it lacks {name}. Make the map again with --force"):
        load_tsne(open_map("m"))


# --- the device -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "expected"),
    [("auto", "auto"), ("cpu", "cpu"), ("mps", "auto"), ("cuda:1", "cuda:1")],
)
def test_t_sne_runs_on_the_device_of_the_network(monkeypatch, device, expected):
    monkeypatch.setattr(TSNE, "find_device", lambda *_: "cpu")  # the test needs no GPU
    assert choose_tsne_device(EmbeddingOptions(device=device), n_items=500) == expected


def test_a_map_of_three_dimensions_reports_that_the_gpu_is_not_used():
    progress = Notes()
    options = EmbeddingOptions(device="cuda", n_components=3, progress=progress)
    assert choose_tsne_device(options, n_items=500) == "cpu"
    embed(POINTS, options, device="cpu", labels=None)
    assert "t-SNE runs on the CPU: on a GPU, t-SNE makes maps of 2 dimensions" in progress.lines


@pytest.mark.parametrize(
    ("device", "has_cuda", "notes"),
    [
        ("cpu", True, []),
        ("mps", False, ["t-SNE runs on the CPU: on a GPU, t-SNE needs CUDA"]),
        ("auto", False, []),
        ("auto", True, ["t-SNE runs on the CPU; --device cuda (device=) runs t-SNE on the GPU"]),
    ],
)
def test_the_cpu_is_reported_only_if_there_is_a_gpu(monkeypatch, device, has_cuda, notes):
    cuda = SimpleNamespace(is_available=lambda: has_cuda)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    progress = Notes()
    embed(
        POINTS,
        EmbeddingOptions(perplexity=9, device=device, progress=progress),
        device="cpu",
        labels=None,
    )
    assert [line for line in progress.lines if "CPU" in line] == notes


def test_the_gpus_of_a_cluster_do_not_run_t_sne_on_this_machine(tmp_path):
    options = {"engine": "ray", "model": "efficientnet_lite0"}
    assert MapOptions(tmp_path, "m", device="auto", **options).local_device == "auto"
    assert MapOptions(tmp_path, "m", device="cpu", **options).local_device == "cpu"


@pytest.mark.usefixtures("here", "without_pictures")
def test_fewer_neighbors_than_usual_are_reported():
    np.save("f.npy", np.random.default_rng(0).normal(size=(40, 4)))
    progress = Notes()
    made = embed_features("f.npy", "m", perplexity=30, progress=progress)
    assert made.neighbors.indices.shape == (40, 39)
    assert progress.lines == [
        (
            "t-SNE uses all 39 other items as neighbors of each item: 3 x perplexity = 90 would be "
            "more"
        ),
    ]


@pytest.mark.usefixtures("here", "without_pictures")
def test_errors_of_the_engine_become_errors_of_featscape(monkeypatch):
    import meshtsne

    for kind, expected in (
        (meshtsne.InputError, InputError),
        (meshtsne.DeviceError, DeviceError),
        (meshtsne.MeshTSNEError, FeatscapeError),
    ):
        with pytest.raises(expected, match=r"^the message$") as raised, engine_errors():
            raise kind("the message")
        assert not isinstance(raised.value, meshtsne.MeshTSNEError)
    np.save("f.npy", np.random.default_rng(0).normal(size=(40, 4)))
    made = embed_features("f.npy", "m", perplexity=5)
    with pytest.raises(InputError, match="X has 3 features, but MapTSNE is expecting 4"):
        place(load_tsne(made), np.zeros((1, 3), np.float32), landmarks=None)

    def fail(*_arguments, **_named):
        raise meshtsne.DeviceError("no room")

    monkeypatch.setattr(meshtsne.TSNE, "fit", fail)
    with pytest.raises(DeviceError, match="no room"):
        embed_features("f.npy", "other", perplexity=5)


def test_a_missing_gpu_is_reported_before_any_work(here, monkeypatch):
    from meshtsne.fit import device

    monkeypatch.setattr(device, "has_nvidia_driver", lambda: False)
    with pytest.raises(DeviceError, match="device='cuda' needs an NVIDIA GPU"):
        choose_tsne_device(EmbeddingOptions(perplexity=5, device="cuda"), n_items=100)
    np.save("f.npy", np.random.default_rng(0).normal(size=(30, 4)))
    with pytest.raises(DeviceError, match="device='cuda' needs an NVIDIA GPU"):
        embed_features("f.npy", "m", perplexity=4, device="cuda")
    assert not (here / "m").exists()


@pytest.mark.usefixtures("here", "without_pictures")
def test_the_map_records_the_space_of_its_neighbors():
    from sklearn.decomposition import PCA

    wide = np.random.default_rng(0).normal(size=(90, 70)).astype(np.float32)
    for values, n_components in ((wide, 50), (wide[:, :20], 20)):
        made = embed_features(values, "m", perplexity=4, force=True)
        share = PCA(n_components).fit(values).explained_variance_ratio_.sum()
        assert made.run["neighbors"] == {
            "n_neighbors": 12,
            "n_features": values.shape[1],
            "n_components": n_components,
            "explained_variance": pytest.approx(share, abs=1e-3),
        }
        words = " ".join(text_of(describe(made)).split())
        assert f"12 per item, nearest {space_text(made.run['neighbors'])}" in words
    few = embed_features(wide[:30], "m", perplexity=4, force=True).run["neighbors"]
    assert (few["n_components"], few["explained_variance"]) == (29, 1)


def test_the_space_of_the_neighbors_in_words():
    space = {"n_features": 1280, "n_components": 50, "explained_variance": 0.5841}
    components = "in 50 principal components with 58 % of the variance of the 1,280 features"
    assert space_text(space) == components
    assert space_text(space | {"n_components": 1280}) == "in all 1,280 features"
    assert space_text(None) == "in the principal components that t-SNE uses"


@pytest.mark.usefixtures("here", "without_pictures")
def test_the_map_records_the_device(monkeypatch):
    from meshtsne import estimator

    np.save("f.npy", np.random.default_rng(0).normal(size=(30, 4)))
    made = embed_features("f.npy", "m", perplexity=4)
    assert (made.run["tsne_device"], made.run["neighbors_recall"]) == ("cpu", 1.0)
    assert "on cpu" not in text_of(describe(made))
    progress = Notes()
    monkeypatch.setattr(estimator, "describe_device", lambda _device: "cuda (NVIDIA X)")
    made = embed_features("f.npy", "m", perplexity=4, force=True, progress=progress)
    assert progress.lines[-1] == "t-SNE runs on cuda (NVIDIA X)"
    assert "on cuda (NVIDIA X)" in text_of(describe(made))


def text_of(renderable):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


@pytest.mark.parametrize(
    ("exaggeration", "shape", "expected"),
    [(4, (1, 0.01), True), (8, (0.01, 0.01), True), (4, (1, 0.2), False), (1, (1, 0.01), False)],
)
def test_a_collapsed_map_is_reported(exaggeration, shape, expected):
    notes = Notes()
    options = EmbeddingOptions(exaggeration=exaggeration, progress=notes)
    positions = np.random.default_rng(0).normal(size=(150, 2)) * shape
    _report_collapse(positions, 30.0, options, n_fitted=150)
    assert [line.startswith("the map has collapsed: exaggeration") for line in notes.lines] == (
        [True] if expected else []
    )
