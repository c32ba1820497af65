from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from headroom_core.flow_log import data_directory, locate
from headroom_core.flow_log.location import make_private_directory, make_private_file
from headroom_core.settings import Settings


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_without_a_setting_it_is_the_platforms_data_folder() -> None:
    assert locate(Settings()) == Path(platformdirs.user_data_dir("headroom", appauthor=False))


def test_the_setting_wins_and_may_begin_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate(Settings(data_dir="~/log")) == tmp_path / "log"


def test_looking_makes_nothing(tmp_path: Path) -> None:
    locate(Settings(data_dir=str(tmp_path / "log")))
    assert not (tmp_path / "log").exists()


def test_a_new_folder_is_the_owners_only(tmp_path: Path) -> None:
    made = data_directory(Settings(data_dir=str(tmp_path / "deep" / "log")))
    assert mode(made) == 0o700


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_directory(tmp_path)
    assert mode(tmp_path) == 0o755


def test_a_folder_that_cannot_be_made_is_no_exception(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert data_directory(Settings(data_dir=str(tmp_path / "file" / "log"))) == tmp_path / "file" / "log"


def test_a_new_file_is_the_owners_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_private_file(tmp_path / "new.db")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new.db") == 0o600


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o666, 0o600), (0o444, 0o400), (0o600, 0o600), (0o400, 0o400)])
def test_a_file_that_is_there_loses_the_rights_of_others_and_keeps_its_bytes(tmp_path: Path, before: int, after: int) -> None:
    path = tmp_path / "old.db"
    path.write_bytes(b"data")
    path.chmod(before)
    make_private_file(path)
    assert mode(path) == after
    assert path.read_bytes() == b"data"
