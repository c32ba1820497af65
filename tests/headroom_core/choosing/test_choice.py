"""What the choice keeps, and when it must not choose at all."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from headroom_core.compressors.json_records import JsonRecords
from headroom_core.model import Ask, Rewritten
from headroom_core.settings import Settings

WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "release",
    "server",
    "cluster",
    "index",
    "cache",
    "memory",
    "update",
    "patch",
    "version",
    "network",
    "module",
]
CITIES = ["Oslo", "Lima", "Pune", "Kyoto"]


def orders(count: int = 600, seed: int = 3) -> list[dict[str, Any]]:
    source = random.Random(seed)
    return [
        {
            "order_id": f"ORD-{7000 + 13 * number}",
            "title": " ".join(source.choices(WORDS, k=4)),
            "url": f"https://shop.example.test/orders/{7000 + 13 * number}",
            "total": round(source.uniform(50, 90), 2),
            "city": source.choice(CITIES),
            "state": "paid",
            "error": None,
        }
        for number in range(count)
    ]


def crushed(records: list[dict[str, Any]], query: str, **changes: Any) -> Rewritten:
    result = JsonRecords().compress(json.dumps(records), Ask(query, "list_orders"), Settings(**changes), "abc123")
    assert isinstance(result, Rewritten)
    return result


def rows(result: Rewritten) -> list[str]:
    return [line for line in result.text.split("\n") if line.startswith("ORD-")]


@pytest.mark.parametrize(
    "ask",
    [
        lambda record: f"What is the state of {record['order_id']}?",
        lambda record: f"Look at {record['url']} for me",
        lambda record: f'Find the one called "{record["title"]}"',
    ],
    ids=["id", "url", "title"],
)
@pytest.mark.parametrize("place", [0, 7, 123, 311, 444, 599])
def test_the_record_that_is_asked_for_is_kept(ask: Any, place: int) -> None:
    records = orders()
    result = crushed(records, ask(records[place]))
    assert not result.lossless
    assert result.items_kept < 100
    assert any(line.startswith(records[place]["order_id"] + ",") for line in rows(result))


@pytest.mark.parametrize("arguments", ['{"filter": {"order": "ORD-11160"}}', '"{\\"order\\": \\"ORD-11160\\"}"', "order=ORD-11160"])
def test_the_record_that_the_call_names_is_kept(arguments: str) -> None:
    result = JsonRecords().compress(json.dumps(orders()), Ask("Summarize these orders", "list_orders", arguments), Settings(), "abc123")
    assert isinstance(result, Rewritten)
    assert not result.lossless
    assert any(line.startswith("ORD-11160,") for line in rows(result))


def test_errors_outliers_and_rare_values_are_kept_whatever_is_asked() -> None:
    records = orders()
    records[100]["error"] = "card declined"
    records[200]["state"] = "refund pending"
    records[300]["total"] = 9999.5
    records[400]["total"] = -3
    kept = "\n".join(rows(crushed(records, "Summarize these orders")))
    for place in (0, 1, 2, 100, 200, 300, 400, 598, 599):
        assert records[place]["order_id"] + "," in kept


def test_errors_are_not_special_where_most_are_errors() -> None:
    records = orders()
    for record in records[:400]:
        record["error"] = "card declined"
    assert crushed(records, "Summarize these orders").items_kept < 100


def test_the_summary_is_exact() -> None:
    records = orders()
    text = crushed(records, "How many orders are there for each city?").text
    for city in CITIES:
        assert f"{city} {sum(record['city'] == city for record in records)}" in text
    totals = [record["total"] for record in records]
    assert f"{min(totals):.6g} to {max(totals):.6g}" in text


def test_tops_and_bottoms_are_kept_as_many_as_are_asked_for() -> None:
    records = orders()
    kept = "\n".join(rows(crushed(records, "Which ten orders have the highest total?")))
    for record in sorted(records, key=lambda record: record["total"])[-10:]:
        assert record["order_id"] + "," in kept


def test_what_is_left_out_is_counted_in_place_with_the_way_back() -> None:
    result = crushed(orders(), "Summarize these orders")
    gaps = sum(int(number) for number in re.findall(r"^…(\d+)$", result.text, re.MULTILINE))
    assert gaps == result.items_total - result.items_kept == 600 - len(rows(result))
    assert f"{gaps} of 600 records" in result.text
    assert "headroom get abc123" in result.text


@pytest.mark.parametrize(
    "query",
    [
        "Which of them might upset a customer who dislikes loud colours and bright sunshine?",
        "Find the purchase made by someone furnishing a nursery",
    ],
)
def test_a_question_that_no_record_answers_in_its_words_leaves_all_in_place(query: str) -> None:
    result = crushed(orders(), query)
    assert result.lossless
    assert len(rows(result)) == 600


def test_lossless_never_chooses() -> None:
    assert crushed(orders(), "What is the state of ORD-7013?", level="lossless").lossless


def test_small_collections_are_not_chosen_from() -> None:
    assert crushed(orders(15), "Summarize these orders").lossless
