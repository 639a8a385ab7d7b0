"""Draw scikit-learn's handwritten digits as a map, in five lines."""

from pathlib import Path
from tempfile import mkdtemp

from featscape import TSNE, draw_mosaic, draw_scatter, extract, find_images
from featscape.demo import write_digits

photos = Path(mkdtemp(prefix="digits-"))
write_digits(photos)  # or use a folder of your own images

images = find_images(photos, limit=500)
features = extract(images, model="efficientnet_lite0")
positions = TSNE(perplexity=30, random_state=10).fit_transform(features)
draw_scatter(positions, features.images.labels).save("scatter.png")
draw_mosaic(positions, features.images, features.images.labels).save("images.png")
print(f"Wrote scatter.png and images.png in {Path.cwd()}")
