"""Members and sidecar files of TAR archives."""

import os
import tarfile

import pytest

from featscape.errors import InputError
from featscape.images import find_images


@pytest.mark.parametrize("n_bytes", [100, 512, 512 * 7 + 60, 512 * 8, 512 * 9])
def test_a_truncated_tar_keeps_the_complete_members(write_tar, tmp_path, png, skipped, n_bytes):
    content = png() + bytes(2048 - len(png()))  # five blocks with the header
    file = write_tar(tmp_path / "a.tar", [(f"{i}.png", content) for i in range(5)])
    os.truncate(file, 5 * 5 * 512 - n_bytes)
    images = find_images(file)
    assert images.paths == tuple(f"{i}.png" for i in range(5 - -(-n_bytes // 2560)))
    assert all(images.load(i).size == (6, 4) for i in range(len(images)))
    assert "(the rest of the archive)" in skipped(images)


def test_a_damaged_tar_reports_the_position_of_the_damage(write_tar, tmp_path, png, skipped):
    file = write_tar(tmp_path / "a.tar", [(f"{i}.png", png()) for i in range(5)])
    with file.open("r+b") as opened:
        opened.seek(2 * 1024 + 100)
        opened.write(b"\xff" * 200)
    images = find_images(file)
    assert images.paths == ("0.png", "1.png")
    assert "damaged at byte 2,048" in skipped(images)["(the rest of the archive)"]


def test_a_complete_tar_is_not_reported_as_truncated(write_tar, tmp_path, png):
    assert find_images(write_tar(tmp_path / "a.tar", [("1.png", png())])).skipped == ()


def test_a_compressed_tar_is_refused_with_a_remedy(write_tar, tmp_path, png):
    with pytest.raises(InputError, match=r"must be uncompressed; .* Decompress the archive"):
        find_images(write_tar(tmp_path / "a.tar.gz", [("1.png", png())]))


def test_links_in_a_tar_are_skipped(write_tar, tmp_path, png, skipped):
    file = write_tar(tmp_path / "a.tar", [("1.png", png())])
    with tarfile.open(file, "a") as archive:
        link = tarfile.TarInfo("2.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert skipped(find_images(file)) == {"2.png": "not a regular file"}


def pax(*records):
    """Return an extended header with records such as "size=-100"."""
    content = b"".join(f"{len(record) + 4:02} {record}\n".encode() for record in records)
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, len(content)
    return info.tobuf() + content + bytes(-len(content) % 512)


@pytest.mark.parametrize(
    "records",
    [
        ["size=-100"],
        ["size=-5000"],
        ["size=nonsense"],
        ["GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=9"],
        ["GNU.sparse.map=1,x"],
        ["GNU.sparse.size=x"],
        ["GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=x"],
    ],
)
def test_a_tar_with_an_invalid_extended_header_keeps_the_members_before(
    write_tar, tmp_path, png, skipped, records
):
    file = write_tar(tmp_path / "a.tar", [("1.png", png(1))])
    member = tarfile.TarInfo("2.png")
    member.size = len(png())
    content = file.read_bytes()[: 2 * 512] + pax(*records) + member.tobuf() + png() + bytes(2000)
    file.write_bytes(content)
    images = find_images(file)
    assert images.paths[0] == "1.png"
    assert images.load(0).size == (6, 4)
    assert 1 <= len(skipped(images)) <= 2


def test_a_large_sidecar_file_is_skipped(write_tar, tmp_path, png, skipped):
    members = [("1.png", png()), ("1.txt", b"t" * (2 << 20))]
    images = find_images(write_tar(tmp_path / "a.tar", members))
    assert images.columns == {}
    assert skipped(images) == {"1.txt": "larger than 1 MiB, the limit for a sidecar file"}
