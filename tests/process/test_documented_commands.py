"""Every command and every Python example in the README, the tutorial and the how-to guides runs.

Blocks of the kinds `sh` and `python` run, page by page, in a folder with small images. The default
network is replaced by the network whose weights are installed. Other lines that begin with a
command must be in NOT_RUN, with the reason.
"""

import importlib.util
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torchvision.transforms import Compose, Resize, ToTensor
from typer.testing import CliRunner

from featscape import find_images, make_map, open_map
from featscape.cli.commands import app
from featscape.defaults import INSTALLED_MODEL
from featscape.demo import write_digits
from helpers.networks import small_onnx

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "index.md",
    ROOT / "docs" / "tutorial.md",
    ROOT / "engine" / "README.md",
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
]
NOT_RUN = {
    "make demo": "installs an environment: minutes",
    "make test": "runs this test",
    ".venv/bin/featscape map photos": "runs as featscape map photos",
    ".venv/bin/featscape serve photos-map": "runs as featscape serve photos-map",
    ".venv/bin/featscape report photos-map": "runs as featscape report photos-map",
    "pip install torch": "downloads 200 MB",
    ".venv/bin/pip install torch": "downloads 200 MB",
    "pip install ./engine": "installs an environment: minutes",
    "pip install 'featscape[": "downloads the libraries of an extra",
    "featscape map photos --landmarks 100000": "needs 100,000 images",
    "featscape map photos --model networks:mine --weights": "needs a checkpoint of a training",
    "featscape map s3://bucket/photos": "needs a bucket and a cluster",
    "featscape map photos --model open_clip:": "needs the weights of a CLIP network",
    "featscape search clip-map": "needs the weights of a CLIP network",
    "featscape serve clip-map": "needs the weights of a CLIP network",
    "featscape classify clip-map": "needs the weights of a CLIP network",
}
COMMAND = re.compile(r"^(?:\.venv/bin/)?(?:featscape|make|pip|python|sh) \S")
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def read_blocks(page):
    """Return the kind and the text of each fenced block of a page."""
    blocks = FENCE.findall(page.read_text(encoding="utf-8"))
    return [(kind, textwrap.dedent(text)) for _, kind, text in blocks]


def read_unmarked_commands(page):
    """Return the commands in code blocks other than `sh` and `python`, fenced or indented."""
    blocks = [text for kind, text in read_blocks(page) if kind not in ("sh", "python")]
    outside = FENCE.sub("", page.read_text(encoding="utf-8"))
    blocks += re.findall(r"^    (\S.*)$", outside, re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if COMMAND.match(line)]


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """Make the files that the pages name: images, a map of them, a table and an ONNX file."""
    stock = tmp_path_factory.mktemp("stock")
    write_digits(stock / "digits")
    for digit in "068":
        for number, file in enumerate(sorted((stock / "digits" / digit).iterdir())[:12]):
            label = "8" if digit == "0" and number < 2 else digit  # two wrong labels
            for folder in (stock / "photos", stock / "data" / "animals"):
                target = folder / label / file.name.replace("digit", "photo")  # of any photos
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)
    shutil.copytree(stock / "photos" / "6", stock / "new-photos")
    for part in ("A/train", "A/test", "B/train"):
        shutil.copytree(stock / "photos" / "6", stock / "hospitals" / part / "normal")
    shutil.rmtree(stock / "digits")
    Image.new("RGB", (64, 48), "teal").save(stock / "new.jpg")
    for name in ("1.jpg", "2.jpg", "3.jpg", "4.jpg"):
        Image.effect_noise((64, 64), 60).save(stock / name)
    table = "path,species,camera\n1.jpg,robin,A\n2.jpg,heron,B\n3.jpg,robin,A\n4.jpg,heron,B\n"
    (stock / "birds.csv").write_text(table)
    products = "path,category\n1.jpg,a > b > c\n2.jpg,a > b > d\n3.jpg,a > e > f\n4.jpg,a\n"
    (stock / "products.csv").write_text(products)
    votes = "path,anna,ben,carla\n1.jpg,a,a,b\n2.jpg,b,b,b\n3.jpg,a,b,c\n4.jpg,a,a,\n"
    (stock / "annotators.csv").write_text(votes)
    tiles = "path,scene,split\n1.jpg,A,train\n2.jpg,A,test\n3.jpg,B,train\n4.jpg,B,train\n"
    (stock / "tiles.csv").write_text(tiles)
    frames = [f"{i}.jpg,A,2026-05-04 12:00:{20 * (i // 3):02},train" for i in (1, 2, 3, 4)]
    (stock / "traps.csv").write_text("\n".join(["path,camera,time,split", *frames]) + "\n")
    boxes = [f"{i % 4 + 1}.jpg,{8 * (i % 3)},{4 * i},32,24,{'ab'[i % 2]},test" for i in range(8)]
    (stock / "boxes.csv").write_text("\n".join(["file_name,x,y,w,h,label,split", *boxes]) + "\n")
    coco = {
        "images": [{"id": 7, "file_name": "1.jpg"}, {"id": 9, "file_name": "2.jpg"}],
        "categories": [{"id": 3, "name": "bird"}],
        "annotations": [
            {"image_id": 9, "category_id": 3, "bbox": [8.5, 4, 20, 24.25]},
            {"image_id": 7, "category_id": 3, "bbox": [0, 4, 20, 3]},
        ],
    }
    (stock / "instances_train.json").write_text(json.dumps(coco))
    (stock / "instances_val.json").write_text(json.dumps(coco))
    for folder in ("yolo/images/val/K1", "yolo/labels/val/K1", "yolo/images/K2", "yolo/labels/K2"):
        (stock / folder).mkdir(parents=True)
    for folder in ("voc/JPEGImages", "voc/Annotations", "voc/ImageSets/Main"):
        (stock / folder).mkdir(parents=True)
    shutil.copy(stock / "1.jpg", stock / "voc/JPEGImages")
    (stock / "voc/ImageSets/Main/train.txt").write_text("1\n")
    (stock / "voc/ImageSets/Main/val.txt").write_text("2\n")
    for name in ("val/K1/1.JPG", "K2/IMG.2.jpeg"):  # names as those of cameras
        shutil.copy(stock / "1.jpg", stock / "yolo/images" / name)
        labels = (stock / "yolo/labels" / name).with_suffix(".txt")
        labels.write_text("1 0.5 0.5 0.25 0.5\n0 0.9 0.1 0.5 0.5\n")
    box = "<bndbox><xmin>4</xmin><ymin>8</ymin><xmax>90</xmax><ymax>40</ymax></bndbox>"
    voc = f"<a><filename>1.jpg</filename><object><name>robin</name>{box}</object></a>"
    (stock / "voc/Annotations/1.xml").write_text(voc)
    small_onnx.write(stock / "net.onnx", size_px=224)
    run_command(
        f"featscape map {stock}/photos -o {stock}/photos-map --model {INSTALLED_MODEL}", stock
    )
    return stock


