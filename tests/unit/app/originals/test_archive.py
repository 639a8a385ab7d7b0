"""ZIP archives: complete, with safe names, and created while they are sent."""

import asyncio
import hashlib
import io
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featscape.app.originals.archive import (
    MISSING,
    KeptSelections,
    missing_extension,
    safe_name,
    stream_archive,
    unique_name,
)
from featscape.app.originals.reader import Original, Originals


def test_archive_contains_the_original_bytes(client, digits, fetch_zip):
    response = fetch_zip(client, [3, 59, 3, 0])
    assert response.headers["content-type"] == "application/zip"
    assert response.headers["content-disposition"] == "attachment"  # the page sets the name
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [digits.made.paths[i] for i in (3, 59, 0)]
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            assert archive.read(entry) == (digits.source / entry.filename).read_bytes()


def test_missing_originals_are_listed(copied, open_client, fetch_zip):
    (copied.source / copied.paths[1]).unlink()
    response = fetch_zip(open_client(copied.folder), [0, 1, 2])
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.namelist() == [copied.paths[0], copied.paths[2], MISSING]
        assert archive.read(MISSING).decode() == (f"{copied.paths[1]}: no such file\n")


@pytest.mark.parametrize(
    ("ids", "status", "message"),
    [
        ([], 422, "must contain at least one image"),
        ([60], 422, "below 60, the number of items; got 60"),
        ([-1], 422, "got -1"),
        ([2**70], 422, "got 1180591620717411303424"),
        ([0] * 100_001, 422, "should have at most 100000 items"),
    ],
)
def test_invalid_selections_are_refused(client, error_of, ids, status, message):
    response = client.post("/api/zip", json={"ids": ids})
    assert response.status_code == status
    assert message in error_of(response)


def test_archive_has_no_size_limit(client, digits, fetch_zip, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10_000)  # makes ZIP64 necessary
    response = fetch_zip(client, list(range(60)))
    assert b"PK\x06\x06" in response.content  # the end of a ZIP64 directory
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(digits.made.paths)


def test_recent_archives_can_be_downloaded_repeatedly(client, error_of):
    keys = [client.post("/api/zip", json={"ids": [item]}).json()["key"] for item in range(9)]
    first, *others = (client.get(f"/api/zip/{key}") for key in keys)
    assert first.status_code == 404
    assert "Request the archive again" in error_of(first)
    assert {response.status_code for response in others} == {200}
    assert client.get(f"/api/zip/{keys[-1]}").status_code == 200


def test_selections_are_stored_from_several_threads():
    selections = KeptSelections()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # makes conflicts of the threads likely
    try:
        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(selections.keep, ([item] for item in range(5000))))
    finally:
        sys.setswitchinterval(interval)
    assert len(set(keys)) == 5000
    assert len(selections) == 8


def test_archive_is_never_completely_in_memory(tmp_path):
    content = b"BM" + bytes(20 << 20)
    (tmp_path / "large.bmp").write_bytes(content)
    items = SimpleNamespace(
        path=lambda _item: "large.bmp",
        sha256=lambda _item: hashlib.sha256(content).hexdigest(),
        has_paths=True,
    )
    originals = Originals(str(tmp_path), items, is_own=True)

    async def measure():
        pieces = stream_archive([0, 1, 2], items=items, originals=originals)
        return [len(piece) async for piece in pieces]

    lengths = asyncio.run(measure())
    assert sum(lengths) > 3 * len(content)
    assert max(lengths) < 1 << 20


@pytest.mark.parametrize(
    ("path", "media_type", "expected"),
    [
        ("a.parquet/389", "image/jpeg", ".jpg"),
        ("a.parquet/sku=A-1.7", "image/png", ".png"),
        ("a.npz/0", "image/tiff", ".tiff"),
        ("cat/1.JPG", "image/jpeg", ""),
        ("cat/1.jpg", "image/png", ""),
    ],
)
def test_a_member_without_an_extension_gets_that_of_its_format(path, media_type, expected):
    assert missing_extension(path, Original(b"", 0, media_type)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("cat/1.jpg", "cat/1.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\Windows\\a.jpg", "C__Windows_a.jpg"),
        ('a"b<c>|?*.png', "a_b_c____.png"),
        ("a\nb.png", "a_nb.png"),
        ("dots../ end .png", "dots/ end .png"),
        ("con/aux.jpg", "_con/_aux.jpg"),
        ("...", "image"),
        ("", "image"),
        ("\u202egpj.exe", "_u202egpj.exe"),
        ("caf\udce9.png", "caf_xe9.png"),
        ("قطة/é.png", "قطة/é.png"),
    ],
)
def test_names_are_safe_on_every_system(path, expected):
    assert safe_name(path) == expected


@given(st.text(st.characters(exclude_categories=[]), max_size=30))
def test_names_stay_below_the_folder(path):
    name = safe_name(path)
    name.encode()
    assert name.isprintable()
    assert not set(name) & set('<>:"|?*\\')
    assert all(part not in ("", ".", "..") for part in name.split("/"))


def test_names_are_unique_on_every_system():
    taken = set()
    names = [
        "a/x.png",
        "a/X.png",
        "a/x.png",
        "b/x.png",
        "é.png",
        "e\u0301.png",
        ".x",
        ".x",
        "n",
        "n",
    ]
    assert [unique_name(name, taken) for name in names] == [
        "a/x.png",
        "a/X (2).png",
        "a/x (3).png",
        "b/x.png",
        "é.png",
        "e\u0301 (2).png",
        ".x",
        ".x (2)",
        "n",
        "n (2)",
    ]
