"""Members of ZIP archives."""

import tracemalloc
import zipfile

import numpy as np
import pytest

from featscape.errors import ImageError
from featscape.images import find_images
from featscape.images.containers.zip_archive import ZipArchive


def test_a_damaged_zip_member_raises_an_image_error(write_zip, tmp_path, png):
    members = [("1.png", png() + bytes(1000)), ("2.png", png(2))]
    file = write_zip(tmp_path / "a.zip", members, zipfile.ZIP_STORED)
    content = bytearray(file.read_bytes())
    content[100] ^= 255
    file.write_bytes(content)
    images = find_images(file)
    with pytest.raises(ImageError, match="damaged in the archive"):
        images.load(0)
    assert images.load(1).size == (6, 4)


def test_an_encrypted_member_raises_an_image_error(write_zip, tmp_path, png):
    file = write_zip(tmp_path / "a.zip", [("1.png", png())])
    content = bytearray(file.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(content)
    with pytest.raises(ImageError, match="encrypted"):
        find_images(file).load(0)


def test_a_member_above_the_size_limit_is_not_read(write_zip, tmp_path, png, monkeypatch):
    monkeypatch.setattr("featscape.images.storage.limits.MAX_BYTES", 100)
    bomb = [("1.png", bytes(10_000)), ("2.png", png())]
    with pytest.raises(ImageError, match="too large"):
        find_images(write_zip(tmp_path / "a.zip", bomb)).load(0)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_each_compression_method_returns_the_original_bytes(write_zip, tmp_path, method):
    content = np.random.default_rng(0).bytes(300_000) + bytes(300_000)
    archive = ZipArchive(
        write_zip(tmp_path / "a.zip", [("1.png", content), ("0.png", b"")], method)
    )
    assert archive.read("1.png") == content
    assert archive.read("0.png") == b""


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_decompression_stops_at_the_size_in_the_directory(write_zip, tmp_path, png, method):
    bomb = [("1.png", bytes(20_000_000)), ("2.png", png())]
    file = write_zip(tmp_path / "a.zip", bomb, method)
    content = bytearray(file.read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = (1_000).to_bytes(4, "little")
    file.write_bytes(content)
    images = find_images(file)
    tracemalloc.start()
    with pytest.raises(ImageError, match="damaged in the archive"):
        images.load(0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3e6
    assert images.load(1).size == (6, 4)


def test_a_damaged_lzma_dictionary_size_allocates_no_memory(write_zip, tmp_path, png):
    file = write_zip(tmp_path / "a.zip", [("1.png", png())], zipfile.ZIP_LZMA)
    content = bytearray(file.read_bytes())
    at = 30 + len("1.png") + 4 + 1  # the local header, LZMA's header, the first property
    assert int.from_bytes(content[at : at + 4], "little") == 1 << 23
    content[at + 3] = 0xFF
    file.write_bytes(content)
    images = find_images(file)
    tracemalloc.start()
    assert images.load(0).size == (6, 4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3e6


def test_an_unsupported_compression_method_is_reported(write_zip, tmp_path, png):
    file = write_zip(tmp_path / "a.zip", [("1.png", png())])
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\x01\x02") + 10] = 93
    file.write_bytes(content)
    with pytest.raises(ImageError, match=r"unsupported compression method \(number 93\)"):
        find_images(file).load(0)
