"""Generate photographs of the size and format of Animals10: animals on random backgrounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

ANIMALS = Path(__file__).parents[1] / "data" / "animals"
CLASSES = {
    "birds": "birds",
    "bovines": "mammals/bovines",
    "cats": "mammals/cats",
    "deer": "mammals/deer",
    "equines": "mammals/equines",
    "fish": "fish",
    "insects": "insects",
    "mammals": "mammals",
    "rodents": "mammals/rodents",
    "seals": "mammals/aquatic",
}
SHORTEST_PX, LONGEST_PX = 225, 350
# Random values along a side; each octave has half of the amplitude of the octave before.
_OCTAVES = (3, 7, 19, 61)


def write_photographs(folder: Path, n_images: int, *, seed: int) -> None:
    """Write n JPEG files of about 300 pixels into ten class folders of equal size."""
    if not ANIMALS.exists():
        raise SystemExit(f"there is no folder {ANIMALS} of animals. Run: make data")
    random = np.random.default_rng(seed)
    for i in range(n_images):
        name = list(CLASSES)[i % len(CLASSES)]
        animals = sorted((ANIMALS / CLASSES[name]).glob("*.png"))
        animal = Image.open(animals[random.integers(len(animals))]).convert("RGBA")
        path = folder / name / f"{i:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        _compose(animal, random).save(path, quality=90)


def _compose(animal: Image.Image, random: np.random.Generator) -> Image.Image:
    """Place an animal, randomly mirrored, rotated and scaled, on a random background."""
    width, height = (int(side) for side in random.integers(SHORTEST_PX, LONGEST_PX, size=2))
    if random.random() < 0.5:
        animal = animal.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    animal = animal.rotate(random.uniform(-15, 15), Image.Resampling.BICUBIC, expand=True)
    scale = random.uniform(0.7, 1.2) * min(width / animal.width, height / animal.height)
    size = (round(scale * animal.width), round(scale * animal.height))
    animal = animal.resize(size, Image.Resampling.BICUBIC)
    background = _background(width, height, random)
    corner = [
        round((whole - part) / 2 + random.uniform(-0.1, 0.1) * whole)
        for whole, part in zip(background.size, animal.size, strict=True)
    ]
    background.paste(animal, (corner[0], corner[1]), animal)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        background = enhance(background).enhance(random.uniform(0.75, 1.25))
    return background


def _background(width: int, height: int, random: np.random.Generator) -> Image.Image:
    """Return a texture: noise at several scales around one color, with grain."""
    texture = np.zeros((height, width))
    for octave, n in enumerate(_OCTAVES):
        noise = Image.fromarray(random.normal(size=(n, n)).astype(np.float32))
        smooth = noise.resize((width, height), Image.Resampling.BICUBIC)
        texture += np.asarray(smooth) / 2**octave
    color = random.uniform(60, 200, size=3) + random.uniform(10, 40, size=3) * texture[..., None]
    color += random.normal(scale=4, size=color.shape)
    return Image.fromarray(np.clip(color, 0, 255).astype(np.uint8))
