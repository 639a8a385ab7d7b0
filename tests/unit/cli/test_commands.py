import errno
import json
import re
import socket
from dataclasses import fields
from datetime import datetime
from importlib.metadata import entry_points
from io import StringIO
from unittest.mock import Mock

import numpy as np
import pytest

from featscape import __version__, mapfolder, pipeline
from featscape.cli import run as cli
from featscape.cli.parameters import SECTIONS
from featscape.cli.screens import network_report
from featscape.errors import DeviceError, MissingExtra, ModelError
from featscape.feature_options import FeatureMapOptions
from featscape.features import list_models
from featscape.mapfolder.read import open_map
from featscape.options import MapOptions
from featscape.steps.features import fetch_weights
from helpers.networks.quick_network import QuickNetwork, put_in_place
from meshtsne.native import check_interface

COMMANDS = [
    *("map", "demo", "embed", "serve", "export", "findings", "report", "info"),
    *("search", "models", "layers", "doctor"),
]

pytestmark = pytest.mark.usefixtures("here")


def test_the_script_featscape_is_installed():
    (script,) = entry_points(group="console_scripts", name="featscape")
    assert script.load() is cli.run_program


def test_version_is_printed(featscape):
    done = featscape("--version")
    assert (done.status, done.out) == (0, f"featscape {__version__}\n")


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        (["map", "../photos", "-o", "m"], "m"),
        (["embed", "f.npy"], "f-map"),
    ],
)
@pytest.mark.usefixtures("photos", "quick_network", "without_pictures")
def test_open_serves_the_new_map(featscape, monkeypatch, command, folder):
    np.save("f.npy", np.random.default_rng(0).normal(size=(9, 4)))
    served = []
    monkeypatch.setattr("featscape.app.serve", lambda path, **_: served.append(str(path)))
    monkeypatch.setattr("featscape.app.server.shutdown.leave_process", lambda: None)
    assert featscape(*command, "--no-findings").status == 0
    assert served == []
    assert featscape(*command, "--no-findings", "--force", "--open").status == 0
    assert served == [folder]


def test_a_native_module_of_another_version_is_one_line(featscape, monkeypatch):
    np.save("f.npy", np.random.default_rng(0).normal(size=(9, 4)))

    def choose_device(*_arguments, **_options):
        check_interface("of another version")

    monkeypatch.setattr("featscape.pipeline.choose_tsne_device", choose_device)
    done = featscape("embed", "f.npy")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("featscape: the native module of meshtsne must be built for")
    assert done.err.count("\n") == 1


def test_info_prints_run_json(featscape, map_run, here):
    assert map_run.status == 0
    printed = featscape("info", "m", "--json").out
    assert json.loads(printed) == json.loads((here / "m" / "run.json").read_text())


def test_the_precision_is_in_info_and_not_on_the_screen_of_a_run(map_run):
    assert "fp32" not in map_run.out + map_run.err


@pytest.mark.usefixtures("without_pictures")
def test_the_column_of_the_labels_is_reported(featscape, photos, monkeypatch):
    put_in_place(QuickNetwork(), monkeypatch)
    rows = [f"{path.relative_to(photos)},{path.parent.name},1" for path in photos.rglob("*.png")]
    (photos / "birds.csv").write_text("\n".join(["file,species,code", *rows]))
    command = ("map", photos / "birds.csv", "-o", "m", "--no-findings", "--force")
    done = featscape(*command)
    assert "labels: the column 'species' (--label-column names another)\n" in done.err
    done = featscape(*command, "--label-column", "species")
    assert "labels: the column 'species'\n" in done.err