@pytest.fixture
def folder(stock, tmp_path, monkeypatch):
    """Copy the files into the current folder, with the installed network as the default."""
    shutil.copytree(stock, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    if importlib.util.find_spec("lightning") is None:
        monkeypatch.setitem(sys.modules, "lightning", SimpleNamespace(Callback=object))
    yield tmp_path
    sys.modules.pop("networks", None)


def run_command(line, folder):
    """Run a command of a page; a new map replaces the map that is in the folder already."""
    line, _, output = line.partition(" > ")
    program, command, *arguments = shlex.split(line)
    assert program == "featscape"
    if command == "serve":
        serve(arguments)
        return
    if command == "map":
        arguments += [] if "--model" in arguments else ["--model", INSTALLED_MODEL]
        arguments += [] if "--force" in arguments else ["--force"]
    result = CliRunner().invoke(app, [command, *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.output.strip()
    if output:
        (folder / output).write_text(result.output, encoding="utf-8")
    if output == "checks.csv":
        fill_in(folder / output)


def fill_in(file):
    """Confirm the label of the last label error of a table of findings, as a person may do."""
    findings = pd.read_csv(file, dtype=str, keep_default_na=False)
    last = findings.index[findings["kind"] == "labels"][-1]
    findings.loc[last, "checked_label"] = findings.loc[last, "label"]
    findings.to_csv(file, index=False)


def serve(arguments):
    """Start the server in a process, wait for its address, and stop it with Ctrl-C."""
    if "--no-browser" not in arguments:
        arguments = [*arguments, "--no-browser"]
    code = "from featscape.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "serve", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
    assert re.match(r"Serving \S+-map at https?://", line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_the_page_run(page, folder):
    known = {}
    for kind, text in read_blocks(page):
        if kind == "sh":
            for line in text.splitlines():
                run_command(line, folder)
        elif kind == "python" and "def mine" in text:
            (folder / "networks.py").write_text(text, encoding="utf-8")
        elif kind == "python":
            exec(text.replace("resnet101", INSTALLED_MODEL), known)


def test_the_crops_of_boxes_have_the_label_and_the_split_of_their_image(folder):
    known = {}
    for kind, text in read_blocks(ROOT / "docs" / "howto" / "boxes.md"):
        if kind == "python" and "write_crops" in text:
            exec(text, known)

    def listed(name):
        table = pd.read_csv(folder / name / "metadata.csv", keep_default_na=False)
        return list(zip(table["image"], table["label"], table["split"], strict=True))

    assert {split for _, _, split in listed("crops")} == {"test"}
    assert listed("coco-crops") == [("2.jpg", "bird", "train"), ("2.jpg", "bird", "val")]
    pictures = ("yolo/images/K2/IMG.2.jpeg", ""), ("yolo/images/val/K1/1.JPG", "val")
    assert [(Path(image).as_posix(), *others) for image, *others in listed("yolo-crops")] == [
        (image, label, split) for image, split in pictures for label in ("robin", "heron")
    ]
    assert listed("voc-crops") == [("voc/JPEGImages/1.jpg", "robin", "train")]


def test_the_callback_of_the_guide_writes_a_map_every_n_epochs(folder):
    known = {}
    exec(read_example("docs/howto/training.md", "MapValidation"), known)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 4)).train()
    transform = Compose([Resize((4, 4)), ToTensor()])
    callback = known["MapValidation"]("photos", transform, every_n_epochs=2)
    for is_check, epoch in ((True, 1), (False, 0), (False, 1)):
        trainer = SimpleNamespace(
            current_epoch=epoch, sanity_checking=is_check, is_global_zero=True
        )
        with torch.inference_mode():  # as the trainer does
            callback.on_validation_epoch_end(trainer, SimpleNamespace(model=network))
        assert sorted(folder.glob("epoch-*")) == [folder / "epoch-2-map"] * (
            epoch == 1 and not is_check
        )
    assert open_map("epoch-2-map").run["agreement"] is not None
    assert network.training


def read_example(page, words):
    """Return the Python example of a page that contains some words."""
    (text,) = [
        text for kind, text in read_blocks(ROOT / page) if kind == "python" and words in text
    ]
    return text


@pytest.mark.parametrize("prefix", ["", "model."], ids=["state dict", "checkpoint of Lightning"])
def test_the_gray_network_of_the_guide_loads_trained_weights(folder, prefix):
    example = read_example("docs/howto/own-network.md", "def gray")
    (folder / "networks.py").write_text(example, encoding="utf-8")
    known = {}
    exec(example, known)
    torch.manual_seed(1)
    trained = {f"{prefix}{name}": value for name, value in known["Net"]().state_dict().items()}
    torch.save({"epoch": 3, "state_dict": trained} if prefix else trained, "trained.ckpt")
    options = {"model": "networks:gray", "force": True}
    trained_map, seeded_map = (
        make_map("photos", weights=file, **options) for file in ("trained.ckpt", None)
    )
    assert np.abs(trained_map.features - seeded_map.features).max() > 0.01


@pytest.mark.usefixtures("folder")
def test_the_guide_keeps_the_copy_with_a_label():
    labeled = find_images("photos").paths[-1]
    shutil.copy(Path("photos", labeled), "photos/0.jpg")  # before the labeled copy
    made = make_map("photos", model=INSTALLED_MODEL, output="copies-map")
    known = {"made": made}
    exec(read_example("docs/howto/duplicates.md", "def rank"), known)
    assert {made.paths[item] for item in known["extra"]} == {"0.jpg"}


@pytest.mark.usefixtures("folder")
def test_the_checked_labels_of_moved_images_remain_checked():
    label = Path(find_images("photos").paths[0]).parts[0]
    Path("photos", label).rename(Path("photos", f"{label} "))
    right, wrong, other = [*find_images("photos").paths[:2], find_images("photos").paths[-1]]
    checked = {"path": [right, wrong, other], "checked_label": [label, "new", label]}
    made = make_map("photos", model=INSTALLED_MODEL, checked=checked, output="checked-map")
    exec(read_example("docs/howto/label-errors.md", "moves = {}"), {"made": made})
    moved = {(f"new/{Path(wrong).name}", "new"), (f"{label} /{Path(other).name}", label)}
    again = make_map("photos", model=INSTALLED_MODEL, checked="moved-checks.csv", output="2-map")
    pairs = zip(again.paths, again.columns["checked_label"], again.labels, strict=True)
    assert {(path, one) for path, one, drawn in pairs if one == drawn} == moved | {(right, label)}


@pytest.mark.parametrize("kind", ["folder", "table", "list"])
@pytest.mark.usefixtures("folder")
def test_the_corrected_labels_have_the_paths_of_the_images(kind):
    found = find_images("photos")
    files = [f"photos/{path}" for path in found.paths]
    pd.DataFrame({"path": files, "label": found.labels}).to_csv("photos.csv", index=False)
    source = {"folder": "photos", "table": "photos.csv", "list": files}[kind]
    labels = found.labels if kind == "list" else None
    first = found.paths[0] if kind == "folder" else files[0]
    checked = {"path": [first], "checked_label": ["new"]}
    made = make_map(source, "own-map", labels=labels, checked=checked, model=INSTALLED_MODEL)
    exec(read_example("docs/howto/label-errors.md", '"corrected.csv"'), {"made": made})
    corrected = find_images("corrected.csv")
    right = {**dict(zip(files, found.labels, strict=True)), files[0]: "new"}
    assert dict(zip(corrected.paths, corrected.labels, strict=True)) == right


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_that_does_not_run_has_a_reason(page):
    lines = read_unmarked_commands(page)
    assert [line for line in lines if not line.startswith(tuple(NOT_RUN))] == []


def test_every_reason_belongs_to_a_command():
    lines = [line for page in PAGES for line in read_unmarked_commands(page)]
    assert [name for name in NOT_RUN if not any(line.startswith(name) for line in lines)] == []


def test_the_pages_have_commands_and_python_examples():
    kinds = [kind for page in PAGES for kind, _ in read_blocks(page)]
    assert kinds.count("sh") >= 15
    assert kinds.count("python") >= 10
