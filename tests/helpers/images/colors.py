"""The colors of a drawn picture."""

import numpy as np


def colors_in(image):
    """Return the set of the colors (red, green, blue) of an image or of pixels (..., 3)."""
    pixels = np.asarray(image).reshape(-1, 3).astype(np.int32)
    codes = np.unique(pixels @ [1 << 16, 1 << 8, 1])  # of millions of pixels, much faster than set
    return {(code >> 16, code >> 8 & 255, code & 255) for code in codes.tolist()}
