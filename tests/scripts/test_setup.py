from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.checkout import BASH, Checkout

PROBED = """
PYTHON=''
find_python; status=$?
printf '%s\\n' "$status" "$PYTHON" "$WHY_NOT"
"""


class TestFindPython:
    def test_first_on_path(self, checkout: Checkout) -> None:
        checkout.fake_python("python3.12", "ok 3.12.4")
        python = checkout.fake_python("python3", "ok 3.13.1")
        assert checkout.sourced(PROBED) == ["0", os.fspath(python), ""]

    def test_a_real_interpreter_is_probed(self, checkout: Checkout) -> None:
        python = checkout.program("python3", f'exec "{sys.executable}" "$@"')
        assert checkout.sourced(f'probe "{python}"') == ["ok {}.{}.{}".format(*sys.version_info[:3])]

    @pytest.mark.parametrize(
        ("broken", "why"),
        [
            ("exit 127", ""),
            ("echo 'pyenv: python3: command not found' >&2; exit 1", ""),
            ("echo old 3.11.9", "found only"),
            ("echo bare 3.12.3", "no ensurepip"),
        ],
        ids=["dead", "shim", "old", "no ensurepip"],
    )
    def test_passed_over(self, checkout: Checkout, broken: str, why: str) -> None:
        checkout.program("python3", broken)
        python = checkout.fake_python("python3.12", "ok 3.12.4")
        status, found, why_not = checkout.sourced(PROBED)
        assert (status, found) == ("0", os.fspath(python))
        assert why in why_not

    def test_the_same_name_further_down_the_path(self, checkout: Checkout, tmp_path: Path) -> None:
        python = checkout.fake_python("python3", "ok 3.12.4")
        shims = tmp_path / "shims"
        shims.mkdir()
        (shims / "python3").write_text("#!/bin/false\n")
        (shims / "python3").chmod(0o755)
        path = f"{shims}:{checkout.bin}"
        assert checkout.sourced(PROBED, PATH=path) == ["0", os.fspath(python), ""]

    def test_a_version_that_was_tried_goes_before_a_newer_one(self, checkout: Checkout) -> None:
        newest = checkout.fake_python("python3", "new 3.15.0")
        assert checkout.sourced(PROBED)[:2] == ["0", os.fspath(newest)]
        python = checkout.fake_python("python3.13", "ok 3.13.1")
        assert checkout.sourced(PROBED)[:2] == ["0", os.fspath(python)]

    @pytest.mark.parametrize("variable", ["", "PYENV_ROOT"], ids=["home", "PYENV_ROOT"])
    def test_pyenv_s_folders(self, checkout: Checkout, tmp_path: Path, variable: str) -> None:
        pyenv = tmp_path / "else where" if variable else tmp_path / "home" / ".pyenv"
        for version, state in (("3.9.18", "old"), ("3.12.1", "ok"), ("3.13.0", "ok")):
            folder = pyenv / "versions" / version / "bin"
            folder.mkdir(parents=True)
            (folder / "python").write_text(f"#!{BASH}\necho {state} {version}\n")
            (folder / "python").chmod(0o755)
        environment = {variable: os.fspath(pyenv)} if variable else {}
        assert checkout.sourced(PROBED, **environment)[:2] == ["0", os.fspath(pyenv / "versions" / "3.13.0" / "bin" / "python")]

    def test_uv(self, checkout: Checkout, tmp_path: Path) -> None:
        python = tmp_path / "managed python"
        python.write_text(f"#!{BASH}\necho ok 3.13.2\n")
        python.chmod(0o755)
        checkout.program("uv", f'[ "$*" = "python find --system --no-project >=3.12,<3.15" ] && echo "{python}"')
        assert checkout.sourced(PROBED) == ["0", os.fspath(python), ""]

    def test_uv_installs_one_as_the_last_resort(self, checkout: Checkout, tmp_path: Path) -> None:
        later = tmp_path / "later"
        checkout.program(
            "uv",
            f"""case "$*" in
            *find*) [ -e "{later}" ] && echo "{later}" ;;
            *install*) cat "{checkout.real_python("spare")}" >"{later}"; chmod +x "{later}" ;;
            esac""",
        )
        (checkout.bin / "chmod").symlink_to(shutil.which("chmod") or "chmod")
        done = checkout.headroom("a")
        assert (done.returncode, done.stdout) == (0, "ran:1:a\n"), done.stderr

    @pytest.mark.parametrize(
        ("python", "says"),
        [("", "none found"), ("old 3.11.9", "3.11.9"), ("other 3.12.4", "3.12.4"), ("bare 3.12.3", "apt install python3.12-venv")],
        ids=["none", "old", "PyPy", "no ensurepip"],
    )
    def test_none_is_one_clear_line(self, checkout: Checkout, python: str, says: str) -> None:
        if python:
            checkout.fake_python("python3", python)
        done = checkout.headroom("demo")
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1
        assert "needs Python 3.12 or newer" in done.stderr
        assert says in done.stderr
        assert not (checkout.folder / ".venv").exists()
        assert not (checkout.folder / ".venv.lock").exists()


