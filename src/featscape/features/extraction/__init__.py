"""The extraction loop: from images to features, with a cache of earlier features."""
