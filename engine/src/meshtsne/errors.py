"""The exceptions that meshtsne raises.

MeshTSNEError
├── InputError (ValueError)   a parameter or an array is invalid
└── DeviceError               a GPU is missing, fails its check, or has too little memory
"""


class MeshTSNEError(Exception):
    """Base class of all exceptions that meshtsne raises."""


class InputError(MeshTSNEError, ValueError):
    """A parameter or an array is invalid."""


class DeviceError(MeshTSNEError):
    """A GPU is missing, fails its check, or has too little memory."""
