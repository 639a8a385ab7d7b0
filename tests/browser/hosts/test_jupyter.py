"""The map in JupyterLab draws, returns the selection, and reports a restart of the kernel.

A notebook from someone else shows a picture of the map before its cells run.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import expect

from featscape import open_map

TOKEN = "a-token-for-this-test"
START_S = 180  # of the server, and of the notebook on a busy machine

CELLS = [
    "from featscape import open_map\n\nchosen = open_map({folder!r})\nchosen",
    "chosen",
    "print('rows', chosen.selected)\nprint('paths', list(chosen.selected_frame()['path']))",
]


def write_notebook(file, sources, *, outputs):
    """Write a notebook with one cell of code for each source; each cell has the outputs."""
    notebook = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {},
                "execution_count": None,
                "outputs": outputs,
                "source": source,
            }
            for number, source in enumerate(sources)
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    file.write_text(json.dumps(notebook))


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory, digits):
    """Start JupyterLab, and return the address of a notebook in which {} is its name.

    The notebook "walk" shows the map twice; "received" contains the output of another kernel.
    """
    home = tmp_path_factory.mktemp("jupyter")
    (home / "work").mkdir()
    sources = [source.format(folder=str(digits.folder)) for source in CELLS]
    write_notebook(home / "work" / "walk.ipynb", sources, outputs=[])
    data, metadata = open_map(digits.folder)._repr_mimebundle_()
    shown = {"output_type": "display_data", "data": data, "metadata": metadata}
    write_notebook(home / "work" / "received.ipynb", sources[:1], outputs=[shown])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = os.environ | {name: str(home / name.lower()) for name in places}
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "ServerApp.root_dir": home / "work",
        "IdentityProvider.token": TOKEN,
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
    }
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        *(f"--{name}={at}" for name, at in options.items()),
    ]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    address = f"http://127.0.0.1:{port}/"
    try:
        _wait(f"{address}api?token={TOKEN}", server, home / "log")
        yield f"{address}lab/tree/{{}}.ipynb?token={TOKEN}"
    finally:
        server.terminate()
        try:
            server.wait(timeout=30)
        finally:
            server.kill()


def _wait(address, server, log):
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"JupyterLab does not start: {log.read_text()[-2000:]}")


def test_the_map_in_jupyterlab(browser, jupyter):
    context = browser.new_context(
        viewport={"width": 1280, "height": 1100}, reduced_motion="reduce", color_scheme="light"
    )
    context.set_default_timeout(START_S * 1000)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    answer = page.goto(jupyter.format("walk"))
    # an environment without the folder share/jupyter has no pages of JupyterLab
    assert answer.ok, f"{answer.status} {answer.status_text}"
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    expect(cells).to_have_count(3, timeout=START_S * 1000)
    # JupyterLab ignores cells that are run before the kernel is ready
    expect(page.get_by_role("button", name="| Idle")).to_be_visible(timeout=START_S * 1000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    maps = page.locator(".featscape-widget")
    expect(maps.first.get_by_role("heading", level=1)).to_have_text(
        "digits", timeout=START_S * 1000
    )
    expect(maps).to_have_count(2)  # two views of one map
    expect(cells.nth(2).locator(".jp-OutputArea")).to_contain_text("rows []")

    first = maps.first
    first.scroll_into_view_if_needed()
    first.get_by_role("button", name="Select with a rectangle").click()
    box = first.locator(".fs-stage").bounding_box()
    page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.65 * box["width"], box["y"] + 400, steps=5)
    page.mouse.up()
    heading = first.get_by_role("complementary", name="Selection").get_by_role("heading")
    expect(heading).to_contain_text("selected")
    n_selected = int(heading.inner_text().split()[0])
    assert 10 < n_selected < 490

    printed = _run_last(page, cells)
    rows = json.loads(re.search(r"rows (\[.*?\])", printed)[1])
    paths = re.findall(r"\d/digit-\d+\.png", printed)
    assert len(rows) == len(paths) == n_selected
    assert rows == sorted(set(rows))

    # keys change only the view that has the focus
    first.locator(".fs-stage").focus()
    page.keyboard.press("3")
    expect(first.get_by_role("button", name="Grid")).to_have_attribute("aria-pressed", "true")
    expect(maps.nth(1).get_by_role("button", name="Grid")).to_have_attribute(
        "aria-pressed", "false"
    )

    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Restart Kernel…")).click()
    # wait for the end of the restart: JupyterLab that is stopped during a restart never ends
    with page.expect_response(re.compile(r"/restart\b")):
        page.get_by_role("button", name="Confirm Kernel Restart").click()
        expect(first.get_by_role("alert")).to_contain_text("run this cell again")
    page.screenshot(path=os.environ.get("FEATSCAPE_SHOT") or None)
    assert errors == []
    context.close()


def test_a_notebook_from_someone_else_shows_the_picture_of_the_map(browser, jupyter):
    context = browser.new_context(viewport={"width": 1280, "height": 1100})
    context.set_default_timeout(START_S * 1000)
    page = context.new_page()
    page.goto(jupyter.format("received"))
    picture = page.locator(".jp-OutputArea-output img")
    expect(picture).to_be_visible(timeout=START_S * 1000)
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
    context.close()


def _run_last(page, cells):
    """Run the last cell again, and return its output."""
    last = cells.nth(2)
    before = last.locator(".jp-InputPrompt").first.inner_text()
    last.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(last.locator(".jp-InputPrompt").first).not_to_have_text(before)
    expect(last.locator(".jp-InputPrompt").first).to_have_text(re.compile(r"\[\d+\]:"))
    return last.locator(".jp-OutputArea-output").all_inner_texts()[0]
