"""The shell script ./cadence: it sets itself up, and says clearly when it cannot."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clinic.localservices.place import BASE_DIR

# What the script calls, apart from Python and apt-get.
TOOLS = ("sh", "cat", "cksum", "dirname", "flock", "id", "mkdir", "rm", "touch")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The script in a project without requirements, whose manage.py says what it was told."""
    shutil.copy(BASE_DIR / "cadence", tmp_path)
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "manage.py").write_text("import sys; print(sys.argv[1:])\n")
    return tmp_path


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH without apt-get."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (folder / tool).symlink_to(found)
    return folder


def cadence(copy: Path, *words: str, path: str = "/usr/bin:/bin", python: str = sys.executable) -> tuple[int, str, str]:
    done = subprocess.run(
        ["sh", str(copy / "cadence"), *words],
        cwd="/",
        env={"PATH": path, "PYTHON": python},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def write_python(folder: Path, body: str) -> str:
    program = folder / "other-python"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return str(program)


def test_script_installs_once_then_hands_over(copy: Path) -> None:
    installing = "Installing the requirements into .venv (once; half a minute with a warm cache) ...\n"
    assert cadence(copy, "plan_file", "a b.json") == (0, "['plan_file', 'a b.json']\n", installing)
    assert cadence(copy, "plan_file", "a b.json") == (0, "['plan_file', 'a b.json']\n", "")
    (copy / "requirements.txt").write_text("# changed\n")
    assert cadence(copy, "migrate") == (0, "['migrate']\n", installing)


def test_installation_that_was_cut_short_is_begun_again(copy: Path) -> None:
    cadence(copy, "help")
    (copy / ".venv" / "installing").touch()
    (copy / ".venv" / "installed-run").unlink()
    (copy / ".venv" / "half-installed").touch()
    status, said, _ = cadence(copy, "help")
    assert (status, said.endswith("['help']\n"), (copy / ".venv" / "half-installed").exists()) == (0, True, False)


def test_python_that_is_too_old_is_told(copy: Path) -> None:
    old = write_python(copy, "exit 1")
    assert cadence(copy, "run", python=old) == (
        1,
        "",
        "Cadence needs Python 3.11 or newer, and found none as python3; "
        "install it, or name it with PYTHON=/path/to/python3.\n",
    )


def test_python_without_venv_names_the_one_command(copy: Path, bare_path: Path) -> None:
    without = write_python(copy, 'case "$2" in *ensurepip*) exit 1;; esac')
    assert cadence(copy, "run", path=str(bare_path), python=without) == (
        1,
        "",
        "This Python cannot make virtual environments; on Debian, run this once as root and start again: "
        "apt-get install -y python3-venv\n",
    )


def test_root_installs_venv_where_debian_left_it_out(copy: Path, bare_path: Path) -> None:
    """With apt-get standing in for Debian's: what it installs is what python then finds."""
    python = write_python(
        copy, f'case "$2" in *ensurepip*) test -e {copy}/installed; exit;; esac; exec {sys.executable} "$@"'
    )
    for name, body in {"apt-get": f'case "$*" in *python3-venv) touch {copy}/installed;; esac', "id": "echo 0"}.items():
        (bare_path / name).unlink(missing_ok=True)
        (bare_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (bare_path / name).chmod(0o755)
    status, said, complaint = cadence(copy, "help", path=str(bare_path), python=python)
    assert (status, said, complaint.splitlines()[0]) == (0, "['help']\n", "Installing Debian's python3-venv ...")
    assert (copy / ".venv" / "bin" / "python").exists()


def test_stop_before_anything_was_installed(copy: Path) -> None:
    assert cadence(copy, "stop") == (0, "Nothing runs from this folder.\n", "")
    assert not (copy / ".venv").exists()
