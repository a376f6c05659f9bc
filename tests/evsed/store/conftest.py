"""Where the store's tests lay their files: in memory where that can be had, since a test syncs thousands of times."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    shared = "/dev/shm"
    made = Path(tempfile.mkdtemp(dir=shared if os.access(shared, os.W_OK) else None))
    yield made
    shutil.rmtree(made)
