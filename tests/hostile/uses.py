"""The commands and the requests that read a map, and checks of their results."""

import shutil
from contextlib import closing

from starlette.testclient import TestClient

from featscape.app.server.application import ServedMap, make_app
from featscape.app.server.security import Access, Guard
from featscape.errors import FeatscapeError
from featscape.printable_names import printable
from hostile import CANARY


def assert_harmless_site(site):
    """Check the files of a site, if the site was exported; delete the site."""
    if site.exists():
        for file in site.rglob("*"):
            assert file.is_dir() or CANARY not in file.read_bytes()
        shutil.rmtree(site)


def assert_harmless_report(report):
    """Check a report, if the report was written; delete the report."""
    if report.exists():
        content = report.read_bytes()
        assert CANARY not in content
        assert b"<script" not in content.lower()
        report.unlink()


def commands(folder, report):
    """Return the arguments of each command that reads a map, except `serve` and `export`."""
    return [
        ("info", folder),
        ("findings", folder),
        ("search", folder, "animal"),
        ("report", folder, "-o", report),
    ]


def assert_line(line):
    assert line.endswith((".", "(force=True)."))
    assert CANARY.decode() not in line
    assert len(printable(line)) < 3_000


def request_everything(folder):
    """Send a request for each resource to the server of a map, if the server accepts the map."""
    try:
        served = ServedMap(folder)
    except FeatscapeError as error:
        assert_line(str(error))
        return
    with closing(served), open_client(served) as client:  # one event loop for all requests
        check_responses(client, folder)


def open_client(served):
    guarded = Guard(make_app(served), access=Access.on_loopback(8000))
    return TestClient(guarded, base_url="http://127.0.0.1:8000")


def check_responses(client, folder):
    answers = [
        client.get("/"),
        client.get("/scatter.png"),
        *(client.get(f"/data/{file.name}") for file in (folder / "bundle").iterdir()),
        *(client.get(f"/api/items/0{of}") for of in ("", "/neighbors", "/thumbnail", "/image")),
        client.post("/api/search", json={"text": "a"}),
        client.post("/api/content", json={"text": "a"}),
        client.post("/api/zip", json={"ids": [0, 1]}),
        client.post("/api/place", content=b"no image"),
    ]
    for answer in answers:
        assert answer.status_code < 500, answer.text
        assert CANARY not in answer.content
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error", "status"}
