"""The extraction loop: order, skipped images, bounded memory, interruption."""

import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from featscape.errors import ImageError, InputError, ModelError
from featscape.features import ExtractOptions, NetworkRequest, extract, run_extraction
from featscape.features.extraction.reading import digest, read_image
from featscape.features.extraction.sampling import PreparedNetwork
from featscape.features.network import Network
from featscape.features.protocols import CachedFeatures, Read
from featscape.features.zoo.preprocessing import Preprocessing
from featscape.records import Inference, ModelCard, SkippedImage
from helpers.notes import Notes


class MeanColor:
    """A backend whose features are the mean color of an image."""

    card = ModelCard("mean", "mean", "none", "0", "none", 3)
    batch_size = 4
    n_workers = 2
    n_concurrent = 1
    min_px = 0
    takes_pixels = False

    def __init__(self):
        self.batches = []

    def prepare(self, image):
        return np.asarray(image)

    def run(self, pixels):
        self.batches.append(len(pixels))
        return np.stack([p.mean((0, 1), dtype=np.float32) for p in pixels])


class Thumbnails:
    size_px = 256

    def __init__(self):
        self.rows = []
        self.threads = set()

    def make(self, image, **_options):
        self.threads.add(threading.current_thread())
        return image.tobytes()[:6]

    def append(self, encoded):
        assert threading.current_thread() is threading.main_thread()
        self.rows.append(encoded)


class Counting:
    def __init__(self):
        self.opened, self.done = None, 0

    @contextmanager
    def task(self, task):
        self.work, self.n_before = task.work, task.n_before
        self.opened = (task.description, task.total, task.unit)
        yield self.advance

    def advance(self, n):
        self.done += n


def mean_colors(images, kept):
    return np.stack([np.asarray(images.load(i)).mean((0, 1)) for i in kept])


@pytest.mark.parametrize("n_images", [1, 3, 4, 5, 8, 23])
@pytest.mark.parametrize("n_workers", [1, 3])
def test_there_is_one_row_per_image_in_order(noise_images, n_images, n_workers):
    images = noise_images(n_images)
    features = extract(images, model=MeanColor(), n_workers=n_workers)
    assert features.values.dtype == np.float32
    np.testing.assert_allclose(features.values, mean_colors(images, range(n_images)), rtol=1e-5)
    assert features.images.paths == images.paths
    assert features.sizes_px.dtype == np.int32
    assert features.sizes_px.tolist() == [[40, 30]] * n_images
    assert features.model is MeanColor.card


@pytest.mark.parametrize("broken", [(0,), (9,), (3, 4, 5), (0, 1, 2, 3), (6, 7, 8, 9)])
def test_unreadable_images_are_skipped_with_the_reason(noise_images, broken):
    earlier = SkippedImage("notes.txt", "not an image")
    reasons = {index: f"truncated at byte {index}" for index in broken}
    images = replace(noise_images(10, broken=reasons), skipped=(earlier,))
    kept = [i for i in range(10) if i not in broken]
    thumbnails, progress = Thumbnails(), Counting()
    options = ExtractOptions(thumbnails=thumbnails, progress=progress)
    features = run_extraction(images, NetworkRequest(MeanColor()), options)
    np.testing.assert_allclose(features.values, mean_colors(images, kept), rtol=1e-5)
    assert features.images.paths == tuple(f"{i}.png" for i in kept)
    assert features.images.labels == tuple("ab"[i % 2] for i in kept)
    assert len(features.sizes_px) == len(kept)
    assert features.images.skipped == (
        earlier,
        *(SkippedImage(f"{i}.png", f"truncated at byte {i}") for i in broken),
    )
    assert thumbnails.rows == [images.load(i).tobytes()[:6] for i in kept]
    assert progress.opened == ("Features", 10, "images")
    assert progress.done == 10
    assert progress.work() == (len(kept), 0)


def test_the_features_of_the_sample_keep_what_was_seen_while_decoding(noise_images):
    class Sample:
        def find(self, _key, **_options):
            return CachedFeatures("", np.zeros(3, np.float32), (40, 30), None, 300, True)

    images = noise_images(1)
    read = read_image(b"0", images.decode, MeanColor(), None, Sample())
    assert read.largest == 300
    assert read.has_more


def test_the_images_of_the_sample_count_as_computed(noise_images, monkeypatch):
    images = noise_images(6)
    sample = {
        digest(images.read(i)): CachedFeatures("", np.zeros(3, np.float32), (40, 30), None)
        for i in range(2)
    }
    loop = import_module("featscape.features.extraction.loop")
    monkeypatch.setattr(
        loop,
        "prepare_network",
        lambda network, *_, **__: PreparedNetwork(network, sample=sample, n_sampled=2),
    )
    network, progress = MeanColor(), Counting()
    extract(images, model=network, progress=progress)
    assert sum(network.batches) == progress.work()[0] == 4
    assert progress.n_before == 2


