import pytest

from featscape.demo import make_demo
from featscape.mapfolder.read import open_map


@pytest.mark.usefixtures("here")
def test_the_demo_is_a_map_of_handwritten_digits():
    made = make_demo("m", limit=100)
    assert made.run["counts"] == {"items": 100, "classes": 10, "skipped": 0}
    assert made.run["model"]["name"] == "efficientnet_lite0"
    assert "handwritten digits" in made.run["source"]
    assert made.run["agreement"]["overall"] > 0.4
    assert open_map("m").paths == made.paths
