"""Headroom's core: tool outputs of LLM requests into fewer tokens, every other byte as it came.

from headroom_core import compress, Settings
result = compress(body, host="api.anthropic.com", path="/v1/messages")
"""

from headroom_core.pipeline import CompressionResult, compress
from headroom_core.settings import Settings

__all__ = ["CompressionResult", "Settings", "compress"]
__version__ = "0.1.0"
