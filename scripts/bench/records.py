"""Made-up tool outputs by a seed: what APIs, databases and log services answer, with questions of each kind about them.

Each maker gives the content and its questions; what a question asks for stands in the content as its needles. Records that are asked
for stand in the middle of the rest. The texts beside these are in texts.py; scenarios.py makes cases of them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

TOPICS = ("queue", "cache", "billing", "search", "export", "webhook", "schema", "replica", "session", "quota", "backup", "router")
ACTIONS = ("tuning", "limits", "migration", "overview", "examples", "monitoring", "changelog", "upgrade", "testing", "design")
_FIRST = ("Ana", "Bo", "Chidi", "Dana", "Emre", "Fatima", "Goran", "Hana", "Ivo", "Jun", "Kira", "Luis", "Mina", "Nils", "Oona", "Pia")
_LAST = ("Abe", "Brandt", "Costa", "Diaz", "Eze", "Fischer", "Gupta", "Hansen", "Ito", "Jansen", "Kaya", "Lopez", "Meyer", "Novak")
_STREETS = ("Harbour Road", "Mill Lane", "Station Street", "Orchard Way", "Castle Hill", "Bridge Street", "Park Avenue")
_CITIES = (("Lisbon", "PT"), ("Oslo", "NO"), ("Nairobi", "KE"), ("Osaka", "JP"), ("Austin", "US"), ("Cork", "IE"), ("Lyon", "FR"))


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asks about a content, and the strings that an answer needs."""

    kind: str
    text: str
    needles: tuple[str, ...]
    semantic: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A tool output, the call it answers, and questions about it."""

    tool: str
    arguments: dict[str, Any]
    content: str
    questions: tuple[Question, ...]


def search(chance: random.Random, count: int) -> Made:
    """Hits of a search service: a flat array."""
    start = datetime(2025, 3, 1, tzinfo=UTC)
    base = chance.randrange(10_000, 60_000)
    hits: list[dict[str, Any]] = []
    for place in range(count):
        topic, action = chance.choice(TOPICS), chance.choice(ACTIONS)
        other = chance.choice(TOPICS)
        hits.append(
            {
                "id": base + place * 7,
                "title": f"{topic.title()} {action}",
                "url": f"https://docs.example.com/{topic}/{base + place * 7}",
                "snippet": f"{topic} {action} with {other}",
                "score": round(0.97 - 0.9 * place / count + chance.uniform(-0.01, 0.01), 3),
                "updated": (start + timedelta(hours=chance.randrange(14_000))).strftime("%Y-%m-%d"),
            }
        )
    named, by_url, odd, meant, *failed = middle(chance, hits, 7)
    odd["score"] = 41.375
    meant |= {"title": "People cannot sign in", "snippet": "password refused after the domain moved"}
    for hit, shard in zip(failed, ("timed out", "checksum mismatch", "connection reset"), strict=True):
        hit["error"] = f"shard {chance.randrange(100, 999)} {shard}"
    newest, oldest = max(hit["updated"] for hit in hits), min(hit["updated"] for hit in hits)
    best = sorted(hits, key=lambda hit: -hit["score"])[:5]
    questions = (
        Question("lookup", f"What does document {named['id']} say, and where is it?", strings(named, "id", "url")),
        Question("lookup", f"Which score and date has {by_url['url']}?", strings(by_url, "id", "score")),
        Question("error", "Which hits came back with an error, and which error?", each(failed, "id", "error")),
        Question("anomaly", "One hit has a score far out of the usual range. Which?", strings(odd, "id", "score")),
        Question("aggregate", "From when to when were these documents updated?", (oldest, newest)),
        Question("toplist", "List the five hits with the highest score.", each(best, "id", "score")),
        Question("lookup", "Is there something on users with login trouble?", strings(meant, "id", "title", "snippet"), semantic=True),
    )
    return Made("search_documents", {"query": "platform guide", "limit": count}, dump(hits), questions)


def logs(chance: random.Random, count: int) -> Made:
    """Entries of a log service as JSON, few of them errors."""
    time = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    entries: list[dict[str, Any]] = []
    for _ in range(count):
        time += timedelta(milliseconds=chance.randrange(20, 4000))
        entries.append(
            {
                "timestamp": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "level": chance.choices(("INFO", "DEBUG", "WARN"), (85, 10, 5))[0],
                "service": chance.choice(("checkout", "catalog", "payments", "gateway")),
                "host": f"node-{chance.randrange(1, 7):02}.eu-west",
                "request_id": f"req-{chance.getrandbits(40):010x}",
                "message": f"{chance.choice(('GET', 'POST'))} /v1/{chance.choice(TOPICS)}/{chance.randrange(1000, 9999)} done",
                "status": chance.choices((200, 201, 304, 404), (80, 10, 6, 4))[0],
                "duration_ms": round(chance.lognormvariate(3.5, 0.5), 1),
            }
        )
    named, slow, meant, host, *failed = middle(chance, entries, 8)
    slow["duration_ms"] = 48_211.7
    meant |= {"level": "WARN", "message": "certificate of api.example.com is valid for 3 more days", "status": 200}
    host["host"] = "node-99.us-east"
    whats = (
        "upstream timed out after 30 s",
        "duplicate key orders_pkey",
        "connection refused by 10.4.0.17:5432",
        "out of memory in worker 3",
    )
    for entry, what in zip(failed, whats, strict=True):
        entry |= {"level": "ERROR", "message": f"{what} ({entry['request_id']})", "status": 503}
    slowest = sorted(entries, key=lambda entry: -entry["duration_ms"])[:5]
    questions = (
        Question("lookup", f"What became of request {named['request_id']}?", strings(named, "timestamp", "message")),
        Question("error", "Which errors are in the log, and for which requests?", each(failed, "message", "timestamp")),
        Question("anomaly", "Does any entry come from a host that should not be there?", strings(host, "host", "request_id")),
        Question("aggregate", "What period does the log cover?", (entries[0]["timestamp"], entries[-1]["timestamp"])),
        Question("toplist", "Which five requests were the slowest?", each(slowest, "request_id", "duration_ms")),
        Question("lookup", "Is any TLS credential about to expire?", strings(meant, "timestamp", "message"), semantic=True),
    )
    return Made("query_logs", {"service": "*", "since": "2026-11-20T08:00:00Z"}, dump(entries), questions)


def nested(chance: random.Random, count: int) -> Made:
    """Users of a shop with profile, address and orders, inside an envelope."""
    users = [_user(chance, number) for number in range(count)]
    named, declined, odd, meant, *enterprise = middle(chance, users, 7)
    declined["orders"][0]["payment"] = {"status": "failed", "error": f"card_declined: issuer code {chance.randrange(51, 99)}"}
    odd["orders"][0]["total"] = 98_431.5
    meant["notes"] = "wants no newsletters or calls"
    for user in enterprise:
        user["plan"] = "enterprise"
    orders = sorted((order for user in users for order in user["orders"]), key=lambda order: -order["total"])[:5]
    envelope = {
        "meta": {"request_id": f"{chance.getrandbits(64):016x}", "page": 1, "per_page": count, "total": count},
        "data": {"users": users},
    }
    questions = (
        Question("lookup", f"Where does {named['id']} live?", (named["id"], named["profile"]["address"]["street"])),
        Question("error", "Did any payment fail?", (declined["orders"][0]["id"], declined["orders"][0]["payment"]["error"])),
        Question("anomaly", "Is there an order that looks like a mistake?", (odd["orders"][0]["id"], "98431.5")),
        Question("aggregate", "How many enterprise customers are there, and who?", tuple(user["id"] for user in enterprise)),
        Question("toplist", "What are the five largest orders?", each(orders, "id", "total")),
        Question("lookup", "Who opted out of marketing?", (meant["id"], meant["notes"]), semantic=True),
    )
    return Made("get_users", {"expand": "profile,orders"}, dump(envelope), questions)


def _user(chance: random.Random, number: int) -> dict[str, Any]:
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    city, country = chance.choice(_CITIES)
    address = {
        "street": f"{chance.randrange(1, 240)} {chance.choice(_STREETS)}",
        "city": city,
        "country": country,
        "geo": {"lat": round(chance.uniform(-60, 60), 4), "lon": round(chance.uniform(-180, 180), 4)},
    }
    return {
        "id": f"usr_{chance.getrandbits(40):010x}",
        "plan": chance.choice(("free", "team")),
        "profile": {
            "name": f"{first} {last}",
            "email": f"{first}.{last}{number}@example.com".lower(),
            "address": address,
            "preferences": {"language": chance.choice(("en", "de", "pt")), "newsletter": True, "theme": "dark"},
        },
        "orders": [_order(chance) for _ in range(chance.randrange(1, 4))],
        "notes": None,
    }


def _order(chance: random.Random) -> dict[str, Any]:
    items: list[dict[str, Any]] = [
        {"sku": f"SKU-{chance.randrange(1000, 9999)}", "quantity": chance.randrange(1, 5), "price": round(chance.uniform(3, 90), 2)}
        for _ in range(chance.randrange(1, 4))
    ]
    total = round(sum(item["quantity"] * item["price"] for item in items), 2)
    order_id = f"ord_{chance.getrandbits(32):08x}"
    return {"id": order_id, "total": total, "currency": "EUR", "payment": {"status": "paid", "error": None}, "items": items}


def database(chance: random.Random, count: int) -> Made:
    """Rows of a table, as a database tool gives them."""
    time = datetime(2026, 1, 5, tzinfo=UTC)
    rows: list[dict[str, Any]] = []
    base = chance.randrange(100_000, 800_000)
    for place in range(count):
        time += timedelta(seconds=chance.randrange(30, 9000))
        rows.append(
            {
                "id": base + place,
                "customer_id": chance.randrange(1000, 9999),
                "status": chance.choices(("shipped", "pending", "cancelled"), (80, 15, 5))[0],
                "amount": round(chance.lognormvariate(4, 0.6), 2),
                "currency": "EUR",
                "region": chance.choice(("eu-north", "eu-south", "us-east", "ap-south")),
                "created_at": time.strftime("%Y-%m-%d %H:%M:%S"),
                "is_active": True,
                "reason_code": None,
                "remark": None,
            }
        )
    named, odd, meant, *special = middle(chance, rows, 8)
    failed, rare = special[:3], special[3:]
    odd["amount"] = -250_000.0
    meant["remark"] = "parcel came back, address unknown"
    for row, code in zip(failed, ("ERR-7731", "ERR-2048", "ERR-5150"), strict=True):
        row |= {"status": "failed", "reason_code": code}
    for row in rare:
        row["region"] = "sa-west"
    largest = sorted(rows, key=lambda row: -row["amount"])[:5]
    questions = (
        Question("lookup", f"What is the state of order {named['id']}?", strings(named, "id", "amount", "created_at")),
        Question("error", "Which orders failed, with which code?", each(failed, "id", "reason_code")),
        Question("anomaly", "Is there an amount that can't be right?", (str(odd["id"]), "250000.0")),
        Question("aggregate", "Which orders are from sa-west?", each(rare, "id", "region")),
        Question("toplist", "Which five orders have the largest amount?", each(largest, "id", "amount")),
        Question("lookup", "Which shipment was returned to the sender?", strings(meant, "id", "remark"), semantic=True),
    )
    return Made("run_sql", {"statement": "SELECT * FROM orders ORDER BY id", "limit": count}, dump(rows), questions)


def middle(chance: random.Random, records: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Different records from between 20 and 80 per cent of the way, in no order."""
    size = len(records)
    return chance.sample(records[size // 5 : size - size // 5], count)


def strings(record: dict[str, Any], *names: str) -> tuple[str, ...]:
    """The values of these fields."""
    return tuple(str(record[name]) for name in names)


def each(records: Sequence[dict[str, Any]], *names: str) -> tuple[str, ...]:
    """The values of these fields, record by record."""
    return tuple(text for record in records for text in strings(record, *names))


def dump(value: Any) -> str:
    """JSON as services send it."""
    return json.dumps(value, separators=(",", ":"))