def test_an_attribute_of_a_backend_that_has_another_meaning_is_not_recorded(noise_images):
    network = MeanColor()
    network.inference = "mine"
    assert extract(noise_images(2), model=network).inference is None


class Dead(MeanColor):
    """A backend whose second layer gives all images the same features, apart from rounding."""

    card = ModelCard("dead", "mean+last", "none", "0", "none", 5, widths=(3, 2))

    def run(self, pixels):
        last = np.full((len(pixels), 2), 0.3 + 1e-8 * len(pixels), np.float32)
        return np.hstack([super().run(pixels), last])


def test_equal_features_of_all_images_are_reported(noise_images):
    notes = Notes()
    extract(noise_images(6), model=Dead(), progress=notes)
    (line,) = notes.lines
    assert line == (
        "dead gives all 6 images the same features (last), so that positions on a map have "
        "no meaning: check the images, the weights and the preprocessing"
    )
    with pytest.warns(UserWarning, match=r"all 6 images the same features \(last\)"):
        extract(noise_images(6), model=Dead())
    extract(noise_images(1), model=Dead(), progress=notes)
    assert len(notes.lines) == 1


def test_features_of_another_white_are_not_continued(noise_images, tmp_path):
    for white, n_computed in ((None, 5), (4095, 5), (1023, 5), (4095, 0), (None, 0)):
        network = MeanColor()
        images = replace(noise_images(5), white=white)
        run_extraction(images, NetworkRequest(network), ExtractOptions(work=tmp_path))
        assert sum(network.batches) == n_computed


@pytest.mark.parametrize("is_in_file", [False, True])
def test_equal_images_are_computed_once(noise_images, tmp_path, is_in_file):
    order = [0, 1, 0, 2, 1, 3, 0, 4]
    images = noise_images(5).select(order)
    network, thumbnails = MeanColor(), Thumbnails()
    file = tmp_path / "f.npy" if is_in_file else None
    options = ExtractOptions(thumbnails=thumbnails, file=file)
    features = run_extraction(images, NetworkRequest(network), options)
    assert sum(network.batches) == 5
    np.testing.assert_allclose(features.values, mean_colors(noise_images(5), order), rtol=1e-5)
    assert len(thumbnails.rows) == 8


def test_the_paths_of_the_options_may_be_text(noise_images, tmp_path):
    file, work = tmp_path / "f.npy", tmp_path / "work"
    options = ExtractOptions(file=str(file), work=str(work))
    for n_computed in (3, 0):
        network = MeanColor()
        features = run_extraction(noise_images(3), NetworkRequest(network), options)
        assert sum(network.batches) == n_computed
        np.testing.assert_array_equal(np.load(file), features.values)


def test_the_options_of_an_extraction_are_keywords():
    with pytest.raises(TypeError, match="positional"):
        ExtractOptions(8)
    with pytest.raises(TypeError, match="positional"):
        NetworkRequest("resnet50", None)


def test_features_are_written_into_a_file_and_mapped(noise_images, tmp_path):
    file = tmp_path / "f.npy"
    file.write_bytes(b"older")
    features = extract(noise_images(5), model=MeanColor(), file=str(file))
    assert isinstance(features.values, np.memmap)
    np.testing.assert_allclose(np.load(file), mean_colors(noise_images(5), range(5)), rtol=1e-5)


def test_images_that_cannot_be_prepared_are_skipped(noise_images):
    class Choosy(MeanColor):
        def prepare(self, image):
            if np.asarray(image)[0, 0, 0] > 127:
                raise ImageError("too red")
            return super().prepare(image)

    features = extract(noise_images(12), model=Choosy())
    assert 0 < len(features) < 12
    assert {skip.reason for skip in features.images.skipped} == {"too red"}


def test_thumbnails_are_made_in_the_decoding_threads(noise_images):
    thumbnails = Thumbnails()
    options = ExtractOptions(thumbnails=thumbnails)
    run_extraction(noise_images(9), NetworkRequest(MeanColor()), options)
    assert threading.main_thread() not in thumbnails.threads
    assert len(thumbnails.rows) == 9


def test_all_batches_but_the_last_are_full(noise_images):
    network = MeanColor()
    extract(noise_images(10, broken={2: "x"}), model=network, batch_size=4)
    assert network.batches == [4, 4, 1]


