import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from featscape.errors import InputError
from featscape.mapfolder.thumbnails import Thumbnails, ThumbnailWriter


def encode(color, format_="PNG", size=(4, 3), mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, size, color).save(file, format_)
    return file.getvalue()


COLORS = ["red", "lime", "blue", "white", "black"]


@pytest.fixture
def folder(tmp_path):
    """Pack five images of one color each."""
    with ThumbnailWriter(tmp_path / "thumbnails") as writer:
        for color in COLORS:
            writer.append(encode(color))
    return tmp_path / "thumbnails"


def test_what_was_packed_is_read_in_order(folder):
    thumbnails = Thumbnails(str(folder))
    assert len(thumbnails) == 5
    for index, color in enumerate(COLORS):
        image = thumbnails.load(index)
        assert image.mode == "RGB"
        assert image.size == (4, 3)
        assert image.tobytes() == Image.new("RGB", (4, 3), color).tobytes()
        assert thumbnails.encoded(index) == encode(color)


def test_the_files_are_as_documented(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["data.bin", "offsets.npy"]
    offsets = np.load(folder / "offsets.npy")
    assert offsets.dtype == np.int64
    assert offsets.tolist() == [0, *np.cumsum([len(encode(color)) for color in COLORS])]
    assert (folder / "data.bin").read_bytes() == b"".join(map(encode, COLORS))


def test_gray_and_jpeg_are_read_as_rgb(tmp_path):
    with ThumbnailWriter(tmp_path) as writer:
        writer.append(encode(77, mode="L"))
        writer.append(encode("red", "JPEG"))
    thumbnails = Thumbnails(tmp_path)
    assert thumbnails.load(0).getpixel((0, 0)) == (77, 77, 77)
    assert thumbnails.load(1).mode == "RGB"


@pytest.mark.parametrize(
    ("size", "at_least_px", "expected"),
    [
        ((256, 191), 0, (256, 191)),
        ((256, 191), 129, (256, 191)),
        ((256, 191), 128, (128, 96)),
        ((191, 256), 128, (96, 128)),
        ((256, 3), 64, (128, 2)),
        ((256, 191), 1, (32, 24)),
        ((256, 191), 500, (256, 191)),
    ],
)
def test_a_jpeg_shrinks_while_its_longer_side_keeps_enough(tmp_path, size, at_least_px, expected):
    with ThumbnailWriter(tmp_path) as writer:
        writer.append(encode("red", "JPEG", size=size))
        writer.append(encode("red", size=size))
    thumbnails = Thumbnails(tmp_path)
    image = thumbnails.load(0, at_least_px=at_least_px)
    assert image.mode == "RGB"
    assert image.size == expected
    assert image.getpixel((0, 0)) == (254, 0, 0)
    assert thumbnails.load(1, at_least_px=at_least_px).size == size


def test_indices_are_those_of_a_sequence(folder):
    thumbnails = Thumbnails(folder)
    assert thumbnails.load(-1).getpixel((0, 0)) == (0, 0, 0)
    assert thumbnails.load(np.int64(1)).getpixel((0, 0)) == (0, 255, 0)
    for index in (5, -6):
        with pytest.raises(IndexError):
            thumbnails.load(index)


def test_a_pack_of_nothing(tmp_path):
    with ThumbnailWriter(tmp_path):
        pass
    assert len(Thumbnails(tmp_path)) == 0


def test_threads_read_alike(folder):
    thumbnails = Thumbnails(folder)
    expected = [thumbnails.load(i).tobytes() for i in range(5)]
    with ThreadPoolExecutor(8) as pool:
        got = pool.map(lambda i: thumbnails.load(i % 5).tobytes(), range(400))
    assert list(got) == expected * 80


def test_an_interrupted_pack_cannot_be_opened(tmp_path):
    def interrupt():
        with ThumbnailWriter(tmp_path) as writer:
            writer.append(encode("red"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    with pytest.raises(InputError, match=r"must contain data.bin and offsets.npy; .*No such file"):
        Thumbnails(tmp_path)


def test_a_pack_is_not_written_over(folder):
    with pytest.raises(FileExistsError):
        ThumbnailWriter(folder)
    assert len(Thumbnails(folder)) == 5


def test_a_full_disk_is_an_error_and_leaves_no_table(tmp_path):
    def write_much():
        with ThumbnailWriter(tmp_path) as writer:
            writer._data.close()
            writer._data = open("/dev/full", "wb")  # noqa: PTH123, SIM115 - the writer closes it
            writer.append(encode("red"))

    with pytest.raises(OSError, match="No space left"):
        write_much()
    assert not (tmp_path / "offsets.npy").exists()


def test_no_folder(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)"):
        Thumbnails(tmp_path / "gone")


def test_data_that_is_missing(folder):
    (folder / "data.bin").unlink()
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)"):
        Thumbnails(folder)


@pytest.mark.parametrize("change", [-1, 1])
def test_data_of_another_length_than_the_table_says(folder, change):
    data = (folder / "data.bin").read_bytes()
    (folder / "data.bin").write_bytes(data[:-1] if change < 0 else data + b"x")
    with pytest.raises(
        InputError, match=rf"{len(data)} bytes .*; got {len(data) + change}. Make the map again"
    ):
        Thumbnails(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"no array", b"PK\x03\x04 no archive", "cut", "pickle"],
    ids=["empty", "text", "archive", "cut", "pickle"],
)
def test_a_table_that_is_damaged(folder, content):
    path = folder / "offsets.npy"
    if content == "cut":
        content = path.read_bytes()[:-8]
    if content == "pickle":
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"must be a NumPy file; .* is damaged"):
        Thumbnails(folder)


