"""`manage.py plan_file`: one problem in, one result out; no database, no server; bad input in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .judging import HERE, judge

ROOT = Path(__file__).parents[2]
TINY = HERE / "examples" / "tiny.json"


def run(*arguments, given=None, cwd=ROOT):
    # Neither settings nor servers: an address that nobody answers must not matter.
    environment = {k: v for k, v in os.environ.items() if k not in ("DJANGO_SETTINGS_MODULE", "REDIS_URL")}
    environment["DATABASE_URL"] = "postgres://nobody@127.0.0.1:1/nothing"
    command = [sys.executable, str(ROOT / "manage.py"), "plan_file", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


def test_a_file_is_answered_in_a_file(tmp_path):
    done = run(TINY, "--output", tmp_path / "result.json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = json.loads((tmp_path / "result.json").read_text())
    verdict = judge(json.loads(TINY.read_text()), written)
    assert (verdict["ok"], verdict["cost"], written["bound"], written["courses"][0]["optimal"]) == (True, 49, 49, True)


def test_standard_streams_are_named_by_a_dash():
    done = run("-", "--output", "-", given=TINY.read_text())
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["cost"] == 49


def test_an_infeasible_problem_is_an_answer_and_no_error(tmp_path):
    done = run(HERE / "examples" / "tiny-infeasible.json")
    assert (done.returncode, done.stderr) == (0, "")
    (answer,) = json.loads(done.stdout)["courses"]
    assert (answer["status"], bool(answer["message"]), bool(answer["relaxations"])) == ("infeasible", True, True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "document: is not JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
        ('{"format": "course-planning/1"}', "courses: is missing"),
        (
            TINY.read_text().replace('"chair-1", "seat": 0', '"chair\\n9", "seat": 0'),
            "bookings[0].resource: names no resource: 'chair\\n9'",
        ),
    ],
)
def test_a_bad_problem_gets_status_2_one_line_and_no_file(tmp_path, text, line):
    target = tmp_path / "result.json"
    done = run("-", "--output", target, given=text)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line + "\n")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_problem_leaves_an_earlier_result_alone(tmp_path):
    target = tmp_path / "result.json"
    target.write_text("earlier")
    assert run("-", "--output", target, given="[]").returncode == 2
    assert target.read_text() == "earlier"


def test_a_file_that_is_not_there_is_named_in_one_line(tmp_path):
    done = run(tmp_path / "none.json")
    assert (done.returncode, done.stderr) == (2, f"cannot read {tmp_path}/none.json: No such file or directory\n")


def test_a_place_that_cannot_be_written_is_named_in_one_line(tmp_path):
    done = run(TINY, "--output", tmp_path / "none" / "result.json")
    assert (done.returncode, done.stderr) == (
        2,
        f"cannot write {tmp_path}/none/result.json: No such file or directory\n",
    )


def test_a_time_limit_that_is_none_is_refused():
    done = run(TINY, "--time-limit", "-1")
    assert done.returncode == 2
    assert done.stderr.endswith("argument --time-limit: must be a number of seconds above 0, not '-1'\n")


def test_further_plans_are_written_where_they_are_asked_for():
    done = run(TINY, "--alternatives", "2")
    assert (done.returncode, done.stderr) == (0, "")
    (course,) = json.loads(done.stdout)["courses"]
    assert [one["differs"] for one in course["alternatives"]] == [["start"], ["start", "weekdays"]]


def test_a_number_of_alternatives_that_is_none_is_refused():
    done = run(TINY, "--alternatives", "many")
    assert done.returncode == 2
    assert done.stderr.endswith("argument --alternatives: must be a whole number from 0 to 20, not 'many'\n")
