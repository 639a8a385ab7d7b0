"""Write maps for other programs: TensorBoard, Embedding Atlas, FiftyOne."""

from featscape.exporters.embedding_atlas import write_embedding_atlas
from featscape.exporters.fiftyone import write_fiftyone
from featscape.exporters.tensorboard import write_tensorboard

__all__ = ["write_embedding_atlas", "write_fiftyone", "write_tensorboard"]
