"""New images and features on a finished map."""

import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import featscape
from featscape import TSNE, embed_features, extract, find_images, load_tsne, make_map
from featscape.errors import ImageError, InputError
from featscape.mapfolder.read import open_map
from featscape.steps.placement import explain_no_placing, open_placer
from helpers.notes import Notes

pytestmark = pytest.mark.usefixtures("here")


def test_new_features_are_placed_on_a_stored_map():
    rng = np.random.default_rng(5)
    X = (rng.normal(size=(90, 6)) + 9 * np.repeat(np.eye(6)[:3], 30, axis=0)).astype(np.float32)
    np.save("features.npy", X)
    made = embed_features("features.npy", "made", perplexity=8)
    new = X[::10] + np.float32(0.05)
    fitted = TSNE(perplexity=8, random_state=10).fit(X)
    tsne = load_tsne(open_map("made"))
    np.testing.assert_array_equal(tsne.embedding_, made.positions)
    np.testing.assert_array_equal(tsne.transform(new), fitted.transform(new))
    assert np.abs(tsne.transform(new) - made.positions[::10]).max() < 3


def test_a_map_of_features_has_no_network_but_its_t_sne():
    assert "load_tsne(map).transform(features)" in explain_no_placing({"model": None})


@pytest.mark.usefixtures("quick_network")
def test_new_images_are_placed_as_in_the_readme(made, photos):
    features = extract(find_images(photos, limit=6, random_state=3))
    assert repr(features) == "<Features: 6 x 48, quick, pixels>"
    rows = [made.paths.index(path) for path in features.images.paths]
    places = load_tsne(made).transform(features)
    np.testing.assert_allclose(places, made.positions[rows], atol=0.1)


@pytest.mark.parametrize(
    ("name", "other"),
    [("name", "resnet18"), ("layer", "layer3"), ("pool", "max"), ("precision", "bf16")],
)
def test_features_of_another_network_are_not_placed(made, photos, quick_network, name, other):
    network = quick_network()
    network.card = replace(network.card, **{name: other})
    features = extract(find_images(photos), model=network)
    tsne = load_tsne(made)
    with pytest.raises(InputError, match=f"their {name} is {other}, and that of the map is"):
        tsne.transform(features)
    assert tsne.transform(features.values).shape == (24, 2)  # an array has no network


def test_the_error_for_another_precision_names_the_precision_of_the_map(
    made, photos, quick_network
):
    network = quick_network()
    for precision, remedy in (
        ("fp32", 'Pass precision="fp32" to extract, or place'),
        ("int8", "Place"),
    ):
        tsne = load_tsne(made)
        tsne.card_ = replace(tsne.card_, precision=precision)
        network.card = replace(network.card, precision="bf16")
        with pytest.raises(InputError, match=rf"is {precision}\. {remedy} images with open_map"):
            tsne.transform(extract(find_images(photos), model=network))


def test_all_images_of_a_folder_are_placed_with_the_network_of_the_map(
    made, photos, monkeypatch, quick_network
):
    monkeypatch.setattr("featscape.features.load_for_map", lambda *_, **__: quick_network())
    (photos / "red" / "damaged.png").write_bytes(b"no image")
    interactive = featscape.open_map(made.folder)
    placed = interactive.place_images(photos / "red")
    rows = [made.paths.index(f"red/{path}") for path in placed.images.paths]
    np.testing.assert_allclose(placed.positions, made.positions[rows], atol=0.1)
    np.testing.assert_array_equal(placed.neighbors.indices[:, 0], rows)
    assert [one.path for one in placed.images.skipped] == ["damaged.png"]
    with pytest.raises(InputError, match=r"got the folder .*red'\. Place .* with place_images"):
        interactive.place(photos / "red")


def test_the_place_and_the_search_of_an_unusable_file_have_the_same_errors(
    made, photos, monkeypatch, quick_network
):
    monkeypatch.setattr("featscape.features.load_for_map", lambda *_, **__: quick_network())
    file = photos / "damaged.png"
    interactive = featscape.open_map(made.folder)
    for use in (interactive.place, lambda image: interactive.search(image=image)):
        for content, reason in ((b"no image", "not an image"), (b"", r"empty file \(0 bytes\)")):
            file.write_bytes(content)
            with pytest.raises(InputError, match=rf"damaged\.png cannot be used: {reason}"):
                use(file)
            with pytest.raises(ImageError, match=reason):
                use(content)
        with pytest.raises(InputError, match="/dev/null cannot be used: not a regular file"):
            use("/dev/null")


