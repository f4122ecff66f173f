"""The built site: SITE=docs/_build/html pytest tests/site."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def site() -> Path:
    folder = os.environ.get("SITE")
    if not folder:
        pytest.skip("no built site: SITE=docs/_build/html")
    path = Path(folder).resolve()
    assert (path / "index.html").is_file(), f"{path} holds no site"
    return path