class TestHelp:
    @pytest.mark.parametrize("command", [None, *COMMANDS])
    def test_it_has_an_example_and_fits_80_columns(self, featscape, command):
        done = featscape(*([command] if command else []), "--help")
        assert done.status == 0
        assert re.search(r"  Examples?:\n    featscape ", done.out)
        assert max(map(len, done.out.splitlines())) <= 80

    def test_all_commands_are_listed_with_a_sentence(self, featscape):
        out = featscape("--help").out
        for command in COMMANDS:
            line = re.search(rf"^  {command} +\S.*\.$", out, re.MULTILINE)
            assert line is not None
            assert "..." not in line[0]

    @pytest.mark.parametrize("command", ["map", "embed"])
    def test_the_options_of_maps_are_in_sections(self, featscape, command):
        sections = featscape(command, "--help").out.partition("\nArguments:\n")[2].split("\n\n")
        listed = {text.split("\n")[0]: re.findall(r"--\w[\w-]*", text) for text in sections[1:]}
        assert {"Options:", "Source:", "t-SNE:", "Pictures and page:"} <= listed.keys()
        assert "--perplexity" in listed["t-SNE:"]
        assert "--label-column" in listed["Source:"]

    def test_each_option_in_a_section_of_the_help_exists(self):
        known = {one.name for options in (MapOptions, FeatureMapOptions) for one in fields(options)}
        listed = [name for names in SECTIONS.values() for name in names.split()]
        assert [name for name in listed if name not in known] == []

    def test_no_command_prints_the_help(self, featscape):
        done = featscape()
        assert done.status == 0
        assert done.out == featscape("--help").out


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["map"], "Missing argument 'SOURCE'. For example: featscape map photos"),
            (["export", "m"], "'-o'. For example: featscape export photos-map -o photos-site"),
            (["map", "photos", "--size", 10], "size_px (--size) must be between 200 and 20,000"),
            (["map", "x", "--limit", "many"], "--limit"),
            (["map", "x", "--colour"], "No such option: --colour"),
            (["map", "a.parquet", "b.parquet"], "(b.parquet). For several files, name the folder"),
            (
                ["search", "m", "red", "car"],
                "(car). Put an argument that contains spaces in quotes.",
            ),
            (["export", "m", "-o", "s", "--format", "pdf"], "'--format': 'pdf' is not one of"),
            (["paint"], "No such command 'paint'."),
            (["map", "nowhere"], "'nowhere' does not exist"),
            (["map", "photos", "--weights", "none.pth"], "none.pth"),
            (["info", "nowhere"], "there is no map nowhere"),
            (["info", "."], "is not a featscape map"),
            (["export", "nowhere", "-o", "site"], "there is no map nowhere"),
            (["map", "photos", "--page-images", "-1"], "page_images must be 0 or more"),
        ],
    )
    def test_one_line_and_status_2(self, featscape, photos, monkeypatch, arguments, words):
        monkeypatch.chdir(photos.parent)
        if "photos" in arguments:
            arguments = [*arguments, "--perplexity", 4]
        done = featscape(*arguments)
        assert done.status == 2
        assert done.out == ""
        line = done.err.splitlines()[-1]  # after the note with the number of images
        assert line.startswith("featscape: ")
        assert words in line
        assert "Traceback" not in done.err
        assert not (photos.parent / "photos-map").exists()

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--model", "resnet1000"),
            ("--model", "none.py:net"),
            ("--model", "timm:nothing"),
            ("--precision", "fp8"),
            ("--device", "abacus"),
            ("--pool", "avg"),
        ],
    )
    def test_options_of_the_network_are_checked_before_the_images(
        self, featscape, here, option, value
    ):
        (here / "photos").mkdir()  # an empty folder is an error too
        done = featscape("map", "photos", "--device", "cpu", option, value)
        assert done.status == 2
        (line,) = done.err.splitlines()
        assert value in line
        assert "photos" not in line

    @pytest.mark.parametrize("error", [ModelError, MissingExtra, DeviceError])
    def test_every_featscape_error_is_one_line(self, featscape, photos, monkeypatch, error):
        def fail(*_arguments, **_options):
            raise error("what\nhappened")

        monkeypatch.setattr("featscape.features.run_extraction", fail)
        done = featscape("map", photos, "--perplexity", 4)
        assert done.status == 2
        assert done.err.splitlines()[-1] == r"featscape: what\nhappened"

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (MemoryError(), r"more memory than the system gives it \(MemoryError\)"),
            (OSError(errno.ENOMEM, "Cannot allocate memory"), "more memory .* -v"),
            (ImportError("libtorch.so: failed to map segment from shared object"), "more memory"),
            (
                RuntimeError("in core.cpp:117:\n: can't allocate memory"),
                r"more memory .* \(: can't all",
            ),
            (RuntimeError("can't start new thread"), "no further thread .* -u"),
        ],
    )
    def test_a_limit_of_the_system_is_one_line(self, featscape, photos, monkeypatch, error, words):
        monkeypatch.setattr("featscape.features.run_extraction", Mock(side_effect=error))
        done = featscape("map", photos, "--perplexity", 4)
        assert done.status == 2
        assert re.match(f"featscape: .*{words}", done.err.splitlines()[-1])

    @pytest.mark.parametrize(
        ("limits", "remedy"),
        [
            ((256, None), "for example with ulimit -n 1024"),
            ((2_000, None), "for example with ulimit -n 8000"),
            ((2_000, 4_096), "for example with ulimit -n 4096"),
            ((2_000, 2_000), r"Ask the administrator .* the hard limit \(ulimit -Hn\)"),
        ],
    )
    def test_the_remedy_for_open_files_raises_the_limit(
        self, featscape, photos, monkeypatch, limits, remedy
    ):
        resource = pytest.importorskip("resource", reason="Windows has no such limit")
        n_files, most = limits
        limits = n_files, resource.RLIM_INFINITY if most is None else most
        error = OSError(errno.EMFILE, "Too many open files", "a.png")
        monkeypatch.setattr("featscape.features.run_extraction", Mock(side_effect=error))
        monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
        done = featscape("map", photos, "--perplexity", 4)
        words = f"featscape: the process may open {n_files:,} files, .*{remedy}"
        assert re.match(words, done.err.splitlines()[-1])

    @pytest.mark.parametrize(
        "error", [OSError(errno.EIO, "broken"), RuntimeError("bug"), ImportError("no module x")]
    )
    def test_other_errors_have_a_traceback(self, featscape, photos, monkeypatch, error):
        monkeypatch.setattr("featscape.features.run_extraction", Mock(side_effect=error))
        with pytest.raises(type(error), match=str(error)[-3:]):
            featscape("map", photos, "--perplexity", 4)