@pytest.mark.parametrize(("n_concurrent", "n_batches"), [(1, 3), (2, 5), (3, 6)])
def test_never_more_than_two_batches_are_decoded_ahead(noise_images, n_concurrent, n_batches):
    """Count the images decoded ahead of the current batch and the concurrent batches."""
    alive, most = 0, 0
    lock = threading.Lock()

    class Slow(MeanColor):
        def prepare(self, image):
            nonlocal alive, most
            with lock:
                alive += 1
                most = max(most, alive)
            return super().prepare(image)

        def run(self, pixels):
            nonlocal alive
            time.sleep(0.01)
            with lock:
                alive -= len(pixels)
            return super().run(pixels)

    network = Slow()
    network.n_concurrent = n_concurrent
    extract(noise_images(120), model=network, batch_size=5, n_workers=4)
    assert 5 * (n_batches - 2) < most <= 5 * n_batches


def test_no_readable_image_is_an_error_with_the_most_frequent_reason(noise_images):
    images = noise_images(3, broken={0: "damaged (1)", 1: "truncated", 2: "damaged (2)"})
    message = r"none of the 3 in pictures is\. The most frequent reason \(2 of 3\): damaged, for ex"
    with pytest.raises(InputError, match=message):
        extract(images, model=MeanColor())
    with pytest.raises(InputError, match=r"the only image in pictures is not\. The most"):
        extract(images.select([0]), model=MeanColor())


def test_a_path_instead_of_images_is_an_error():
    with pytest.raises(InputError, match=r"result of find_images; got the type str. Pass find"):
        extract("photos", model="quick")


def test_an_empty_source_is_an_error(noise_images):
    with pytest.raises(InputError, match="at least one image; pictures has none"):
        extract(noise_images(0), model=MeanColor())


@pytest.mark.parametrize("name", ["batch_size", "n_workers"])
@pytest.mark.parametrize("value", [0, -3])
def test_counts_below_one_are_refused(noise_images, name, value):
    with pytest.raises(InputError, match=f"{name} must be 1 or more; got {value}"):
        extract(noise_images(2), model=MeanColor(), **{name: value})


def test_options_of_loading_are_refused_with_a_loaded_network(noise_images):
    with pytest.raises(InputError, match="left out with a loaded network"):
        extract(noise_images(2), model=MeanColor(), device="cpu")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_an_error(noise_images, value):
    class Broken(MeanColor):
        def run(self, pixels):
            values = super().run(pixels)
            if len(self.batches) == 2:
                values[1, 2] = value
            return values

    with pytest.raises(ModelError, match=r"gives NaN or infinity for 5\.png"):
        extract(noise_images(9), model=Broken())


def test_features_whose_squares_exceed_float32_are_an_error(noise_images):
    class Large(MeanColor):
        def run(self, pixels):
            return super().run(pixels) * np.float32(1e30)

    with pytest.raises(ModelError, match=r"at most 5\.\d+e\+18, .* for 0\.png\. Divide the output"):
        extract(noise_images(3), model=Large())


def decoding_threads():
    return [t for t in threading.enumerate() if t.name.startswith("featscape-decode")]


@pytest.fixture
def slow_images(noise_images):
    """Make 500 images that take 2 ms each, one of which raises, and a list of decoded images."""
    images, decoded = noise_images(500), []

    def make(*, stem="none", error=None):
        def decode(content, **options):
            time.sleep(0.002)
            decoded.append(content)
            if content.decode() == stem:
                raise error
            return images.decode(content, **options)

        return replace(images, decode=decode), decoded

    return make


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_while_decoding_stops_all_threads(slow_images, error):
    images, decoded = slow_images(stem="3", error=error)
    with pytest.raises(error):
        extract(images, model=MeanColor(), batch_size=100)
    assert len(decoded) < 100  # 200 were submitted
    assert decoding_threads() == []


def test_an_interruption_in_the_main_thread_stops_all_threads(slow_images):
    images, decoded = slow_images()

    class Interrupted(Counting):
        def advance(self, n):
            super().advance(n)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(images, model=MeanColor(), batch_size=100, progress=Interrupted())
    assert 100 <= len(decoded) < 200  # 299 were submitted
    assert decoding_threads() == []


def test_an_unexpected_exception_of_decoding_is_raised(noise_images):
    class Clumsy(MeanColor):
        def prepare(self, image):
            raise ZeroDivisionError(image)

    with pytest.raises(ZeroDivisionError):
        extract(noise_images(3), model=Clumsy())


class Elsewhere:
    """Machines that compute features, and return placeholders for the first images."""

    def __init__(self, n_placeholders):
        self.n_placeholders = n_placeholders

    def compute(self, images, network, *, batch_size, thumbnails, cache):
        del batch_size, cache
        for index in range(len(images)):
            key = digest(images.read(index))
            if index < self.n_placeholders:
                placeholder = CachedFeatures("", np.empty(0, np.float32), (0, 0), b"")
                yield Read(key, (0, 0), b"", cached=placeholder)
            else:
                image = images.load(index)
                thumbnail = None if thumbnails is None else thumbnails.make(image)
                values = network.run([network.prepare(image)])[0]
                yield Read(key, image.size, thumbnail, values=values)


