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
        pytest.param('@1=/a\n@2=r\nid,level\nr-17,info,211,1.5,"@1 ,b",null,[x,yy]', id="a beginning as an alias"),
        pytest.param("1 record, same in each: path=/a,b\nr-17,info,211,1.5,null,[x,yy]", id="a constant that ends a line"),
        pytest.param("path=/a,b\nlevel=<word>fo\nr-17,211,1.5,info,null,[x,yy]", id="a field told by a pattern, elsewhere in the row too"),
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
        pytest.param("r-17,info,211,1.5,@1 ,b,null,[x,yy]", id="an alias that nothing explains"),
        pytest.param("@1=/b\nr-17,info,211,1.5,@1 ,b,null,[x,yy]", id="an alias of something else"),
        pytest.param("same in each: level=information\nr-17,211,1.5,/a,b,null,[x,yy]", id="a constant that is another value"),
        pytest.param(json.dumps([OTHER]), id="json with another record"),
        pytest.param(json.dumps([RECORD | {"status": "211"}]), id="json with a changed type"),
    ],
)
def test_does_not_survive(text: str) -> None:
    assert not survives(RECORD, "id", text)


def test_a_field_may_be_told_from_another() -> None:
    record = {"id": "r-17", "url": "https://host/items/r-17/view", "n": 1}
    assert survives(record, "id", "2 records. url=https://host/items/<id>/view\nid,n\nr-17,1\nr-18,2")
    assert not survives(record, "id", "2 records. url=https://host/parts/<id>/view\nid,n\nr-17,1\nr-18,2")
