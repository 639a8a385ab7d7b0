"""Files of the user's code that change after featscape first used the code."""

import importlib
import sys

import pytest

from featscape.errors import ModelError
from featscape.features import extract, load_network
from helpers.networks.user_modules import MODULE

NAME = "own_package.networks.small:tiny"
FILES = {
    "__init__.py": "",
    "networks/__init__.py": "from .. import unused\n",
    "networks/small.py": MODULE.replace("manual_seed(0)", "manual_seed(SEED)")
    + "\nfrom ..settings.seeds import SEED\n",
    "settings/__init__.py": "",
    "settings/seeds.py": "SEED = 0\n",
    "unused.py": "",
    "other.py": "VALUE = 0\n",
}


@pytest.fixture
def package(own, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # files change within a second
    folder = own / "own_package"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == folder.name]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("networks/small.py", "own_package.networks.small"),
        ("networks/__init__.py", "own_package.networks"),
        ("settings/seeds.py", "own_package.settings.seeds"),
        ("unused.py", "own_package.unused"),
    ],
)
def test_a_change_after_the_first_use_is_an_error_until_the_modules_are_reloaded(
    package, file, module
):
    before = load_network(NAME, device="cpu").card
    assert load_network(NAME, device="cpu").card == before
    (package / file).write_text(FILES[file].replace("SEED = 0", "SEED = 1") + "# changed\n")
    with pytest.raises(
        ModelError, match=rf"{file} has changed since featscape first used {module}\. "
    ):
        load_network(NAME, device="cpu")
    importlib.reload(sys.modules[module])
    importlib.reload(sys.modules["own_package.networks.small"])
    now = load_network(NAME, device="cpu").card
    assert (now.code_sha256 != before.code_sha256) == (file == "networks/small.py")
    assert (now.weights_sha256 != before.weights_sha256) == (file == "settings/seeds.py")


def test_a_change_of_a_module_that_the_network_does_not_import_is_no_error(package):
    before = load_network(NAME, device="cpu").card
    importlib.import_module("own_package.other")
    load_network(NAME, device="cpu")
    (package / "other.py").write_text("VALUE = 1\n")
    assert load_network(NAME, device="cpu").card == before


def test_a_module_that_the_function_imports_is_checked_too(own, package):
    (own / "own_networks.py").write_text(
        "def tiny():\n    import importlib\n"
        "    return importlib.import_module('own_package.networks.small').tiny()\n"
    )
    load_network("own_networks:tiny", device="cpu")
    (package / "settings" / "seeds.py").write_text("SEED = 1\n")
    with pytest.raises(ModelError, match=r"seeds\.py has changed since featscape first used"):
        load_network("own_networks:tiny", device="cpu")


def test_an_installed_module_is_not_read(own, monkeypatch):
    folder = own / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    installed = folder / "own_helper.py"
    installed.write_text("VALUE = 0\n")
    (own / "own_helper.py").unlink()
    (own / "own_networks.py").write_text("import own_helper\n" + MODULE)
    importlib.import_module("own_helper")
    installed.write_text("def any(:\n")
    load_network("own_networks:tiny", device="cpu")


def test_a_module_may_try_a_relative_import(own):
    attempt = "try:\n    from . import own_helper\nexcept ImportError:\n    import own_helper\n"
    (own / "own_networks.py").write_text(attempt + MODULE)
    load_network("own_networks:tiny", device="cpu")
    (own / "own_helper.py").write_text("")
    with pytest.raises(ModelError, match=r"own_helper\.py has changed since featscape first used"):
        load_network("own_networks:tiny", device="cpu")


def test_the_hash_of_a_given_network_is_that_of_the_code_that_runs(own, noise_images, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # the size and the second stay the same
    monkeypatch.syspath_prepend(own)  # for the reload
    load_network("own_networks:tiny", device="cpu")
    module = sys.modules["own_networks"]
    images = noise_images(2)
    before = extract(images, model=module.Tiny(), device="cpu").model
    (own / "own_networks.py").write_text(MODULE.replace("mean((2, 3))", "amax((2, 3))"))
    assert extract(images, model=module.Tiny(), device="cpu").model == before
    importlib.reload(module)
    now = extract(images, model=module.Tiny(), device="cpu").model
    assert now.code_sha256 != before.code_sha256
