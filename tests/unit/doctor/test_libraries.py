"""Missing, old and damaged libraries, and the optional ones."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import pytest

from featscape.doctor import diagnosis, libraries


@pytest.fixture
def installed(monkeypatch):
    """Return a dict of versions that replace the installed ones; None for a missing library."""
    changed = {}

    def version_of(name):
        if name in changed:
            if changed[name] is None:
                raise PackageNotFoundError(name)
            return changed[name]
        return version(name)

    monkeypatch.setattr(libraries, "version", version_of)
    return changed


def test_nothing_is_missing_here():
    assert list(libraries.find_missing()) == []
    versions = libraries.list_versions()
    assert list(versions)[:3] == ["python", "featscape", "meshtsne"]
    assert {"torch", "threadpoolctl", "scipy"} <= set(versions)
    assert None not in versions.values()


@pytest.mark.parametrize(
    ("found", "words"), [(None, "is not installed"), ("9.1", "has the version 9.1")]
)
def test_a_library_that_is_missing_or_too_old(installed, found, words):
    installed["pillow"] = found
    (problem,) = libraries.find_missing()  # other libraries need pillow, too
    assert problem.is_broken
    assert problem.text == f"pillow {words}; featscape needs pillow >=10.4"
    assert problem.remedy == "Run pip install 'pillow>=10.4'."
    assert libraries.list_versions()["pillow"] == found


def test_a_library_that_does_not_fit_another_library(installed):
    installed["torch"] = "2.9.1"
    texts = [problem.text for problem in libraries.find_missing()]
    fitting = version("torch").partition("+")[0]  # without "+cpu"
    assert texts == [f"torch has the version 2.9.1; torchvision needs torch =={fitting}"]


def test_a_library_that_cannot_be_imported(monkeypatch):
    def load(name):
        if name == "torch":
            raise OSError("libtorch.so: cannot open shared object file\nmore")

    monkeypatch.setattr(libraries, "import_module", load)
    (problem,) = libraries.find_unloadable()
    assert (problem.subject, problem.is_broken) == ("torch", True)
    assert problem.text == (
        "torch cannot be imported: OSError: libtorch.so: cannot open shared object file"
    )
    assert "--force-reinstall torch" in problem.remedy


def test_all_required_libraries_are_imported(monkeypatch):
    imported = []
    monkeypatch.setattr(libraries, "import_module", imported.append)
    assert list(libraries.find_unloadable()) == []
    assert {"timm", "torchvision", "jinja2", "sklearn", "huggingface_hub"} <= {*imported}
    assert len(imported) == len(libraries.list_versions()) - 3  # python, featscape, meshtsne
    assert [name for name in imported if find_spec(name.partition(".")[0]) is None] == []


def test_an_extra_that_is_not_installed(installed):
    assert {extra.name for extra in libraries.list_extras()} == {
        *("clip", "cuda", "int8", "notebook", "ray", "remote")
    }
    installed["anywidget"] = None
    extra = next(extra for extra in libraries.list_extras() if extra.name == "notebook")
    assert extra.missing == ("anywidget >=0.9.13",)
    assert extra.command == "pip install 'featscape[notebook]'"


def test_a_missing_library_is_one_problem(installed, monkeypatch):
    def load(name):
        if name.startswith("scipy"):
            raise ModuleNotFoundError(name)

    installed["scipy"] = None  # scikit-learn needs scipy, too
    monkeypatch.setattr(libraries, "import_module", load)
    texts = [problem.text for problem in diagnosis.diagnose().problems if problem.is_broken]
    assert len(texts) == 1
    assert texts[0].startswith("scipy is not installed; featscape needs scipy >=")