class TestHeadroom:
    def test_first_start_installs_and_says_so_in_one_line(self, checkout: Checkout) -> None:
        checkout.real_python()
        done = checkout.headroom("log", "two words", "")
        assert (done.returncode, done.stdout) == (0, "ran:3:log two words \n")
        assert len(done.stderr.splitlines()) == 1
        assert "setting up .venv" in done.stderr
        assert [call.split("constraints.txt ")[1] for call in checkout.pip_calls()] == ["hatchling", "--no-build-isolation -e .[demo]"]
        assert all("-c constraints.txt" in call for call in checkout.pip_calls())
        assert not (checkout.folder / ".venv.lock").exists()

    def test_second_start_says_and_does_nothing(self, ready: Checkout) -> None:
        done = ready.headroom("stats", PIP_FAILS="1")
        assert (done.returncode, done.stdout, done.stderr) == (0, "ran:1:stats\n", "")
        assert ready.pip_calls() == []

    def test_through_symlinks_from_any_folder(self, ready: Checkout, tmp_path: Path) -> None:
        links = tmp_path / "links"
        links.mkdir()
        (links / "far").symlink_to(ready.folder / "scripts" / "headroom")
        (links / "near").symlink_to("far")
        done = ready.run(os.fspath(links / "near"), "x", cwd=tmp_path)
        assert (done.stdout, done.stderr) == ("ran:1:x\n", "")
        done = ready.run("near", "y", cwd=links)
        assert (done.stdout, done.stderr) == ("ran:1:y\n", "")

    def test_the_exit_status_is_the_command_s(self, ready: Checkout) -> None:
        command = ready.folder / ".venv" / "bin" / "headroom"
        command.write_text("#!/bin/sh\nexit 7\n")
        assert ready.headroom().returncode == 7

    def test_second_start_is_quick(self, ready: Checkout) -> None:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            ready.headroom()
            times.append(time.perf_counter() - started)
        assert min(times) < 0.3


class TestStamp:
    @pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
    def test_a_changed_file_leads_to_one_more_install(self, ready: Checkout, name: str) -> None:
        with (ready.folder / name).open("a") as file:
            file.write("# changed\n")
        assert "updating" in ready.headroom().stderr
        assert len(ready.pip_calls()) == 2
        assert ready.headroom().stderr == ""
        assert len(ready.pip_calls()) == 2

    def test_the_development_install_serves_the_command_too(self, checkout: Checkout) -> None:
        checkout.real_python()
        assert checkout.sourced('ensure "$PWD" dev && echo done') == ["done"]
        calls = checkout.pip_calls()
        assert calls[-1].endswith(".[dev]")
        assert checkout.headroom().stderr == ""
        assert checkout.pip_calls() == calls

    def test_the_command_s_install_does_not_serve_development(self, ready: Checkout) -> None:
        assert ready.sourced('ensure "$PWD" dev && echo done') == ["done"]
        assert ready.pip_calls()[-1].endswith(".[dev]")

    def test_an_install_that_pip_refuses_is_tried_again(self, checkout: Checkout) -> None:
        checkout.real_python()
        done = checkout.headroom(PIP_FAILS="1")
        assert (done.returncode, done.stdout) == (1, "")
        assert "no network" in done.stderr
        assert "failed" in done.stderr.splitlines()[-1]
        assert checkout.headroom().stdout == "ran:0:\n"

    def test_an_install_that_was_killed_is_redone_from_nothing(self, ready: Checkout) -> None:
        venv = ready.folder / ".venv"
        (venv / "headroom-demo.stamp").unlink()
        (venv / "headroom-installing").touch()
        (venv / "half a package").touch()
        done = ready.headroom()
        assert (done.returncode, done.stdout) == (0, "ran:0:\n")
        assert not (venv / "half a package").exists()

    def test_a_vanished_interpreter(self, ready: Checkout) -> None:
        python = ready.folder / ".venv" / "bin" / "python"
        python.unlink()
        python.symlink_to("/no/such/python")
        done = ready.headroom()
        assert (done.returncode, done.stdout) == (0, "ran:0:\n")
        assert "setting up" in done.stderr

    def test_a_moved_project(self, ready: Checkout, tmp_path: Path) -> None:
        moved = tmp_path / "moved"
        ready.folder.rename(moved)
        (tmp_path / "pro ject").symlink_to(moved)  # where the stand-in for pip lies
        done = ready.run(os.fspath(moved / "scripts" / "headroom"))
        assert (done.returncode, done.stdout) == (0, "ran:0:\n")
        assert "setting up" in done.stderr

    def test_a_folder_of_that_name_that_is_no_venv(self, checkout: Checkout) -> None:
        checkout.real_python()
        (checkout.folder / ".venv").mkdir()
        assert checkout.headroom().stdout == "ran:0:\n"


