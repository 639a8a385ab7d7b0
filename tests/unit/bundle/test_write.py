import io

import numpy as np
import pytest
from PIL import Image

from featscape.bundle.blocks import pack, unpack
from featscape.bundle.contract import NO_ITEM
from featscape.bundle.images import BLOCK_ITEMS, encode_from
from featscape.errors import InputError
from featscape.labels.classes import NO_LABEL
from featscape.mapfolder.thumbnails import Thumbnails, ThumbnailWriter
from featscape.records import Neighbors
from featscape.records.regions import Region


@pytest.mark.parametrize("n_items", [1, 16, 65, 130])
def test_every_item_has_its_own_thumbnail(bundle_of, swatches, n_items):
    bundle = bundle_of(n_items)
    ids = bundle.array(bundle.manifest.ids)
    assert [one.size_px for one in bundle.manifest.thumbnails] == [32, 64, 128]
    for entry in bundle.manifest.thumbnails:
        for item in range(0, n_items, 7):
            image = Image.open(io.BytesIO(bundle.thumbnail(entry, item)))
            assert image.format == "WEBP"
            assert image.size == (entry.size_px, entry.size_px // 2)
            assert swatches.row_of(image.convert("RGB")) == ids[item]


def test_a_small_image_keeps_its_size(swatches):
    encoded = encode_from(swatches(1, size=(40, 1)))(0)
    sizes = [Image.open(io.BytesIO(image)).size for image in encoded]
    assert sizes == [(32, 1), (40, 1), (40, 1)]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [((256, 189), (128, 95)), ((300, 300), (128, 128)), ((200, 9), (128, 6))],
)
def test_images_are_not_decoded_larger_than_stored(tmp_path, stored, expected):
    across = np.broadcast_to(np.linspace(0, 255, stored[0]), stored[::-1]).astype(np.uint8)
    with ThumbnailWriter(tmp_path) as writer:
        file = io.BytesIO()
        Image.fromarray(across).save(file, "JPEG")
        writer.append(file.getvalue())
    encoded = encode_from(Thumbnails(tmp_path))(0)
    for factor, content in zip((4, 2, 1), encoded, strict=True):
        image = Image.open(io.BytesIO(content)).convert("L")
        assert image.size == tuple(round(side / factor) for side in expected)
        middle = np.asarray(image)[image.height // 2]
        np.testing.assert_allclose(middle, np.linspace(0, 255, image.width), atol=10)


def test_encoded_thumbnails_are_accepted(bundle_of):
    given = {row: tuple(b"%d of %d" % (row, size) for size in BLOCK_ITEMS) for row in range(70)}
    bundle = bundle_of(70, thumbnails=given.__getitem__)
    ids = bundle.array(bundle.manifest.ids)
    for number, entry in enumerate(bundle.manifest.thumbnails):
        found = [bundle.thumbnail(entry, item) for item in range(70)]
        assert found == [given[row][number] for row in ids]


def test_an_error_while_encoding_is_raised(bundle_of):
    def encode(row):
        raise InputError(f"no image {row}")

    with pytest.raises(InputError, match="no image"):
        bundle_of(5, thumbnails=encode)


def test_unpack_returns_the_packed_images():
    images = [b"first", b"", b"third"]
    block = pack(images)
    assert np.frombuffer(block, "<u4", 4).tolist() == [16, 21, 21, 26]
    assert unpack(block) == images


@pytest.mark.parametrize("n_dimensions", [1, 2, 3])
def test_positions_are_in_the_order_of_the_bundle(bundle_of, n_dimensions):
    given = np.random.default_rng(1).normal(size=(300, n_dimensions)).astype(np.float32)
    bundle = bundle_of(300, n_dimensions=n_dimensions, images=False)
    manifest = bundle.manifest
    assert manifest.n_dimensions == max(n_dimensions, 2)
    positions = bundle.array(manifest.positions)
    np.testing.assert_array_equal(positions[:, :n_dimensions], given[bundle.array(manifest.ids)])
    assert (positions[:, n_dimensions:] == 0).all()
    np.testing.assert_array_equal(manifest.lower, positions.min(axis=0))
    np.testing.assert_array_equal(manifest.upper, positions.max(axis=0))
    assert (manifest.grid is None) == (n_dimensions == 3)


def test_the_first_view_reads_14_bytes_per_point(bundle_of):
    bundle = bundle_of(1000, images=False)
    manifest = bundle.manifest
    read_at_first = (manifest.positions, manifest.ids, manifest.class_codes)
    assert sum((bundle.folder / entry.file).stat().st_size for entry in read_at_first) == 14_000


def test_neighbors_refer_to_the_same_items(bundle_of):
    bundle = bundle_of(100, images=False)
    graph = bundle.manifest.neighbors
    positions = bundle.array(bundle.manifest.positions)
    indices, distances = bundle.array(graph.indices), bundle.array(graph.distances)
    assert indices.shape == distances.shape == (100, 12)
    apart = np.sqrt(((positions[:, None] - positions[indices]) ** 2).sum(axis=-1))
    np.testing.assert_allclose(apart, distances, rtol=1e-5)
    assert (np.diff(distances, axis=1) >= 0).all()


def test_a_missing_neighbor_is_an_empty_entry(bundle_of):
    neighbors = Neighbors(
        np.array([[1, 2], [0, -1], [-1, -1]], np.int32), np.ones((3, 2), np.float32)
    )
    bundle = bundle_of(3, neighbors=neighbors)
    ids = bundle.array(bundle.manifest.ids).tolist()
    found = bundle.array(bundle.manifest.neighbors.indices)
    rows = [{NO_ITEM if j == NO_ITEM else ids[j] for j in found[ids.index(i)]} for i in range(3)]
    assert rows == [{1, 2}, {0, NO_ITEM}, {NO_ITEM}]


@pytest.mark.parametrize(
    "positions",
    [
        np.random.default_rng(0).normal(size=(3000, 2)),
        np.random.default_rng(0).normal(size=(3000, 2)) * [100, 1],
        np.random.default_rng(0).normal(size=(300, 1)),
        np.zeros((100, 2)),
        np.zeros((1, 2)),
    ],
    ids=["round", "wide", "line", "one place", "one item"],
)
def test_every_item_has_a_separate_cell(bundle_of, positions):
    n_items = len(positions)
    none = Neighbors(np.empty((n_items, 0), np.int32), np.empty((n_items, 0), np.float32))
    bundle = bundle_of(n_items, positions=positions, neighbors=none, images=False)
    grid = bundle.manifest.grid
    cells = bundle.array(grid.cells)
    assert len(np.unique(cells, axis=0)) == n_items
    assert (cells < [grid.n_columns, grid.n_rows]).all()
    assert n_items <= grid.n_columns * grid.n_rows < 2 * n_items + 10


def test_the_grid_preserves_directions(bundle_of):
    bundle = bundle_of(2000, images=False)
    positions = bundle.array(bundle.manifest.positions)
    cells = bundle.array(bundle.manifest.grid.cells)
    for axis in (0, 1):
        assert np.corrcoef(positions[:, axis], cells[:, axis])[0, 1] > 0.9


def test_labels_paths_and_images_are_optional(bundle_of):
    manifest = bundle_of(40, labels=None, paths=None, images=False).manifest
    assert manifest.classes is None
    assert manifest.class_codes is None
    assert manifest.strings is None
    assert manifest.thumbnails == []
    assert manifest.columns == []


def test_a_bundle_of_one_item(bundle_of):
    bundle = bundle_of(1)
    assert bundle.manifest.level_ends == [1]
    assert bundle.manifest.columns == []  # without a neighbor there is no agreement
    assert bundle.array(bundle.manifest.neighbors.indices).shape == (1, 0)
    assert bundle.strings(0) == {"path": "folder/0.jpg"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"positions": np.zeros((0, 2))}, "with n at least 1"),
        ({"positions": np.zeros((5, 4))}, r"got \(5, 4\)"),
        ({"positions": np.full((5, 2), np.nan)}, "finite"),
        ({"labels": ["x"] * 4}, "labels must have one entry per item, 5 in total; got 4"),
        ({"paths": ["x"] * 6}, "paths must have one entry per item, 5 in total; got 6"),
    ],
)
def test_different_lengths_are_refused_before_writing(bundle_of, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        bundle_of(5, **options)
    assert list(tmp_path.iterdir()) == []


def test_the_same_call_writes_the_same_bytes(bundle_of):
    one, other = bundle_of(300, folder="a"), bundle_of(300, folder="b")
    for name in one.files():
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()


def test_the_folder_contains_only_files_of_the_manifest(bundle_of):
    bundle = bundle_of(300, columns={"note": [f"{row}" for row in range(300)]})
    assert sorted(bundle.files()) == sorted(file.name for file in bundle.folder.iterdir())


def test_maps_of_the_same_items_have_the_same_digest(bundle_of):
    def digest(folder, **options):
        return bundle_of(30, folder=folder, **options).manifest.items_digest

    one = digest("a")
    assert len(one) == 64
    assert digest("b", seed=3, title="another", labels=None) == one
    assert digest("c", paths=[f"other/{row}.jpg" for row in range(30)]) != one
    assert digest("d", paths=None) != digest("e", paths=None, n_dimensions=3)


@pytest.mark.parametrize("n_dimensions", [1, 2, 3])
def test_each_class_has_its_name_at_one_of_its_items(bundle_of, n_dimensions):
    labels = [*"abbcc"] * 20
    bundle = bundle_of(100, labels=labels, n_dimensions=n_dimensions)
    ids = bundle.array(bundle.manifest.ids)
    names = [entry.name for entry in bundle.manifest.classes]
    assert {names[name.code] for name in bundle.manifest.names} == {*"abc"}
    for name in bundle.manifest.names:
        assert labels[ids[name.item]] == names[name.code]


def test_items_without_a_label_have_no_name(bundle_of):
    manifest = bundle_of(20, labels=["a", NO_LABEL] * 10).manifest
    assert {manifest.classes[name.code].name for name in manifest.names} == {"a"}


def test_a_bundle_without_labels_has_no_names(bundle_of):
    assert bundle_of(5, labels=None).manifest.names == []


def test_the_names_of_regions_are_at_their_items(bundle_of):
    regions = [
        Region(0, None, "dog", (("dog", 0.5),), 12, 7, 8),
        Region(1, 0, "pug \udcff", (), 5, 19, 2),
    ]
    bundle = bundle_of(20, labels=None, regions=regions)
    ids = bundle.array(bundle.manifest.ids)
    named = bundle.manifest.regions
    assert [ids[region.item] for region in named] == [7, 19]
    assert [region.name for region in named] == ["dog", r"pug \xff"]
    assert [(region.level, region.n_items) for region in named] == [(0, 12), (1, 5)]
    assert [ids[region.image] for region in named] == [8, 2]