class TestScreens:
    def test_the_summary_of_a_new_map(self, map_run):
        assert map_run.status == 0
        assert "24 images in 3 classes: m/" in map_run.out
        for picture in ("scatter.png", "images.png", "images-grid.png", "classes.png", "map.html"):
            assert picture in map_run.out
        assert "5-nearest-neighbor label agreement: 100 % (14 % by chance" in map_run.out
        words = r"at least 3 of the 5 neighbors in all \d+ features have the same label"
        assert re.search(words, " ".join(map_run.out.split()))
        # the name of a class is not markup
        assert re.search(r"^ *\[red\] +100 % +of 8 images +━{20}$", map_run.out, re.MULTILINE)
        assert "*" not in map_run.out
        assert not re.search(r" $", map_run.out, re.MULTILINE)
        assert "Skipped 1 file" in map_run.out
        assert re.search(r"Took [\d.]+ s: .*pictures [\d.]+ s", map_run.out)
        assert map_run.out.endswith("Next: featscape serve m\n")

    @pytest.mark.usefixtures("quick_network")
    def test_the_summary_names_a_character_that_no_font_contains(self, featscape, photos, here):
        (photos / "red").rename(photos / "x\U0010fffd")
        done = featscape("map", photos, "-o", here / "m", "--perplexity", 4, "--size", 400)
        assert "every character of 1 class name" in done.out
        assert "the pictures write U+10FFFD instead of the character" in done.out
        assert "Install a font" in done.out

    def test_progress_goes_to_the_standard_error(self, map_run):
        assert map_run.err.startswith("found 25 images in 3 classes\n")
        assert "t-SNE: " in map_run.err
        assert "\x1b" not in map_run.err + map_run.out  # no terminal, no colors

    def test_info_shows_how_the_map_was_made(self, featscape, map_run):
        out = featscape("info", "m").out
        assert "24 images in 3 classes: m/" in out
        created = datetime.fromisoformat(open_map("m").run["created"])
        for words in (
            str(map_run.photos),
            "quick",
            "perplexity 4, seed 10",
            "output of pixels: 48 per image, float32",
            f"{created.astimezone():%Y-%m-%d %H:%M %Z}",
        ):
            assert words in out.replace("\n", "")
        assert re.search(r"\[red\]/broken.png +empty", out)

    @pytest.mark.usefixtures("quick_network")
    def test_skipped_files_are_reported_before_the_features(
        self, featscape, photos, here, monkeypatch
    ):
        monkeypatch.setattr("featscape.images.preview._MAX_FILES", 4)  # the source is large
        (photos / "lost.heic").write_bytes((photos / "red" / "00.png").read_bytes())
        done = featscape("map", photos, "-o", here / "n", "--perplexity", 40)
        assert done.status == 2
        assert re.match(r"found \d+ images in 3 classes, skipped 1 file: ", done.err)

    @pytest.mark.usefixtures("map_run")
    def test_export_writes_a_site_once(self, featscape, here):
        done = featscape("export", "m", "-o", "site")
        assert (done.status, done.out) == (0, "Wrote the site site/\n")
        assert (here / "site" / "index.html").exists()
        again = featscape("export", "m", "-o", "site")
        assert again.status == 2
        assert "the site site already exists" in again.err
        assert featscape("export", "m", "-o", "site", "--force").status == 0

    @pytest.mark.usefixtures("map_run")
    @pytest.mark.parametrize(
        ("name", "kind", "command"),
        [
            ("zoo.csv", "site", "featscape findings m --csv the findings"),
            ("zoo.html", "site", "m/map.html is the page as one file, and featscape report m the"),
            ("zoo.parquet", "tensorboard", "--format embedding-atlas writes a Parquet file"),
        ],
    )
    def test_export_writes_no_folder_with_the_name_of_a_file(
        self, featscape, here, name, kind, command
    ):
        done = featscape("export", "m", "--format", kind, "-o", name)
        assert done.status == 2
        assert f"the export must be a folder; {name} is the name of a file" in done.err
        assert command in done.err
        assert not (here / name).exists()

    @pytest.mark.usefixtures("map_run")
    def test_export_writes_files_for_other_programs(self, featscape, here):
        done = featscape("export", "m", "--format", "tensorboard", "-o", "board")
        assert (done.status, done.out) == (0, "Next: tensorboard --logdir board\n")
        assert (here / "board" / "projector_config.pbtxt").exists()
        done = featscape("export", "m", "--format", "embedding-atlas", "-o", "m.parquet")
        assert (done.status, done.out) == (
            0,
            "Next: embedding-atlas m.parquet --x x --y y --neighbors neighbors --text path\n",
        )
        assert (here / "m.parquet").exists()
        again = featscape("export", "m", "--format", "embedding-atlas", "-o", "m.parquet")
        assert (again.status, "m.parquet already exists" in again.err) == (2, True)

    def test_models_lists_libraries_and_examples(self, featscape):
        done = featscape("models")
        assert done.status == 0
        assert re.search(r"^ *timm:NAME +1,\d{3} +timm", done.out, re.MULTILINE)
        assert re.search(r"^ *resnet101 +2,048 +224 px +44\.5 million ", done.out, re.MULTILINE)
        assert re.search(
            r"^ *efficientnet_lite0 +1,280 +224 px +4\.7 million +yes", done.out, re.MULTILINE
        )
        assert len(done.out.splitlines()) < 50
        first = set(network_report._FIRST)
        assert all(re.search(rf"^ *{re.escape(name)} ", done.out, re.MULTILINE) for name in first)

    def test_models_are_searched_by_a_part_of_the_name(self, featscape):
        done = featscape("models", "dinov2.")
        assert done.status == 0
        assert re.search(
            r"^timm:vit_small_patch14_dinov2\.lvd142m +384 +518 px +22\.1 million",
            done.out,
            re.MULTILINE,
        )
        assert "resnet101" not in done.out
        missed = featscape("models", "xyzzy")
        assert (missed.status, missed.out) == (2, "")
        assert "'xyzzy' matches none" in missed.err

    def test_models_as_json(self, featscape):
        found = json.loads(featscape("models", "efficientnet_lite0", "--json").out)["models"]
        entry = found[0]
        assert entry["name"] == "efficientnet_lite0"
        assert (entry["n_features"], entry["input_size_px"]) == (1280, 224)
        assert entry["is_on_disk"] is True
        assert all("efficientnet_lite0" in one["name"] for one in found)
        every = json.loads(featscape("models", "--json").out)["models"]
        assert [one["name"] for one in every] == [one.name for one in list_models()]

    def test_names_of_models_are_never_shortened(self, featscape, monkeypatch):
        monkeypatch.setenv("COLUMNS", "60")
        out = featscape("models", "vit_base_patch16_clip*").out
        assert "timm:vit_base_patch16_clip_quickgelu_224.metaclip_2pt5b" in out
        assert "…" not in out

    def test_embed_shows_the_worst_and_the_best_classes(self, featscape, here):
        rng = np.random.default_rng(0)
        values = np.repeat(np.eye(30)[:, :8] * 9, 6, axis=0) + rng.normal(size=(180, 8))
        np.save(here / "words.npy", np.concatenate([values, rng.normal(size=(2, 8))]))
        labels = [f"class {i // 6}\n" for i in range(180)] + ["few\n", "few\n"]
        (here / "labels.txt").write_text("".join(labels))
        done = featscape("embed", "words.npy", "--labels", "labels.txt", "--perplexity", 4)
        assert done.status == 0
        assert "182 items in 31 classes: words-map/" in done.out
        assert "10 more classes in run.json" in done.out
        assert len(re.findall(r"^ *class \d+ +\d+ %", done.out, re.MULTILINE)) == 20
        assert "1 class of 3 or fewer items: always 0 %, because 3 neighbors" in done.out
        assert "images.png" not in done.out

    def test_a_table_of_equal_shares_is_not_shown(self, featscape, here):
        np.save(here / "words.npy", np.random.default_rng(0).normal(size=(80, 8)))
        names = [*(f"class {i % 30}\n" for i in range(40)), *["large\n"] * 40]
        (here / "labels.txt").write_text("".join(names))
        out = featscape("embed", "words.npy", "--labels", "labels.txt", "--perplexity", 4).out
        assert "30 classes of 3 or fewer items: always 0 %" in out
        assert not re.search(r"^ *class \d+ +0 %", out, re.MULTILINE)


