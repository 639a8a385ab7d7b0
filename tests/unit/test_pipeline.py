import fnmatch
import json
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featscape import (
    embed_features,
    make_map,
    mapfolder,
    pipeline,
)
from featscape.bundle import open_bundle, site
from featscape.errors import FeatscapeError, InputError
from featscape.labels.animals10 import ENGLISH_NAMES
from featscape.mapfolder.read import open_map
from featscape.mapfolder.staging.ownership import find_foreign
from featscape.mapfolder.words_file import write_recognized, write_vectors
from featscape.progress import PlainProgress
from featscape.records import Recognized, WordVectors
from featscape.steps.drawing import export_site
from helpers.images.photos import write_images

pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.usefixtures("quick_network")
class TestMakeMap:
    def test_the_reason_is_reported_if_all_images_but_one_are_unreadable(self, photos):
        for file in sorted(photos.rglob("*.png"))[1:]:
            file.write_bytes(b"no image")
        lines = []
        with pytest.raises(InputError) as caught:
            make_map(photos, "m", perplexity=4, progress=PlainProgress(lines.append))
        reason = "not an image: the first bytes match none of AVIF, BMP, GIF, JPEG, PNG, TIFF, WEBP"
        assert str(caught.value) == (
            f"a map needs at least 2 readable images; got 1 of 24 in {photos}. Skipped 23 files: "
            f"{reason}. Check these files, or add images."
        )
        (line,) = [line for line in lines if "of 24 images were read" in line]
        assert line.startswith("skipped 23 files: ")
        assert line.endswith(". 1 of 24 images were read")

    @pytest.mark.parametrize("is_list", [False, True])
    @pytest.mark.parametrize("is_broken", [False, True])
    def test_a_single_image_is_too_few_and_read_for_the_message(self, photos, is_list, is_broken):
        first, *others = sorted(photos.rglob("*.png"))
        for file in others:
            file.unlink()
        if is_broken:
            first.write_bytes(b"")
        source, name = ([first], "1 image of a list") if is_list else (photos, str(photos))
        text = (
            f"got 0 of 1 in {name}. Skipped 1 file: empty file (0 bytes). Check this file, or add"
            if is_broken
            else f"got 1 in {name}. Add images."
        )
        with pytest.raises(InputError, match=re.escape(f"at least 2 readable images; {text}")):
            make_map(source, "m")

    def test_a_list_of_images_makes_the_map_of_their_files(self, photos, made):
        files = sorted(photos.rglob("*.png"))
        images = [Image.open(file) if place % 2 else file for place, file in enumerate(files)]
        labels = [file.parent.name for file in files]
        listed = make_map(
            images,
            "listed",
            labels=labels,
            columns={"number": range(24)},
            perplexity=4,
            size_px=400,
        )
        assert listed.labels == made.labels
        assert listed.features == pytest.approx(made.features, abs=1e-5)
        assert listed.run["source"] == "24 images of a list"
        assert listed.columns["number"].tolist() == list(range(24))

    @pytest.mark.parametrize("options", [{}, {"findings": False}])
    @pytest.mark.parametrize(("are_files", "kind"), [(True, "files"), (False, "pixels")])
    def test_equal_images_of_a_list_are_equal_files_only_if_they_are_files(
        self, photos, here, are_files, kind, options
    ):
        files = sorted(photos.rglob("*.png"))
        copy = here / "copy.png"
        copy.write_bytes(files[0].read_bytes())
        files.append(copy)
        images = files if are_files else [Image.open(file) for file in files]
        made = make_map(images, "m", perplexity=4, size_px=200, **options)
        text = made.findings.duplicates[0].text
        assert text.endswith(f" are the same picture (equal {kind}).")

    def test_the_output_of_a_list_must_be_given(self, photos):
        with pytest.raises(InputError, match="output must be given"):
            make_map(sorted(photos.rglob("*.png")))

    def test_a_list_cannot_be_sent_to_other_machines(self, photos):
        with pytest.raises(InputError, match="engine must be 'local'"):
            make_map(sorted(photos.rglob("*.png")), "m", engine="ray")

    def test_a_map_folder_has_these_files(self, made):
        assert sorted(path.name for path in made.folder.iterdir()) == [
            "bundle",
            "classes.png",
            "features.npy",
            "findings.json",
            "images-grid.png",
            "images.png",
            "items.parquet",
            "map.html",
            "neighbors.npz",
            "regions.json",
            "run.json",
            "scatter.png",
            "thumbnails",
        ]

    def test_the_title_and_the_dark_background_are_used_in_each_picture(self, photos):
        made = make_map(photos, "m", perplexity=4, size_px=400, title="My photographs", dark=True)
        assert open_bundle(made.folder / "bundle").manifest.title == "My photographs"
        for name in ("scatter.png", "images.png", "images-grid.png", "classes.png"):
            with Image.open(made.folder / name) as picture:
                assert picture.convert("RGB").getpixel((0, 0)) == (16, 18, 22), name
                title = picture.convert("L").crop((0, 0, picture.width, picture.width // 20))
                assert title.getextrema()[1] > 200, name
        assert made.run["pictures"] == {
            "title": "My photographs",
            "caption": None,
            "names": True,
            "dark": True,
            "size_px": 400,
            "thumbnail_px": None,
            "page_images": 20_000,
        }

    def test_without_names_a_legend_is_beside_the_scatter_plot(self, photos):
        named = make_map(photos, "m", perplexity=4, size_px=400).folder
        listed = make_map(photos, "n", perplexity=4, size_px=400, names=False).folder
        assert (named / "scatter.png").read_bytes() != (listed / "scatter.png").read_bytes()

    def test_every_file_of_a_map_and_a_site_can_be_replaced(self, photos, here, monkeypatch):
        names = [f"{path.parent.name}/{path.name}" for path in sorted(photos.rglob("*.png"))]
        rows = [f"{name},{number % 3},{number / 7},{name}" for number, name in enumerate(names)]
        (photos / "metadata.csv").write_text("\n".join(["path,code,value,text", *rows]))
        words = np.zeros((len(names), 5))  # the quick network recognizes nothing
        recognized = Recognized(words.astype(np.int16), words.astype(np.float32))

        def recognize(folder, features, **_options):
            write_recognized(folder, recognized)
            n_features = features.values.shape[1]
            vectors = np.ones((1, n_features), np.int8), np.ones(n_features, np.float32)
            write_vectors(folder, WordVectors({"dog": [0]}, *vectors))

        monkeypatch.setattr("featscape.pipeline.recognize_in_folder", recognize)
        make_map(photos, "m", perplexity=4, size_px=400)
        export_site("m", "site")
        for folder, patterns in ((here / "m", mapfolder.MAP_FILES), (here / "site", site.FILES)):
            assert find_foreign(folder, patterns) == []
            files = [
                path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
            ]
            assert [one for one in patterns if not fnmatch.filter(files, one)] == []
        make_map(photos, "m", perplexity=4, size_px=400, force=True)
        export_site("m", "site", force=True)

    def test_the_bundle_has_the_stored_findings(self, made):
        manifest = open_bundle(made.folder / "bundle").manifest
        counts = {section.name: section.n_findings for section in manifest.findings.sections}
        exemplars = [one for one in made.findings.classes if one.kind == "exemplars"]
        assert counts["exemplars"] == len(exemplars) > 0
        assert counts["labels"] == len(made.findings.labels)
        titles = [column.finding.title for column in manifest.columns if column.finding]
        assert {"label suspicion", "off topic"} <= set(titles)

    def test_a_map_without_findings_has_none_in_its_bundle(self, photos):
        make_map(photos, "m", perplexity=4, size_px=400, findings=False)
        manifest = open_bundle(Path("m/bundle")).manifest
        assert manifest.findings is None
        assert [column.name for column in manifest.columns if column.finding] == []

    def test_the_regions_of_a_map_have_its_words(self, tmp_path, monkeypatch, featscape):
        flat = tmp_path / "flat"
        write_images(flat, 60)
        words = np.repeat([[151], [281]], 30, axis=0).astype(np.int16)  # Chihuahua, tabby
        recognized = Recognized(words, np.full((60, 1), 0.9, np.float32))
        monkeypatch.setattr(
            "featscape.pipeline.recognize_in_folder",
            lambda folder, *_arguments, **_options: write_recognized(folder, recognized),
        )
        positions = np.repeat([[0.0, 0.0], [20.0, 0.0]], 30, axis=0)
        positions += np.random.default_rng(0).normal(size=(60, 2))
        embed = pipeline.embed
        monkeypatch.setattr(
            "featscape.pipeline.embed",
            lambda *given, **options: replace(
                embed(*given, **options), positions=positions.astype(np.float32)
            ),
        )
        made = make_map(flat, "m", perplexity=4, size_px=400)
        regions = made.regions
        assert list(regions.columns) == [
            *("level", "name", "words", "n_images", "representative", "x", "y")
        ]
        assert set(regions.name[regions.level == 0]) == {"Chihuahua", "tabby"}
        assert set(regions.representative) <= set(made.paths)
        assert open_bundle(made.folder / "bundle").manifest.regions[0].level == 0
        unnamed = make_map(flat, "n", perplexity=4, size_px=400, names=False)
        assert not (unnamed.folder / "regions.json").exists()
        assert unnamed.regions.equals(regions)
        assert (made.folder / "scatter.png").read_bytes() != (
            unnamed.folder / "scatter.png"
        ).read_bytes()
        shown = " ".join(featscape("info", "m").out.split())
        assert f"regions {len(regions)} with a name: " in shown

    def test_rows_belong_together(self, made):
        assert len(made) == 24
        assert made.paths[0] == "blue/00.png"
        assert made.labels == ("blue",) * 8 + ("green",) * 8 + ("red",) * 8
        assert made.positions.shape == (24, 2)
        np.testing.assert_array_equal(made.sizes_px, [[16, 12]] * 24)
        brightest = np.asarray(made.features).reshape(24, 16, 3).mean(axis=1).argmax(axis=1)
        assert brightest.tolist() == [2] * 8 + [1] * 8 + [0] * 8
        thumbnail = np.asarray(made.thumbnails.load(23), dtype=float)
        assert thumbnail.mean(axis=(0, 1)).argmax() == 0

    def test_the_run_has_the_agreement_of_the_labels(self, made):
        assert made.run["agreement"] == {
            "n_neighbors": 5,
            "overall": 1.0,
            "by_class": {"blue": 1.0, "green": 1.0, "red": 1.0},
            "chance": 0.1421,
        }

    def test_the_english_labels_of_animals10_are_reported(self, tmp_path, here, featscape):
        for seed, name in enumerate(ENGLISH_NAMES):
            write_images(tmp_path / "animals" / name, 2, seed=seed)
        done = featscape("map", tmp_path / "animals", "-o", "m", "--perplexity", 4, "--size", 400)
        assert "labels: English names for the folders of Animals10: cane = dog, " in done.err
        assert open_map(here / "m").run["renamed_labels"] == ENGLISH_NAMES
        shown = " ".join(featscape("info", "m").out.split())
        assert "labels English names for the folders of Animals10: cane = dog, " in shown

    def test_labels_that_are_the_names_of_the_folders_are_not_reported(self, made):
        assert "renamed_labels" not in made.run

    def test_the_run_has_the_source_and_the_parameters(self, photos):
        run = make_map(photos, "m", perplexity=4, size_px=400).run
        assert run["source"] == str(photos)
        assert run["counts"] == {"items": 24, "classes": 3, "skipped": 0}
        assert run["model"]["name"] == "quick"
        assert run["parameters"]["perplexity"] == 4
        assert run["parameters"]["seed"] == 10
        assert run["parameters"]["limit"] is None
        assert run["skipped"] == []
        assert {"find", "features", "t-SNE", "pictures"} <= set(run["timings_s"])
        json.dumps(run, allow_nan=False)

    def test_the_same_call_gives_the_same_map(self, made, photos):
        again = make_map(photos, "again", perplexity=4, size_px=400)
        np.testing.assert_array_equal(again.positions, made.positions)
        drawn = ["images.png", "images-grid.png", "thumbnails/data.bin"]
        drawn += [f"bundle/{file.name}" for file in (made.folder / "bundle").glob("thumbnails-*")]
        for name in drawn:
            assert (again.folder / name).read_bytes() == (made.folder / name).read_bytes()

    def test_pictures_that_have_not_begun_are_not_drawn_after_an_error(self, photos, monkeypatch):
        drawing, drawn = threading.Event(), []

        def draw_picture(name, **_options):
            drawn.append(name)
            drawing.set()
            time.sleep(0.1)  # the error is raised meanwhile
            return Image.new("RGB", (1, 1))

        def find(*_arguments, **_options):
            drawing.wait(20)
            raise MemoryError

        monkeypatch.setattr("featscape.steps.drawing.draw_picture", draw_picture)
        monkeypatch.setattr("featscape.pipeline.find_in_folder", find)
        with pytest.raises(MemoryError):
            make_map(photos, "m", perplexity=4, size_px=400)
        assert drawn == ["scatter.png"]

    def test_a_picture_that_cannot_be_written(self, photos, here, monkeypatch):
        write = mapfolder.write_picture

        def write_all_but_the_grid(folder, name, picture):
            if name == mapfolder.GRID:
                folder = Path("/dev/full")  # no folder
            write(folder, name, picture)

        monkeypatch.setattr(mapfolder, "write_picture", write_all_but_the_grid)
        with pytest.raises(InputError, match="cannot write the map m: Not a directory"):
            make_map(photos, "m", perplexity=4, size_px=400)
        assert not (here / "m").exists()

    @pytest.mark.usefixtures("without_pictures")
    def test_the_name_is_the_folders(self, photos, here):
        make_map(photos, perplexity=4, size_px=400)
        assert [path.name for path in here.iterdir()] == ["photos-map"]

    def test_a_map_among_its_own_images_is_refused(self, photos, monkeypatch):
        monkeypatch.chdir(photos)
        with pytest.raises(InputError, match=r"photos-map is inside .* Choose a folder outside"):
            make_map(".", perplexity=4)
        assert sorted(path.name for path in photos.iterdir()) == ["blue", "green", "red"]

    def test_without_classes(self, photos):
        flat = make_map(photos / "red", "flat", perplexity=2, size_px=400)
        assert flat.labels is None
        assert flat.run["agreement"] is None
        assert flat.run["counts"]["classes"] == 0

    @pytest.mark.parametrize(
        "options",
        [
            {"perplexity": 30},
            {"perplexity": 0},
            {"limit": 0},
            {"random_state": -1},
            {"size_px": 10},
            {"thumbnail_px": 4},
            {"thumbnail_px": 300, "size_px": 400},
            {"page_images": -1},
        ],
    )
    def test_options_are_checked_before_the_work(self, photos, monkeypatch, options, here):
        def extract(*_arguments, **_options):
            pytest.fail("the network ran")

        monkeypatch.setattr("featscape.features.run_extraction", extract)
        with pytest.raises(InputError):
            make_map(photos, "m", **{"perplexity": 4, **options})
        assert list(here.iterdir()) == []

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ({"model": "resnet999"}, "Did you mean"),
            ({"perplexity": 0}, "perplexity must"),
            ({"limit": 0}, "limit must"),
            ({"random_state": -1}, "seed must"),
            ({"precision": "fp99"}, "precision must"),
            ({"max_megapixels": 0}, "max_megapixels must"),
        ],
    )
    def test_invalid_options_are_reported_before_an_existing_map(
        self, photos, here, option, message
    ):
        (here / "m").mkdir()
        (here / "m" / "run.json").write_text('{"format": "featscape-map", "source": "photos"}')
        with pytest.raises(FeatscapeError, match=message):
            make_map(photos, "m", **option)
        with pytest.raises(InputError, match="exists already"):
            make_map(photos, "m")

    @pytest.mark.parametrize("option", [{"label_column": "x"}, {"perplexity": 99}])
    def test_a_wrong_source_is_reported_before_an_existing_map(self, photos, here, option):
        (here / "m").mkdir()
        (here / "m" / "run.json").write_text('{"format": "featscape-map", "source": "photos"}')
        with pytest.raises(InputError, match=r"label column needs|perplexity must be"):
            make_map(photos, "m", **option)
        with pytest.raises(InputError, match="does not exist"):
            make_map(here / "lost", "m")

    def test_progress(self, photos):
        lines = []
        make_map(photos, "m", perplexity=4, size_px=400, progress=PlainProgress(lines.append))
        assert lines[0] == "found 24 images in 3 classes"
        assert any(line.startswith("t-SNE: ") for line in lines)