def test_skipped_files_are_reported_once_when_images_are_placed(
    made, photos, monkeypatch, quick_network
):
    monkeypatch.setattr("featscape.features.load_for_map", lambda *_, **__: quick_network())
    interactive = featscape.open_map(made.folder)
    notes = Notes()
    interactive.place_images(photos, progress=notes)
    assert not [line for line in notes.lines if "skipped" in line]
    shutil.copy(photos / made.paths[0], photos / "beside.heic")
    placed = interactive.place_images(photos, progress=notes)
    (line,) = (line for line in notes.lines if "skipped" in line)
    assert line == f"placed 24 images, skipped 1 file: {placed.images.skipped[0].reason}"
    assert [one.path for one in placed.images.skipped] == ["beside.heic"]


def test_images_of_a_program_are_placed_and_searched(made, photos, monkeypatch, quick_network):
    monkeypatch.setattr("featscape.features.load_for_map", lambda *_, **__: quick_network())
    interactive = featscape.open_map(made.folder)
    file = photos / made.paths[5]
    image = Image.open(file)
    for given in (image, np.asarray(image), file.read_bytes()):
        assert interactive.place(given).neighbors.indices[0, 0] == 5
        assert interactive.search(image=given, k=1).items.tolist() == [5]
    with pytest.raises(InputError, match=r"the image is a list\. Pass images of Pillow"):
        interactive.place([image])


@pytest.mark.usefixtures("without_pictures")
def test_new_images_are_decoded_with_the_white_of_the_map(tmp_path, monkeypatch, quick_network):
    monkeypatch.setattr("featscape.features.load_for_map", lambda *_, **__: quick_network())
    (tmp_path / "scans").mkdir()
    for number in range(12):
        values = np.random.default_rng(number).integers(0, 4096, (4, 4), dtype=np.uint16)
        image = Image.fromarray(values.repeat(5, axis=0).repeat(5, axis=1))
        image.save(tmp_path / "scans" / f"{number:02}.png")
    interactive = make_map(tmp_path / "scans", "made-map", perplexity=3, white=1023)
    placed = interactive.place_images(tmp_path / "scans")
    file = tmp_path / "scans" / "05.png"
    np.testing.assert_allclose(placed.neighbors.distances[:, 0], 0, atol=1e-3)
    np.testing.assert_allclose(interactive.place(file).neighbors.distances[0, 0], 0, atol=1e-3)
    found = interactive.search(image=file, k=1)
    assert found.items.tolist() == [5]
    np.testing.assert_allclose(found.scores, 1, atol=1e-4)


def test_maps_and_their_t_sne_have_a_representation_of_one_line(made):
    made = featscape.open_map(made.folder)
    assert repr(made) == f"<InteractiveMap: 24 images, 3 classes, {made.folder}>"
    assert repr(load_tsne(made.folder)) == repr(load_tsne(made))
    assert repr(load_tsne(made)) == f"<TSNE of {made.folder}: 24 items, perplexity 4>"


class TestOpenPlacer:
    def test_an_image_of_the_map_is_placed_at_its_own_position(
        self, made, photos, monkeypatch, quick_network
    ):
        monkeypatch.setattr("featscape.features.load_for_map", lambda *_, **__: quick_network())
        place = open_placer(made)
        with (photos / made.paths[5]).open("rb") as file:
            placed = place(file)
        np.testing.assert_allclose(placed.position, made.positions[5], atol=0.1)
        assert placed.neighbors.indices[0, 0] == 5
        assert placed.neighbors.distances[0, 0] < 1e-3

    @pytest.mark.usefixtures("without_pictures")
    def test_a_landmark_is_named_by_its_item(self, photos, monkeypatch, quick_network):
        monkeypatch.setattr("featscape.features.load_for_map", lambda *_, **__: quick_network())
        made = make_map(photos, "landmarks-map", perplexity=4, n_landmarks=14)
        item = made.landmarks[-1]
        with (photos / made.paths[item]).open("rb") as file:
            assert open_placer(made)(file).neighbors.indices[0, 0] == item

    def test_a_file_that_is_not_an_image_is_an_error(self, made, monkeypatch, quick_network):
        monkeypatch.setattr("featscape.features.load_for_map", lambda *_, **__: quick_network())
        with pytest.raises(ImageError, match="not an image"):
            open_placer(made)(io.BytesIO(b"no image"))

    def test_a_map_of_features_has_no_network(self):
        np.save("features.npy", np.random.default_rng(0).normal(size=(20, 4)))
        made = embed_features("features.npy", perplexity=4)
        with pytest.raises(InputError, match="new images need a map of images"):
            open_placer(made)
