"""What counts as still there, and above all what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headroom_proxy.demo.survival import survives

RECORD: dict[str, Any] = {"id": "r-17", "level": "info", "status": 211, "ms": 1.5, "path": "/a,b", "error": None, "tags": ["x", "yy"]}
OTHER = RECORD | {"id": "r-18", "status": 500}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps([OTHER, RECORD]), id="json"),
        pytest.param(json.dumps({"page": {"items": [RECORD]}}), id="json deep down"),
        pytest.param('id,level,status\nr-17,info,211,1.5,"/a,b",null,[x,yy]', id="a row"),
        pytest.param('2 records, same in each: level=info,error=null\nr-17,211,1.5,"/a,b",[x,yy]', id="a row with constants in the header"),
    ],
)
def test_survives(text: str) -> None:
    assert survives(RECORD, "id", text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("r-17 was asked about; info 2, 211 1.5 /a,b", id="named, but not all its values"),
        pytest.param("r-17\ninfo,211,1.5,/a,b,null,[x,yy]", id="its values in another line"),
        pytest.param("r-17,info,2113,1.5,/a,b,null,[x,yy]", id="a longer number"),
        pytest.param("r-17,info,211,1.52,/a,b,null,[x,yy]", id="a longer fraction"),
        pytest.param("r-17,information,211,1.5,/a,b,null,[x,yy]", id="a longer word"),
        pytest.param(json.dumps([OTHER]), id="json with another record"),
        pytest.param(json.dumps([RECORD | {"status": "211"}]), id="json with a changed type"),
    ],
)
def test_does_not_survive(text: str) -> None:
    assert not survives(RECORD, "id", text)