class TestWeightsThatCannotBeDownloaded:
    """The default network without its weights and without a connection."""

    @pytest.fixture(autouse=True)
    def offline(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        monkeypatch.setattr("socket.getaddrinfo", refuse_to_resolve)
        monkeypatch.setattr(pipeline, "fetch_weights", fetch_weights)

    def test_the_images_of_a_large_source_are_not_searched(self, featscape, photos, monkeypatch):
        monkeypatch.setattr("featscape.images.preview._MAX_FILES", 4)
        for module in ("featscape.images", "featscape.images.preview"):
            monkeypatch.setattr(f"{module}.find_images", lambda *_, **__: pytest.fail("search"))
        done = featscape("map", photos)
        assert done.status == 2
        (line,) = done.err.splitlines()
        assert "the weights of resnet101 (IMAGENET1K_V1) could not be downloaded" in line
        assert ": Temporary failure in name resolution. Give a file with --weights FILE" in line
        assert "use --model efficientnet_lite0" in line

    def test_the_network_of_the_replaced_map_is_named(self, featscape, photos, here):
        (here / "odd-map").mkdir()
        run = {"format": mapfolder.FORMAT, "model": {"name": "efficientnet_lite0"}}
        (here / "odd-map" / mapfolder.RUN).write_text(json.dumps(run), encoding="utf-8")
        done = featscape("map", photos, "-o", "odd-map", "--force")
        assert done.status == 2
        reported, error = done.err.splitlines()
        note = "odd-map was made with --model efficientnet_lite0"
        assert reported.startswith(f"{note}; this run uses resnet101")
        assert "could not be downloaded" in error
        assert error.endswith(f"needs no download. {note}.")

    def test_a_missing_source_is_reported_first(self, featscape):
        assert "'nowhere' does not exist" in featscape("map", "nowhere").err

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["empty"], "the source must contain at least one image"),
            (["head.csv"], "the table must list at least one image"),
            (["photos", "--perplexity", 50], "perplexity must be less than"),
            (
                ["photos", "--limit", 9, "--perplexity", 10],
                "limit must be greater than the perplexity",
            ),
            (["rows.csv", "--label-column", "nope"], "the label column must be a column of"),
            (["large.csv", "--label-column", "nope"], "the label column must be a column of"),
            (["large.csv", "--path-column", "nope"], "the path column must be a column of"),
        ],
    )
    def test_mistakes_in_the_call_are_reported_first(
        self, featscape, photos, monkeypatch, arguments, words
    ):
        monkeypatch.chdir(photos.parent)
        (photos.parent / "empty").mkdir()
        (photos.parent / "head.csv").write_text("path,label\n")
        (photos.parent / "rows.csv").write_text("path,label\na.png,cat\n")
        (photos.parent / "large.csv").write_text("path,label\n" + "a.png,cat\n" * 200_000)
        done = featscape("map", *arguments)
        assert done.status == 2
        (line,) = done.err.splitlines()
        assert words in line

    def test_the_columns_of_a_large_table_are_found_in_its_first_rows(self, featscape, here):
        (here / "large.csv").write_text("path,label\n" + "a.png,\n" * 200_000)
        assert "could not be downloaded" in featscape("map", "large.csv").err

    @pytest.mark.parametrize(("answer", "status"), [("\n", 0), ("n\n", 2)])
    def test_a_terminal_is_asked_for_the_installed_network(
        self, featscape, photos, monkeypatch, answer, status
    ):
        monkeypatch.setattr("featscape.cli.offer._is_interactive", lambda: True)
        monkeypatch.setattr("sys.stdin", StringIO(answer))
        made = []
        real = pipeline.make_maps

        def make_maps(options):
            made.append(options.model)
            return real(options) if options.model == "resnet101" else ()

        monkeypatch.setattr(pipeline, "make_maps", make_maps)
        done = featscape("map", photos)
        assert done.status == status
        assert "Continue with efficientnet_lite0? [Y/n]" in done.err
        assert made == ["resnet101", "efficientnet_lite0"][: 2 - status // 2]

    def test_layers_of_another_network_are_not_offered(self, featscape, photos, monkeypatch):
        monkeypatch.setattr("featscape.cli.offer._is_interactive", lambda: True)
        done = featscape("map", photos, "--layer", "layer3")
        assert done.status == 2
        assert "Continue" not in done.err


def refuse_to_resolve(*_arguments, **_options):
    raise socket.gaierror(-3, "Temporary failure in name resolution")