@pytest.mark.parametrize("n_placeholders", [0, 3, 9])
@pytest.mark.parametrize("kept", ["nothing", "features", "features and thumbnails"])
@pytest.mark.parametrize("with_thumbnails", [False, True])
def test_placeholders_of_machines_are_looked_up_or_computed_here(
    noise_images, tmp_path, n_placeholders, kept, with_thumbnails
):
    images, work = noise_images(9), tmp_path / "work"
    if kept != "nothing":
        options = ExtractOptions(thumbnails=Thumbnails() if "thumb" in kept else None, work=work)
        run_extraction(images, NetworkRequest(MeanColor()), options)
    network = MeanColor()
    thumbnails = Thumbnails() if with_thumbnails else None
    options = ExtractOptions(machines=Elsewhere(n_placeholders), thumbnails=thumbnails, work=work)
    features = run_extraction(images, NetworkRequest(network), options)
    np.testing.assert_allclose(features.values, mean_colors(images, range(9)), rtol=1e-5)
    assert features.sizes_px.tolist() == [[40, 30]] * 9
    assert sum(network.batches) == 9 - (n_placeholders if kept != "nothing" else 0)
    if with_thumbnails:
        assert thumbnails.rows == [images.load(i).tobytes()[:6] for i in range(9)]


class TestScale:
    """Images are decoded at a reduced size that does not change the thumbnails."""

    class Looking(MeanColor):
        min_px = 100

        def __init__(self):
            super().__init__()
            self.seen = []

        def prepare(self, image):
            self.seen.append(image.size)
            return super().prepare(image)

    @pytest.fixture
    def photo(self, tmp_path):
        """Return an image set with one JPEG file of 901 x 643 pixels."""
        from PIL import Image

        from featscape.images import find_images

        gradient = np.linspace(0, 255, 901 * 643 * 3).reshape(643, 901, 3).astype(np.uint8)
        Image.fromarray(gradient).save(tmp_path / "one.jpg")
        return find_images(tmp_path)

    def test_images_are_decoded_at_the_smallest_sufficient_scale(self, photo):
        network = self.Looking()
        features = extract(photo, model=network)
        assert network.seen == [(226, 161)]
        assert features.sizes_px.tolist() == [[901, 643]]

    @pytest.mark.parametrize("size_px", [100, 256, 600, 2000])
    def test_a_thumbnail_has_the_size_for_the_full_image(self, photo, tmp_path, size_px):
        import io

        from PIL import Image

        from featscape.images import ThumbnailPacker, make_thumbnail
        from featscape.mapfolder.thumbnails import Thumbnails

        network = self.Looking()
        with ThumbnailPacker(tmp_path / "small", size_px=size_px) as pack:
            run_extraction(photo, NetworkRequest(network), ExtractOptions(thumbnails=pack))
        assert network.seen == [(226, 161)]  # for any size of the thumbnails
        whole = Image.open(io.BytesIO(make_thumbnail(photo.load(0), size_px=size_px)))
        assert Thumbnails(tmp_path / "small").load(0).size == whole.size


def preprocessing_with(resize_px):
    ones = (1.0, 1.0, 1.0)
    return Preprocessing(np.asarray, "resized", resize_px, 224, ones, ones)


@pytest.mark.parametrize(
    ("n_long", "resize_px", "expected"),
    [(9, 256, 0), (10, 256, 1), (100, 256, 1), (100, None, 0)],
)
def test_many_images_of_which_the_network_sees_less_than_a_third_are_reported(
    noise_images, n_long, resize_px, expected
):
    notes = Notes()
    network = Network(
        MeanColor.card,
        device="cpu",
        module=None,
        preprocessing=preprocessing_with(resize_px),
        engine=MeanColor(),
        requested="fp32",
        fallback="",
        inference=Inference("An engine 1.0", "fp32", "fp32", "requested"),
    )
    long = noise_images(n_long, size_px=(48, 20))  # 224^2 / (256 * 614) = .32
    images = noise_images(100)
    square = noise_images(100, size_px=(24, 24)).decode

    def decode(content, **options):
        return (long.decode if int(content) < n_long else square)(content, **options)

    extract(replace(images, decode=decode), model=network, progress=notes)
    lines = [line for line in notes.lines if "the network sees only the square" in line]
    assert len(lines) == expected
    if lines:
        assert f"which is less than a third of {n_long} of 100 images: pad" in lines[0]


def test_the_network_sees_the_central_square_of_the_resized_image():
    shares = preprocessing_with(256).visible_shares(np.array([[10, 10], [160, 90], [100, 1600]]))
    np.testing.assert_allclose(shares, np.array([1, 9 / 16, 1 / 16]) * (224 / 256) ** 2)
