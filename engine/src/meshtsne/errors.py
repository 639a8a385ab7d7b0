"""The exceptions that meshtsne raises.

MeshTSNEError
├── InputError (ValueError)   a parameter or an array is invalid
├── DivergenceError           the embedding became too large, or is not finite
├── DeviceError               a GPU is missing, fails its check, or has too little memory
└── InstallationError (ImportError)   the native module is missing or of another version
"""


class MeshTSNEError(Exception):
    """Base class of all exceptions that meshtsne raises."""


class InputError(MeshTSNEError, ValueError):
    """A parameter or an array is invalid."""


class DivergenceError(MeshTSNEError):
    """The embedding became too large for the forces, or is not finite."""


class DeviceError(MeshTSNEError):
    """A GPU is missing, fails its check, or has too little memory."""


class InstallationError(MeshTSNEError, ImportError):
    """The native module is missing, cannot be loaded, or is of another version."""
