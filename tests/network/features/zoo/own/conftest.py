"""The modules of a user in the current folder."""

import sys

import pytest

from helpers.networks.user_modules import DEFECTIVE, HELPER, MODULE


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(MODULE)
    (tmp_path / "own_defective.py").write_text(DEFECTIVE)
    (tmp_path / "own_helper.py").write_text(HELPER)
    (tmp_path / "garbled.py").write_text("def any(:\n")
    (tmp_path / "needy.py").write_text("import a_module_that_is_missing\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    names = ("own_networks", "own_defective", "own_helper", "own_reading", "needy", "garbled")
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def pixels(noise_image):
    def make(network, n_images=3):
        return [network.prepare(noise_image(seed, (50, 41))) for seed in range(n_images)]

    return make
