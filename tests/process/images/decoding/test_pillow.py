"""The memory that decoding takes, measured in a separate process."""

import subprocess
import sys

import numpy as np
import pytest


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_a_32_bit_image_takes_8_mb_per_megapixel(dtype):
    # in a separate process, because tracemalloc does not see Pillow's memory
    script = """
import io, resource, sys
import numpy as np
from PIL import Image
from featscape.images import decode_bytes
file = io.BytesIO()
values = np.arange(12_000_000, dtype=sys.argv[1]).reshape(3000, 4000)
Image.fromarray(values).save(file, "TIFF")
del values
size_kb = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = size_kb()
decode_bytes(file.getvalue())
print((size_kb() - before) / 1000)
"""
    command = [sys.executable, "-c", script, np.dtype(dtype).name]
    grown_mb = float(subprocess.check_output(command))
    assert grown_mb < 12 * 12  # MB: 8 per megapixel for the pixels, 4 for the file in memory
