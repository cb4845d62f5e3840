"""Which files a command may name: an automation that is fooled must not read or write elsewhere.

Links are followed first, and what was found is what is opened, so no link leads out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hasip.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Sequence


class FileFence:
    """The allowed folders; without any, everything is allowed. Waits for the disk."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = tuple(folders)

    def path(self, field: str, name: str) -> Path:
        """Return the file that a name really means; raises `AudioError` outside of the folders.

        `field` is where the name was written, for the error. The file need not exist.
        """
        try:
            real = Path(name).resolve()
            allowed = [folder.resolve() for folder in self._folders]
        except (OSError, ValueError, RuntimeError) as error:  # a NUL in it, or links in a circle
            msg = f"{field} {name!r}: is no path of a file: {error}"
            raise AudioError(msg) from error
        if allowed and not any(real.is_relative_to(folder) for folder in allowed):
            listed = ", ".join(map(str, self._folders))
            shown = name if str(real) == name else f"{name} (really {real})"
            msg = (
                f"{field} {shown}: is outside of the allowed folders: {listed}; "
                "move it there or, outside of the app, add its folder to FILE_FOLDERS"
            )
            raise AudioError(msg)
        return real
