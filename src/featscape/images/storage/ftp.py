"""The FTP file system of fsspec, without a message from its destructor."""

from __future__ import annotations

from fsspec.implementations.ftp import FTPFileSystem


class QuietFTP(FTPFileSystem):  # type: ignore[misc] # fsspec has no types
    """An FTP file system whose destructor accepts an address without a host.

    The destructor of fsspec then raises AttributeError, which Python prints to stderr.
    """

    def __del__(self) -> None:
        """Close the connection, if there is one."""
        if hasattr(self, "ftp"):
            self.ftp.close()
