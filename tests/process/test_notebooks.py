"""The notebooks of the documentation run, contain no outputs, and their export shows the maps."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"


def read_code(file):
    """Return the cells of code; a file that does not follow the format is an error."""
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 3


def test_each_notebook_writes_its_images_to_a_folder_of_its_own():
    """`write_digits` keeps other files, so that a shared folder would have the images of both."""
    code = {file: "".join(cell.source for cell in read_code(file)) for file in NOTEBOOKS}
    folders = {file.stem: re.findall(r'source = Path\("(.+?)"\)', code[file]) for file in NOTEBOOKS}
    assert folders == {name: [f"{name}-digits"] for name in folders}


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_the_notebook_contains_no_outputs(file):
    assert [cell.id for cell in read_code(file) if cell.outputs or cell.execution_count] == []


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_the_notebook_runs_and_shows_an_interactive_map(file, tmp_path, monkeypatch):
    for place in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(place, str(tmp_path / place.lower()))
    copy = Path(shutil.copy(file, tmp_path))
    code = "from nbclient.cli import main; main()"
    command = [sys.executable, "-c", code, "--inplace", "--timeout=120", copy]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outputs = [output for cell in read_code(copy) for output in cell.outputs]
    maps = [output.data for output in outputs if WIDGET in output.get("data", {})]
    assert maps
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    export = "from nbconvert.nbconvertapp import main; main()"
    options = [
        "--to=html",
        "--ClearMetadataPreprocessor.enabled=True",
    ]  # as docs/howto/notebooks.md
    subprocess.run([sys.executable, "-c", export, *options, copy], check=True)
    page = copy.with_suffix(".html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == len(maps)
