"""Tests are imported by path, without packages: their helpers (`image_files`) too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