class TestLock:
    def start(self, checkout: Checkout, **environment: str) -> subprocess.Popen[str]:
        command = [BASH, os.fspath(checkout.folder / "scripts" / "headroom"), "x"]
        return subprocess.Popen(
            command,
            env=checkout.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @pytest.fixture
    def sleeper(self) -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen(["sleep", "60"]) as process:
            yield process
            process.kill()

    def test_four_at_the_same_time_install_once(self, checkout: Checkout) -> None:
        checkout.real_python()
        started = [self.start(checkout, PIP_TAKES="0.5") for _ in range(4)]
        assert [process.communicate(timeout=120)[0] for process in started] == ["ran:1:x\n"] * 4
        assert len(checkout.pip_calls()) == 2
        assert not (checkout.folder / ".venv.lock").exists()

    def test_of_a_process_that_lives_is_respected(self, checkout: Checkout, sleeper: subprocess.Popen[bytes]) -> None:
        checkout.real_python()
        lock = checkout.folder / ".venv.lock"
        lock.mkdir()
        (lock / f"owner.{sleeper.pid}").touch()
        done = checkout.headroom(LOCK_POLLS="3")
        assert done.returncode == 1
        assert f"process {sleeper.pid}" in done.stderr
        assert os.fspath(lock) in done.stderr.splitlines()[-1]
        assert checkout.pip_calls() == []
        assert [file.name for file in lock.iterdir()] == [f"owner.{sleeper.pid}"]

    @pytest.mark.parametrize("owner", ["", "owner.999999999"], ids=["nobody", "dead"])
    def test_left_behind_is_removed(self, checkout: Checkout, owner: str) -> None:
        checkout.real_python()
        lock = checkout.folder / ".venv.lock"
        lock.mkdir()
        if owner:
            (lock / owner).touch()
        assert checkout.headroom().stdout == "ran:0:\n"
        assert not lock.exists()

    def test_two_files_in_it_let_nobody_in(self, checkout: Checkout, sleeper: subprocess.Popen[bytes]) -> None:
        lock = checkout.folder / ".venv.lock"
        code = f"""
        mkdir() {{ command mkdir "$1" && : >"$1/owner.{sleeper.pid}"; }}
        LOCK_POLLS=2
        lock "$PWD" || echo refused
        """
        assert checkout.sourced(code) == ["refused"]
        assert [file.name for file in lock.iterdir()] == [f"owner.{sleeper.pid}"]

    def test_an_interrupted_install_frees_it_and_is_redone(self, checkout: Checkout) -> None:
        checkout.real_python()
        process = self.start(checkout, PIP_TAKES="60")
        deadline = time.monotonic() + 60
        while not checkout.pip_calls() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode != 0
        assert not (checkout.folder / ".venv.lock").exists()
        assert checkout.headroom().stdout == "ran:0:\n"

    def test_a_folder_that_cannot_be_written(self, checkout: Checkout) -> None:
        checkout.real_python()
        code = 'mkdir() { return 1; }; is_writable() { return 1; }; lock "$PWD" 2>&1'
        assert checkout.sourced(code) == [f"headroom: can't write to {checkout.folder}"]
