"""``sgdvar claims``: formats, exit status, and what is refused."""

from __future__ import annotations

import json

import pytest

from sgdvar.cli import main

MINE = """
import sgdvar as sv
from sgdvar.claims import Claim, Counterexample, Proof, proved, refuted

SGD = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1])), start=[1], step_size=1)


def decreases():
    verdict = sv.certify_decreasing(sv.gradient_variance(SGD, 1))
    return proved(verdict.reason, Proof("Var(g_1)", verdict.certificate))


def vanishes():
    return refuted("not for one example", Counterexample.of(SGD, "gradient-variance", 0, [1, 2]))


CLAIMS = [
    Claim("decreases", "Var(g_1) does not increase in b", "two examples", "me", decreases),
    Claim("vanishes", "Var(g_0) = 0", "two examples", "me", vanishes),
    Claim("open", "Var(g_0) is pretty", "taste", "me"),
]
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("names", "status"), [(["decreases"], 0), (["vanishes"], 1), (["open"], 3), ([], 1), (["decreases", "open"], 3)]
)
def test_the_exit_status_is_that_of_the_worst_chosen_claim(mine, capsys, names, status):
    assert main(["claims", *names, "--file", mine]) == status
    assert capsys.readouterr().err == ""


def test_the_text_names_every_verdict_and_counts_them(mine, capsys):
    main(["claims", "--file", mine])
    output = capsys.readouterr().out
    assert "PROVED (certificate)  decreases" in output
    assert "REFUTED (counterexample)  vanishes" in output
    assert "NOT EXAMINED  open" in output
    assert "1 proved, 1 not examined, 1 refuted" in output


def test_a_named_claim_shows_its_evidence_with_code(mine, capsys):
    main(["claims", "vanishes", "--file", mine])
    output = " ".join(capsys.readouterr().out.split())
    assert "gradient variance at step 0 is 1/4 at b = 1 and 0 at b = 2" in output
    assert "start=[1]" in output


def test_json_and_markdown_go_to_a_file(mine, tmp_path, capsys):
    for form, first in (("json", "["), ("markdown", "| claim | assumptions | source | verdict | because |")):
        path = tmp_path / f"register.{form}"
        main(["claims", "--file", mine, "--format", form, "--output", str(path)])
        assert path.read_text(encoding="utf-8").startswith(first)
    assert capsys.readouterr().out == ""
    assert [entry["status"] for entry in json.loads((tmp_path / "register.json").read_text())] == [
        "proved",
        "refuted",
        "not examined",
    ]


def test_the_list_names_the_claims_of_the_library_and_those_of_a_file(mine, capsys):
    assert main(["claims", "--list"]) == 0
    own = capsys.readouterr().out.split()
    assert main(["claims", "--list", "--all", "--file", mine]) == 0
    assert capsys.readouterr().out.split() == [*own, "decreases", "vanishes", "open"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["no-such-claim"], "NAME must be one of those that --list shows, got no-such-claim"),
        (["--file", "no-such-file.py"], "the file with the claims must exist"),
        (["--output", "no/such/folder/register.md"], "--output must lie in a folder that exists"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, says, capsys):
    assert main(["claims", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise ValueError('my bug')", "got ValueError (FILE, line 3) while the claim mine was settled: my bug"),
        ("assert 1 == 2, 'not equal'", "got AssertionError (FILE, line 3) while the claim mine was settled: not equal"),
        ("return True", "settle of the claim mine must return a Finding, got bool"),
    ],
)
def test_a_claim_that_cannot_be_settled_is_named_with_its_line(tmp_path, capsys, body, says):
    path = tmp_path / "mine.py"
    lines = [
        "from sgdvar.claims import Claim",
        "def settle():",
        f"    {body}",
        "CLAIMS = [Claim('mine', 'a', 'b', 'c', settle)]",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert main(["claims", "--file", str(path)]) == 2
    assert says.replace("FILE", str(path)) in capsys.readouterr().err
