"""A small disk that can be filled: a file system in memory, where that may be mounted."""

import errno
import subprocess
from pathlib import Path
from typing import Final

_BALLOON: Final = "balloon"
_CHUNK: Final = 64 * 1024


class Disk:
    """A folder with a limit of its own, if `can_fill`."""

    def __init__(self, folder: Path, octets: int) -> None:
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={octets}", "tmpfs", str(folder)]
        self.can_fill = subprocess.run(command, capture_output=True, check=False).returncode == 0
        self.folder = folder

    @property
    def is_full(self) -> bool:
        """Whether it has been filled, and not freed since."""
        return (self.folder / _BALLOON).exists()

    def fill(self) -> None:
        """Leave no octet free."""
        with (self.folder / _BALLOON).open("wb", buffering=0) as balloon:
            size = _CHUNK
            while size:
                try:
                    balloon.write(b"\0" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def free(self) -> None:
        """Give all of it back."""
        (self.folder / _BALLOON).unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it."""
        if self.can_fill:
            subprocess.run(["umount", "--lazy", str(self.folder)], capture_output=True, check=False)
