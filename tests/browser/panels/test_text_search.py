"""The search for texts in a map made with a network of open_clip."""

import re
import threading
from contextlib import closing

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect

from featscape import make_map
from featscape.app.server.application import ServedMap, make_app
from featscape.app.server.security import Access, Guard
from featscape.app.server.service import listen, make_server
from featscape.bundle import open_bundle
from featscape.features import load_text_encoder
from featscape.records import ModelCard

pytest.importorskip("open_clip", reason="the extra clip is not installed")

N_IMAGES = 60
FIELD = "Find in paths and content"
QUERY = "a round digit"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Map 60 digits with a small network of random weights; return the map and the weights."""
    from sklearn.datasets import load_digits

    from helpers.networks import tiny_clip

    folder = tmp_path_factory.mktemp("texts")
    (folder / "digits").mkdir()
    for number, pixels in enumerate(load_digits().images[:N_IMAGES]):
        image = Image.fromarray((pixels * 15).astype(np.uint8)).resize((32, 32))
        image.convert("RGB").save(folder / "digits" / f"{number:02}.png")
    with pytest.MonkeyPatch.context() as patch:
        network = tiny_clip.register(patch)
        weights = folder / "random.pth"
        torch.save(network.state_dict(), weights)
        options = {"model": tiny_clip.NAME, "weights": weights, "device": "cpu", "size_px": 300}
        yield make_map(folder / "digits", folder / "map", findings=False, **options), weights


@pytest.fixture(scope="module")
def address(made):
    """Serve the map in this process, which knows the network."""
    folder, weights = made[0].folder, made[1]
    with closing(ServedMap(folder, weights=weights)) as served, listen("127.0.0.1", 0) as at:
        port = at.getsockname()[1]
        server = make_server(Guard(make_app(served), access=Access.on_loopback(port)))
        running = threading.Thread(target=server.run, kwargs={"sockets": [at]})
        running.start()
        yield f"http://127.0.0.1:{port}/"
        server.should_exit = True
        running.join()


def listed(visit):
    """Return the paths in the panel of the found images."""
    buttons = visit.panel("Found").get_by_role("listitem").get_by_role("button")
    return buttons.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")


def test_the_server_ranks_all_images_by_their_similarity_to_a_text(look, address, made):
    found = made[0].search(QUERY, weights=made[1])
    visit = look(f"{address}#view=points")
    visit.page.get_by_label(FIELD).fill(QUERY)
    best = [made[0].paths[item] for item in found.items[:50]]
    visit.becomes(lambda: listed(visit), expected=best)
    first = visit.panel("Found").get_by_role("listitem").first
    expect(first).to_contain_text(f"{found.scores[0]:.2f}")
    expect(visit.panel("Found")).to_contain_text("50 by content, the most similar to the text")
    expect(visit.page.locator(".fs-search-found")).to_contain_text("50 by content")
    expect(visit.page.get_by_role("region", name="Legend")).to_contain_text(f"“{QUERY}”")


def test_the_colors_of_the_map_show_the_similarity(look, address, made):
    found = made[0].search(QUERY, weights=made[1])
    visit = look(f"{address}#view=points")
    visit.page.get_by_label(FIELD).fill(QUERY)
    expect(visit.panel("Found")).to_be_visible()
    bundle = open_bundle(made[0].folder / "bundle")
    place_in_list = np.argsort(found.items)[bundle.array(bundle.manifest.ids)]

    def follow():
        """Return whether the brightness of the points follows the order of the list."""
        items, places = visit.apart(bundle, apart_px=10)
        brightness = visit.colors_at(items, places).sum(axis=1).argsort().argsort()
        return len(items) > 20 and np.corrcoef(place_in_list[items], brightness)[0, 1] < -0.9

    visit.becomes(follow, expected=True)  # the view moves beside the panel


def test_an_error_of_the_text_tower_is_shown_and_paths_are_found(look, address, made):
    visit = look(address, expected=["500"])
    answer = {"error": "the weights are gone. Download them again.", "status": 500}
    visit.page.route("**/api/content", lambda route: route.fulfill(status=500, json=answer))
    visit.page.get_by_label(FIELD).fill(made[0].paths[7])
    expect(visit.page.get_by_role("alert")).to_contain_text("Download them again.")
    expect(visit.page.locator(".fs-search-found")).to_contain_text("1 found")
    expect(visit.panel("Found").get_by_role("listitem")).to_have_count(1)


def test_one_file_ranks_the_images_by_a_noun_without_a_server(look, made):
    card = ModelCard(**made[0].run["model"])
    (vector,) = load_text_encoder(card, weights=made[1]).encode(["a photo of a sunset"])
    unit = made[0].features / np.linalg.norm(made[0].features, axis=1, keepdims=True)
    wanted = unit @ vector
    visit = look((made[0].folder / "map.html").as_uri())
    visit.page.get_by_label(FIELD).fill("sunsets")
    expect(visit.page.locator(".fs-search-found")).to_contain_text("50 by content")
    visit.becomes(lambda: set(listed(visit)) <= set(made[0].paths), expected=True)  # paths are read
    similarities = wanted[[made[0].paths.index(path) for path in listed(visit)]]
    assert (np.diff(similarities) < 0.01).all()  # the vectors are stored as bytes
    assert similarities[0] == pytest.approx(wanted.max(), abs=0.01)
    best = visit.panel("Found").get_by_role("listitem").first
    shown = float(re.search(r"-?\d\.\d\d$", best.inner_text().strip())[0])
    assert shown == pytest.approx(similarities[0], abs=0.01)
    visit.page.get_by_label(FIELD).fill("zzzzzz")
    expect(visit.page.locator(".fs-search-found")).to_contain_text("Nothing found")
    expect(
        visit.page.get_by_text("but not “zzzzzz”. featscape serve finds any text.")
    ).to_be_visible()
