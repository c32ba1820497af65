"""x"""
from __future__ import annotations
class EstimatingCounter:
    exact = False
    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
    def count(self, text: str) -> int:
        return len(text) // 4
