"""The command line: one file a command, a thin layer on the package."""

import os

# Threads that wait for each other then sleep instead of spinning, which on busy cores takes several
# times the processor's time. OpenMP reads this once, when torch is imported.
if "GOMP_SPINCOUNT" not in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
