"""Download of public files: resumed transfers, safe unpacking, verified checksums."""

from segbench.datasets.download.archives import (
    Archive,
    checksum,
    download_folder,
    fetch,
    pending_checksums,
    verify,
)
from segbench.datasets.download.transfers import discard, transfer
from segbench.datasets.download.unpacking import unpack

__all__ = [
    "Archive",
    "checksum",
    "discard",
    "download_folder",
    "fetch",
    "pending_checksums",
    "transfer",
    "unpack",
    "verify",
]
