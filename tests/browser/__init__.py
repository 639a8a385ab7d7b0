"""Tests in a browser. As a package, they share Chromium and servers until the last of them."""
