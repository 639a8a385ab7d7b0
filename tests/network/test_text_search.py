"""A search for texts, with a small network of open_clip that is trained on captioned digits."""

import json
import shutil
from contextlib import closing

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from featscape import make_map, open_map
from featscape.app.server.application import ServedMap, make_app
from featscape.app.server.security import Access, Guard
from featscape.bundle import open_bundle
from featscape.errors import InputError, ModelError
from featscape.features import load_text_encoder
from featscape.mapfolder.words_file import read_recognized
from featscape.records import ModelCard
from featscape.steps.content.classification import classify_map
from featscape.words import load_vocabulary

open_clip = pytest.importorskip("open_clip", reason="the extra clip is not installed")

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
N_TRAINED = 1200
N_MAPPED = 200
HERE = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train both towers on 1,200 captioned digits; map 200 others. Returns the map and weights."""
    from sklearn.datasets import load_digits

    from helpers.networks import tiny_clip

    folder = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    pictures = [
        Image.fromarray((image * 15).astype(np.uint8)).resize((32, 32)).convert("RGB")
        for image in digits.images[: N_TRAINED + N_MAPPED]
    ]
    with pytest.MonkeyPatch.context() as patch:
        network = tiny_clip.register(patch)
        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)  # two threads take longer: they wait for one another
        fit(network, pictures[:N_TRAINED], digits.target[:N_TRAINED])
        torch.set_num_threads(n_threads)
        weights = folder / "trained.pth"
        torch.save(network.state_dict(), weights)
        source = folder / "images"
        source.mkdir()
        for number, picture in enumerate(pictures[N_TRAINED:]):
            picture.save(source / f"{number:03}-{NAMES[digits.target[N_TRAINED + number]]}.png")
        options = {"model": tiny_clip.NAME, "weights": weights, "size_px": 300, "device": "cpu"}
        made = make_map(source, folder / "digits-map", perplexity=10, findings=False, **options)
        yield made, weights


def fit(network, pictures, classes, *, n_steps=300, batch_size=128):
    """Train the network to give each picture the caption of its class."""
    from helpers.networks.tiny_clip import MEAN, STD

    transform = open_clip.image_transform(32, is_train=False, mean=MEAN, std=STD)
    images = torch.stack([transform(picture) for picture in pictures])
    captions = open_clip.get_tokenizer("tiny-clip")([f"the digit {name}" for name in NAMES])
    targets = torch.from_numpy(classes).long()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    order = torch.Generator().manual_seed(0)
    network.train()
    for _ in range(n_steps):
        rows = torch.randint(len(images), (batch_size,), generator=order)
        seen = network.encode_image(images[rows], normalize=True)
        read = network.encode_text(captions, normalize=True)
        loss = torch.nn.functional.cross_entropy(20 * seen @ read.T, targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()


def is_named(made, items, name):
    return np.array([name in made.paths[item] for item in items])


def test_a_text_finds_the_images_that_it_describes(trained):
    made, weights = trained
    shares = []
    for name in NAMES:
        found = made.search(f"the digit {name}", k=10, weights=weights)
        assert (np.diff(found.scores) <= 0).all()
        shares.append(is_named(made, found.items, name).mean())
    assert found.measure == "similarity"
    assert np.mean(shares) > 0.7  # .1 by chance


def test_an_image_finds_images_of_its_class(trained):
    made, weights = trained
    path = f"{made.run['source']}/{made.paths[7]}"
    found = made.search(image=path, k=10, weights=weights)
    assert found.items[0] == 7
    assert found.scores[0] == pytest.approx(1, abs=1e-5)
    assert is_named(made, found.items, made.paths[7][4:]).mean() > 0.5


def test_the_file_of_weights_is_required(trained):
    with pytest.raises(ModelError, match="--weights FILE"):
        trained[0].search("the digit two")


@pytest.mark.parametrize("query", ["", " \n", "x" * 201])
def test_a_query_that_is_no_text_is_refused_before_the_network_is_loaded(trained, query):
    with pytest.raises(InputError, match="the query must"):
        trained[0].search(query)


def test_the_server_compares_all_images_with_a_text(trained):
    made, weights = trained
    with closing(ServedMap(made.folder, weights=weights)) as served:
        assert served.abilities.content
        client = TestClient(Guard(make_app(served), access=Access.on_loopback(8000)), base_url=HERE)
        answer = client.post("/api/content", json={"text": "the digit six"})
        similarities = np.frombuffer(answer.content, "<f4")
        for text in ("", "x" * 201):
            refused = client.post("/api/content", json={"text": text})
            assert (refused.status_code, refused.json()["status"]) == (422, 422)
    expected = made.search("the digit six", weights=weights)
    assert np.argsort(-similarities, kind="stable").tolist() == expected.items.tolist()


def test_the_server_reports_a_tower_that_cannot_be_loaded(trained, monkeypatch):
    made, weights = trained

    def fail(*_, **__):
        raise ModelError("the weights are gone. Download them again.")

    monkeypatch.setattr("featscape.features.text_encoder.open_clip.build_text_tower", fail)
    with closing(ServedMap(made.folder, weights=weights)) as served:
        client = TestClient(Guard(make_app(served), access=Access.on_loopback(8000)), base_url=HERE)
        answer = client.post("/api/content", json={"text": "six"})
    assert answer.status_code == 500
    assert answer.json() == {"error": "the weights are gone. Download them again.", "status": 500}


def test_the_map_stores_the_most_similar_names_of_imagenet(trained):
    made, weights = trained
    recognized = read_recognized(made.folder, n_items=len(made))
    card = ModelCard(**made.run["model"])
    names = [f"a photo of a {load_vocabulary().name(index)}" for index in range(1000)]
    similarities = unit(made.features) @ load_text_encoder(card, weights=weights).encode(names).T
    best = np.take_along_axis(similarities, recognized.classes[:, :1].astype(int), axis=1)
    np.testing.assert_allclose(best[:, 0], similarities.max(axis=1), rtol=1e-5)
    assert open_bundle(made.folder / "bundle").manifest.words is not None


def test_the_page_has_the_similarities_of_nouns_without_the_network(trained):
    made, weights = trained
    bundle = open_bundle(made.folder / "bundle")
    vectors = bundle.manifest.vectors
    rows = json.loads((bundle.folder / vectors.file).read_bytes())
    words, items, scales = map(bundle.array, (vectors.words, vectors.items, vectors.scales))
    encoder = load_text_encoder(ModelCard(**made.run["model"]), weights=weights)
    for noun in ("dog", "sunset", "sports car"):
        stored = items @ (words[rows[noun][0]] * scales)
        wanted = unit(made.features) @ encoder.encode([f"a photo of a {noun}"])[0]
        np.testing.assert_allclose(stored, wanted[bundle.array(bundle.manifest.ids)], atol=0.02)


def test_a_second_map_copies_the_vectors_and_encodes_no_names(trained, tmp_path, monkeypatch):
    made, weights = trained
    folder = tmp_path / "copied-map"
    shutil.copytree(made.folder, folder)
    monkeypatch.setattr("featscape.steps.content.words.encode_names", lambda *_, **__: 1 / 0)
    options = {"model": made.run["model"]["name"], "weights": weights, "size_px": 300}
    source = made.run["source"]
    again = make_map(source, folder, perplexity=5, findings=False, force=True, **options)
    for file in ("vocabulary.npz", "words.npz"):
        assert (again.folder / file).read_bytes() == (made.folder / file).read_bytes()


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_names_become_columns_of_the_table_and_of_the_page(trained, tmp_path):
    made, weights = trained
    folder = tmp_path / "classified-map"
    shutil.copytree(made.folder, folder)
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    for names in (("zero", "one"), NAMES):  # the second call replaces the columns of the first
        found = classify_map(folder, names, template="the digit {}", weights=weights)
    again = open_map(folder)
    labels = again.columns["zero-shot label"]
    assert list(labels) == [NAMES[code] for code in found.codes]
    assert np.mean([label in path for label, path in zip(labels, made.paths, strict=True)]) > 0.7
    probabilities = again.columns["zero-shot probability"]
    assert (probabilities > 0.1).all()
    assert (probabilities <= 1).all()
    with closing(ServedMap(folder)) as served:
        assert served.originals.are_available  # the map has a new seal
        column = next(c for c in served.manifest.columns if c.name == "zero-shot label")
        details = served.items.details(3)
    assert {entry.name for entry in column.categories} == set(labels)
    assert details.columns["zero-shot label"] == labels[3]
    unchanged = {file for file, content in before.items() if file.read_bytes() == content}
    changed = {str(file.relative_to(folder)) for file in before.keys() - unchanged}
    assert changed == {"items.parquet", "run.json", "map.html", "bundle/manifest.json"}


def test_a_classified_page_has_the_recorded_number_of_thumbnails(trained, tmp_path):
    made, weights = trained
    folder = shutil.copytree(made.folder, tmp_path / "classified-map")
    run = json.loads((folder / "run.json").read_text())
    run["pictures"]["page_images"] = 0
    without_settings = {name: entry for name, entry in run.items() if name != "pictures"}
    for recorded, has_thumbnails in ((run, False), (without_settings, True)):
        (folder / "run.json").write_text(json.dumps(recorded))
        classify_map(folder, NAMES, weights=weights)
        page = (folder / "map.html").read_text(encoding="utf-8")
        assert ('data-file="thumbnails' in page) is has_thumbnails


def test_a_failed_classification_leaves_the_map(trained, tmp_path, monkeypatch):
    made, weights = trained
    folder = tmp_path / "failed-map"
    shutil.copytree(made.folder, folder)
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    monkeypatch.setattr("featscape.bundle.write_page", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        classify_map(folder, NAMES, weights=weights)
    assert before == {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert [path.name for path in tmp_path.iterdir()] == ["failed-map"]


def test_a_server_without_the_file_of_weights_offers_no_texts(trained):
    with closing(ServedMap(trained[0].folder)) as served:
        assert not served.abilities.content
    assert len(open_map(trained[0].folder)) == N_MAPPED
