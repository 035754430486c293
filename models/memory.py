"""A size that does not fit into memory is the user's mistake, said in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..space import UserError

# torch has no exception of its own for the CPU's memory, nor for a size beyond 64 bits.
_SIGNS = ("allocate memory", "out of memory", "overflow", "invalid dimensions")


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Turn torch's errors about sizes into the user's; `what` names the size.

    Raises:
        UserError: If something inside does not fit into memory.
    """
    try:
        yield
    except (RuntimeError, TypeError, OverflowError) as error:
        if not any(sign in str(error).lower() for sign in _SIGNS):
            raise
        raise UserError(
            f"{what}: must fit into this machine's memory, and does not; choose a smaller one"
        ) from None
