"""How much an image may be, so that a small hostile archive cannot fill the disk or run for hours."""

from __future__ import annotations

from ecirun.image.bad_image import BadImage
from ecirun.record import Record

RATIO_APPLIES_FROM = 64 << 20  # bytes; below it, a file of zeros is just a file of zeros
RAISE = "raise the limit with {}, if you trust the image"
LARGEST_JSON = 4 << 20  # bytes of a manifest, config or index, as containerd and skopeo read them
MOST_LAYERS = 500


class Limits(Record):
    """`size`: bytes of all files of an image together; `ratio`: unpacked to packed bytes; `files`: members of all layers."""

    size: int = 32 << 30
    ratio: int = 200
    files: int = 1_000_000

    def check(self, files: int, size: int) -> None:
        """Raises BadImage."""
        if files > self.files:
            raise BadImage(f"it has more than {self.files} files", hint=RAISE.format("--max-files"))
        if size > self.size:
            raise BadImage(f"its files have more than {self.size} bytes together", hint=RAISE.format("--max-size"))

    def check_ratio(self, packed: int, unpacked: int) -> None:
        """Raises BadImage."""
        if unpacked > max(RATIO_APPLIES_FROM, packed * self.ratio):
            raise BadImage(f"its data unpacks to more than {self.ratio} times its size", hint=RAISE.format("--max-ratio"))


DEFAULT_LIMITS = Limits()
NO_LIMITS = Limits(1 << 62, 1 << 62, 1 << 62)
