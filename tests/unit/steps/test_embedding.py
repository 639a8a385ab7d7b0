import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from sklearn.manifold import trustworthiness

from featscape import TSNE, embed_features, load_tsne
from featscape.bundle.read import open_bundle
from featscape.cli.screens.map_report import describe
from featscape.errors import DeviceError, FeatscapeError, InputError
from featscape.findings.reliability import measure_reliability, shared
from featscape.findings.spaces import search_all_pairs
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


# --- landmarks ------------------------------------------------------------------------------------


@pytest.fixture
def clusters(here, without_pictures):  # noqa: ARG001 - fewer steps
    """Write three clusters of features, the last with six items, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "rare"], [97, 97, 6])
    centers = np.repeat(10 * np.eye(3, 8), [97, 97, 6], axis=0)
    np.save("f.npy", (centers + rng.normal(size=(200, 8))).astype(np.float32))
    np.save("labels.npy", labels)
    return here


def map_of_landmarks(n_landmarks=60, **options):
    options = {"labels": "labels.npy", "perplexity": 5, "findings": False, **options}
    return embed_features("f.npy", "m", n_landmarks=n_landmarks, force=True, **options)


@pytest.mark.usefixtures("clusters")
def test_landmarks_are_fitted_and_the_others_placed():
    made = map_of_landmarks()
    rows = made.landmarks
    assert len(rows) == 60
    assert (np.diff(rows) > 0).all()
    assert set(np.array(made.labels)[rows]) == {"a", "b", "rare"}
    tsne = TSNE(perplexity=5, random_state=10).fit(made.features[rows])
    np.testing.assert_array_equal(made.positions[rows], tsne.embedding_)
    others = np.setdiff1d(np.arange(200), rows)
    np.testing.assert_array_equal(made.positions[others], tsne.transform(made.features[others]))
    assert made.run["parameters"]["n_landmarks"] == 60
    assert made.run["kl_divergence"] == tsne.kl_divergence_


@pytest.mark.usefixtures("clusters")
def test_neighbors_are_the_nearest_landmarks():
    made = map_of_landmarks()
    distances = np.linalg.norm(made.features[:, None] - made.features[made.landmarks], axis=2)
    distances[made.landmarks, np.arange(60)] = np.inf
    order = np.argsort(distances, axis=1)[:, :15]
    np.testing.assert_array_equal(made.neighbors.indices, made.landmarks[order])
    agrees = np.array(made.labels)[made.neighbors.indices[:, :5]] == np.array(made.labels)[:, None]
    assert made.run["agreement"]["overall"] == (agrees.sum(axis=1) > 2.5).mean()


@pytest.mark.usefixtures("clusters")
def test_the_block_size_does_not_change_the_map(monkeypatch):
    whole = map_of_landmarks()
    positions, indices = np.array(whole.positions), np.array(whole.neighbors.indices)
    monkeypatch.setattr("featscape.steps.tsne.embedding._ITEMS_AT_ONCE", 7)
    made = map_of_landmarks()
    np.testing.assert_array_equal(made.positions, positions)
    np.testing.assert_array_equal(made.neighbors.indices, indices)


@pytest.mark.usefixtures("clusters")
def test_another_seed_draws_other_landmarks():
    first = map_of_landmarks().landmarks
    np.testing.assert_array_equal(map_of_landmarks().landmarks, first)
    assert not np.array_equal(map_of_landmarks(random_state=11).landmarks, first)


@pytest.mark.parametrize("seed", [0, 10, 11])
def test_the_reliability_is_that_of_random_items_and_not_of_landmarks(monkeypatch, seed):
    rng = np.random.default_rng(1)
    plane = rng.normal(size=(400, 2)).astype(np.float32)
    options = EmbeddingOptions(n_landmarks=100, perplexity=5, random_state=seed)
    landmarks = embed(plane, options, labels=None, device="cpu").landmarks
    plane[landmarks, 0] += 100
    others = np.setdiff1d(np.arange(400), landmarks)
    positions = plane.copy()  # right for the landmarks, random for the others
    positions[others] = rng.permutation(plane[others])
    monkeypatch.setattr("featscape.findings.reliability._MOST_RANKED", 100)
    found = measure_reliability(
        plane,
        positions,
        search_all_pairs(plane, 90).indices,
        classes=None,
        search=search_all_pairs,
        n_threads=1,
        random_state=seed,
    )
    values = {one.measure: one.value for one in found.result.findings}
    near, on_map = (search_all_pairs(of, 10).indices for of in (plane, positions))
    assert values["KNN"] == pytest.approx(shared(near, on_map).mean(), abs=0.12)
    expected = trustworthiness(plane, positions, n_neighbors=30)
    assert values["trustworthiness"] == pytest.approx(expected, abs=0.08)


@pytest.mark.usefixtures("clusters")
def test_the_tsne_of_landmarks_is_restored():
    made = map_of_landmarks()
    others = np.setdiff1d(np.arange(200), made.landmarks)
    tsne = load_tsne(open_map("m"))
    assert len(tsne.embedding_) == 60
    np.testing.assert_array_equal(tsne.transform(made.features[others]), made.positions[others])


@pytest.mark.parametrize(
    ("n_landmarks", "words"),
    [
        (200, r"the number of items, 200; got 200\. Choose fewer landmarks, or none"),
        (5, r"greater than the perplexity, 5; got 5\. Choose more"),
        (-1, "got -1"),
    ],
)
@pytest.mark.usefixtures("clusters")
def test_invalid_numbers_of_landmarks(featscape, n_landmarks, words):
    with pytest.raises(InputError, match=words):
        map_of_landmarks(n_landmarks)
    ended = featscape("embed", "f.npy", "--perplexity", 5, "--landmarks", n_landmarks)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1


@pytest.mark.usefixtures("clusters")
def test_the_screens_report_the_landmarks(featscape):
    ended = featscape(
        "embed", "f.npy", "-o", "m", "--labels", "labels.npy", "--perplexity", 5, "--landmarks", 60
    )
    assert ended.status == 0
    assert "Placing: 140/140 items" in ended.err
    words = "at least 3 of the 5 nearest landmarks in all 8 features have the same label"
    assert words in " ".join(ended.out.split())
    shown = " ".join(featscape("info", "m").out.split())
    assert "fitted on 60 landmarks; the other items were placed among these" in shown


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
