"""Ctrl+C works after OpenVINO engines were created and destroyed."""

import subprocess
import sys


def test_ctrl_c_works_after_engines_were_destroyed():
    code = """
import gc, os, signal, time
from torch import nn
from featscape.features.engines.openvino import convert

network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()).eval().requires_grad_(False)
engines = [convert(network, mean=[0] * 3, std=[1] * 3, size_px=8) for _ in range(2)]
while engines:
    engines.pop(0)
    gc.collect()
signal.signal(signal.SIGINT, signal.default_int_handler)  # the runner may change it
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
