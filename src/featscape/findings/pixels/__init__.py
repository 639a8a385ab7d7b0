"""Measure the thumbnails, and find technical faults."""
