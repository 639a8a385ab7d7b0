"""Decoding: bytes of an image file -> RGB pixels, and RGB pixels -> a thumbnail."""