class TestEmbedFeatures:
    @pytest.mark.usefixtures("features")
    def test_wrong_features_and_labels_are_reported_before_an_existing_map(self, here):
        embed_features("words.npy", "m", perplexity=4, findings=False)
        (here / "labels.txt").write_text("a\n")
        with pytest.raises(InputError, match="24 labels"):
            embed_features("words.npy", "m", labels="labels.txt")
        with pytest.raises(InputError, match="lost"):
            embed_features("lost.npy", "m")
        with pytest.raises(InputError, match="exists already"):
            embed_features("words.npy", "m")

    @pytest.fixture
    def features(self, here):
        rng = np.random.default_rng(0)
        values = np.concatenate([rng.normal(size=(12, 5)), rng.normal(size=(12, 5)) + 8])
        np.save(here / "words.npy", values)
        return values

    def test_a_map(self, features):
        made = embed_features("words.npy", perplexity=4)
        assert made.folder.name == "words-map"
        np.testing.assert_array_equal(made.features, features.astype(np.float32))
        assert made.paths is made.labels is made.thumbnails is None
        assert (made.folder / "scatter.png").exists()
        assert not (made.folder / "images.png").exists()
        assert made.run["model"] is None
        assert made.run["counts"] == {"items": 24, "classes": 0, "skipped": 0}

    @pytest.mark.usefixtures("features")
    def test_three_dimensions(self):
        made = embed_features("words.npy", perplexity=4, n_components=3)
        assert made.positions.shape == (24, 3)
        assert np.ptp(made.positions, axis=0).min() > 1
        manifest = json.loads((made.folder / "bundle" / "manifest.json").read_text())
        assert (manifest["n_dimensions"], manifest["grid"]) == (3, None)
        with pytest.raises(InputError, match="2 or 3 dimensions; got 4"):
            embed_features("words.npy", "four", perplexity=4, n_components=4)

    @pytest.mark.usefixtures("features")
    @pytest.mark.parametrize("kind", ["txt", "npy of strings", "npy of integers"])
    def test_labels(self, here, kind):
        if kind == "txt":
            (here / "labels.txt").write_text("0\n" * 12 + "1\n" * 12)
            file = "labels.txt"
        else:
            labels = np.repeat([0, 1], 12)
            np.save(here / "labels.npy", labels.astype(str) if "strings" in kind else labels)
            file = "labels.npy"
        made = embed_features("words.npy", labels=file, perplexity=4)
        assert made.labels == ("0",) * 12 + ("1",) * 12
        assert made.run["agreement"]["overall"] == 1.0

    @pytest.mark.parametrize("dtype", ["float16", "float64", "int8", ">f4"])
    def test_any_real_numbers(self, features, here, dtype):
        np.save(here / "others.npy", features.astype(dtype))
        assert embed_features("others.npy", perplexity=4).features.dtype == np.float32

    @pytest.mark.usefixtures("features")
    def test_the_file_is_not_changed(self, here):
        before = (here / "words.npy").read_bytes()
        embed_features("words.npy", perplexity=4)
        assert (here / "words.npy").read_bytes() == before
