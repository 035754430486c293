"""How a command ends."""

import sys

EXIT_FAILED, EXIT_USER, EXIT_INTERRUPTED = 1, 2, 130


def complain(message: str, code: int) -> int:
    """Print one line to stderr and return the exit code."""
    print(f"cheapsearch: {' '.join(message.split())}", file=sys.stderr)
    return code
