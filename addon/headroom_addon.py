"""Headroom for mitmproxy: `mitmdump -s addon/headroom_addon.py`."""

import sys
from pathlib import Path

# The core lies beside this folder in a checkout; mitmproxy itself puts only this folder on sys.path.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from headroom_proxy.addon import HeadroomAddon

addons = [HeadroomAddon()]
