"""What the exit code of every command means, and which one counts where several things were looked at."""

from collections.abc import Collection

DONE, REFUSED, CANNOT_TELL = 0, 1, 2


def worst(codes: Collection[int]) -> int:
    """Return REFUSED where one was, else CANNOT_TELL where one cannot be told, else DONE."""
    return next((code for code in (REFUSED, CANNOT_TELL) if code in codes), DONE)
