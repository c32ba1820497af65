from __future__ import annotations

from headroom_core.flow_log.troubles import Troubles


def test_each_trouble_is_said_once_and_again_after_it_worked() -> None:
    said: list[str] = []
    troubles = Troubles(said.append)
    for line in ("one", "two"):
        troubles.failed("flows.db", "locked", line)
    troubles.worked("flows.db")
    troubles.failed("flows.db", "locked", "three")
    assert said == ["one", "three"]


def test_a_new_cause_at_a_place_that_is_known_not_to_work_is_no_news() -> None:
    said: list[str] = []
    troubles = Troubles(said.append)
    troubles.failed("flows.db", "locked", "one")
    troubles.failed("flows.db", "full", "two")
    assert said == ["one"]


def test_one_cause_at_two_places_is_said_once_but_two_causes_are_said() -> None:
    said: list[str] = []
    troubles = Troubles(said.append)
    troubles.failed("flows.db", "read-only", "one")
    troubles.failed("store.db", "read-only", "two")
    assert said == ["one"]
    troubles.worked("store.db")
    troubles.failed("store.db", "full", "three")
    assert said == ["one", "three"]


def test_one_place_that_works_does_not_make_the_other_news() -> None:
    said: list[str] = []
    troubles = Troubles(said.append)
    for _ in range(3):
        troubles.worked("flows.db")
        troubles.failed("store.db", "full", "full")
    assert said == ["full"]
