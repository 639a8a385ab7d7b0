"""A served map places new images with its real network."""

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image


class TestPlace:
    def test_a_digit_of_the_map_is_placed_at_its_own_position(self, client, digits):
        path = digits.source / digits.made.paths[11]
        placed = client.post("/api/place", content=path.read_bytes()).json()
        spread = np.ptp(digits.made.positions, axis=0).max()
        distance = np.linalg.norm(placed["position"] - digits.made.positions[11])
        assert distance < spread / 100
        assert placed["neighbors"]["ids"][0] == 11
        assert placed["neighbors"]["distances"][0] < placed["neighbors"]["distances"][1] / 100

    def test_a_new_digit_is_placed_near_digits_of_its_class(self, client, digits):
        known = set(digits.made.paths)
        new = next(p for p in sorted(digits.source.glob("0/*.png")) if f"0/{p.name}" not in known)
        placed = client.post("/api/place", content=new.read_bytes()).json()
        labels = [digits.made.labels[i] for i in placed["neighbors"]["ids"][:5]]
        assert labels.count("0") >= 3

    @pytest.mark.parametrize("content", [b"", b"no image", b"<svg/>", b"\x89PNG\r\n\x1a\n rest"])
    def test_content_that_is_not_an_image_is_refused(self, client, content, error_of):
        response = client.post("/api/place", content=content)
        assert response.status_code == 422
        error_of(response)

    def test_a_decompression_bomb_is_refused(self, client, error_of):
        bomb = io.BytesIO()
        Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
        response = client.post("/api/place", content=bomb.getvalue())
        assert len(bomb.getvalue()) < 100_000
        assert response.status_code == 422
        assert "decompression bomb" in error_of(response)

    def test_a_missing_network_is_reported(self, copied, open_client, change_run, error_of):
        run = json.loads((copied.folder / "run.json").read_text())
        change_run(copied.folder, model=run["model"] | {"weights_sha256": "0" * 64})
        client = open_client(copied.folder)
        response = client.post("/api/place", content=(copied.source / copied.paths[0]).read_bytes())
        assert response.status_code == 500
        assert "weights_sha256" in error_of(response)

    def test_a_replaced_map_places_no_image(self, copied, open_client, error_of):
        client = open_client(copied.folder)
        image = (copied.source / copied.paths[0]).read_bytes()
        other = copied.folder.with_name("other-map")
        shutil.copytree(copied.folder, other)
        shutil.rmtree(copied.folder)
        other.rename(copied.folder)
        response = client.post("/api/place", content=image)
        assert response.status_code == 409
        assert "run.json has changed since the map was opened" in error_of(response)

    def test_a_map_without_a_network_refuses_images(
        self, copied, open_client, change_run, error_of
    ):
        change_run(copied.folder, model=None)
        client = open_client(copied.folder)
        assert '"place":false' in client.get("/").text
        assert "made of features" in error_of(client.post("/api/place", content=b"x"))
