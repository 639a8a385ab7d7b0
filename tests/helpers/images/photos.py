"""Small noisy images of one color per class."""

import numpy as np
from PIL import Image

COLORS = {"blue": (40, 60, 200), "green": (30, 160, 60), "red": (200, 40, 30)}


def write_images(folder, n_images, *, color=(120, 120, 120), seed=0):
    """Write small noisy PNGs of one color."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(n_images):
        noise = rng.integers(-30, 30, (12, 16, 3))
        pixels = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")


def write_photos(folder):
    """Write three classes with eight images each, and return the folder."""
    for seed, (name, color) in enumerate(COLORS.items()):
        write_images(folder / name, 8, color=color, seed=seed)
    return folder
