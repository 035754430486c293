"""One thread a process, before numpy and torch load: the machine's cores are for processes side by side."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # processes that a test starts inherit it
