"""Keep glibc's malloc from handing memory back between training steps."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_TOP_PAD_BYTES = 64 * 2**20


def keep_freed_memory() -> bool:
    """Serve large tensors from the heap and keep freed memory for the next step.

    By default every step of a small network maps and unmaps its activations anew, which costs about as
    much as the arithmetic. Does nothing where the C library is not glibc.

    Returns:
        Whether the settings were made.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    made = [
        mallopt(_M_MMAP_MAX, 0),
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1),
        mallopt(_M_TOP_PAD, _TOP_PAD_BYTES),
    ]
    return all(result == 1 for result in made)
