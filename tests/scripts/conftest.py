from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts.checkout import Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder = tmp_path / "pro ject"
    folder.mkdir()
    return Checkout(folder.resolve(), tmp_path / "home")


@pytest.fixture
def ready(checkout: Checkout) -> Checkout:
    """A checkout that is set up already."""
    checkout.real_python()
    assert checkout.headroom().returncode == 0
    (checkout.folder / "pip.log").unlink()
    return checkout