@pytest.mark.parametrize(
    "table",
    [
        np.array([0.0, 1.0]),
        np.array([0, 1], dtype=np.int32),
        np.zeros((2, 2), dtype=np.int64),
        np.array([], dtype=np.int64),
        np.array(0, dtype=np.int64),
        np.array([1, 2], dtype=np.int64),
        np.array([0, 9, 5], dtype=np.int64),
        np.array([0, 5, 5], dtype=np.int64),
    ],
)
def test_a_table_that_is_none(folder, table):
    np.save(folder / "offsets.npy", table)
    with pytest.raises(InputError, match=r"increasing int64 numbers from 0"):
        Thumbnails(folder)


def test_an_image_that_is_damaged(folder):
    data = bytearray((folder / "data.bin").read_bytes())
    start, stop = np.load(folder / "offsets.npy")[1:3]
    data[start:stop] = bytes(stop - start)
    (folder / "data.bin").write_bytes(data)
    thumbnails = Thumbnails(folder)
    thumbnails.load(0)
    with pytest.raises(InputError, match=r"number 1 in .* cannot be decoded"):
        thumbnails.load(1)


def test_an_image_that_is_cut(tmp_path):
    with ThumbnailWriter(tmp_path) as writer:
        writer.append(encode("red", "JPEG", size=(99, 99))[:-40])
        writer.append(encode("red", size=(99, 99))[:60])
    for index, at_least_px in ((0, 0), (0, 12), (1, 0), (1, 12)):
        with pytest.raises(InputError, match=rf"number {index} in .* cannot be decoded"):
            Thumbnails(tmp_path).load(index, at_least_px=at_least_px)


@pytest.mark.parametrize("side", [5_000, 10_000, 15_000])
def test_an_image_that_would_fill_the_memory_is_refused(tmp_path, side):
    with ThumbnailWriter(tmp_path) as writer:
        writer.append(encode(0, size=(side, side), mode="1"))
    with pytest.raises(InputError, match=r"number 0 in .* cannot be decoded"):
        Thumbnails(tmp_path).load(0)
