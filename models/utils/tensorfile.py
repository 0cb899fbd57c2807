"""Writing tensors to a file, with the system's own word for it where that fails."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def write_tensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, with `facts` in its head. Raises OSError where there is no room for it."""
    try:
        save_file(tensors, path, metadata)
    except SafetensorError as error:  # it tells of a full disk in words alone
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        if shutil.disk_usage(path.parent).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
