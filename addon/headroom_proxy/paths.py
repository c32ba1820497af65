"""Where the parts of an installation lie."""

from __future__ import annotations

from pathlib import Path


def addon_script() -> Path:
    """The script for `mitmdump -s`: beside this package in a checkout, inside it in an installed wheel."""
    here = Path(__file__).resolve().parent
    beside = here.parent / "headroom_addon.py"
    return beside if beside.exists() else here / "headroom_addon.py"
