"""`run --once`: what it answers to its job, and what it never says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.builders.children import Ended
from tests.builders.http_git import an_http_remote
from tests.builders.ring import Ring
from tests.builders.scene import path_of

CANARY = "s3cr3t-canary"


def once(ring: Ring, *words: str, remote: str | None = None, **variables: str) -> Ended:
    return ring.start("run", "--once", *words, remote=remote, **variables).ended()


def facts(ended: Ended) -> list[str]:
    return [line.split()[2] for line in ended.said.splitlines()]


def test_nothing_to_do_is_well(ring: Ring) -> None:
    ended = once(ring)

    assert (ended.code, facts(ended), ended.complained) == (0, ["began"], "")


def test_a_rollback_and_its_commit_are_well(ring: Ring) -> None:
    ring.report("checkout", failing=12, healthy=10)
    ended = once(ring)

    assert (ended.code, facts(ended)) == (0, ["began", "rolled-back", "held", "written-back"])


ENDS: Mapping[str, tuple[int, dict[str, dict[str, Any]]]] = {
    "what is merged is applied": (0, {"search": {"tier": 1}}),
    "what is held waits": (0, {"checkout": {"tier": 2, "dwell": "7d"}}),
    "what is refused is its author's": (3, {"search": {"tier": 3}}),
    "what is invalid is its author's": (3, {"search": {"tier": "soon"}}),
}


@pytest.mark.parametrize(("code", "features"), ENDS.values(), ids=ENDS)
def test_the_answer_tells_who_has_to_do_something(ring: Ring, code: int, features: dict[str, Any]) -> None:
    ring.push(features)

    assert once(ring).code == code


def test_what_is_refused_keeps_nothing_else_from_being_done(ring: Ring) -> None:
    ring.push({"search": {"tier": 3}, "pages": {"tier": 1}})
    ring.report("checkout", failing=12, healthy=10)
    ended = once(ring)

    assert ended.code == 3
    assert ring.states()["pages"].standing.tier == 1
    assert ring.said("checkout") == {"tier": 0, "rolled_back": 1}


@pytest.mark.parametrize("remote", ["/nowhere/at/all.git", "http://127.0.0.1:1/shop.git"])
def test_a_remote_that_is_not_there_is_a_failure(ring: Ring, remote: str) -> None:
    ended = once(ring, remote=remote)

    assert ended.code == 1
    assert "git-unreachable" in facts(ended)


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        pytest.param(["--interval", "0s"], {}, "--interval is 0s, the least is 1s", id="too often"),
        pytest.param(["--interval", "soon"], {}, "--interval: ", id="no duration"),
        pytest.param([], {"RECONCILER_REMOTE": "ext::sh -c date"}, "transport helper", id="a program as a remote"),
        pytest.param(
            [], {"RECONCILER_REMOTE": "https://ada:pw@host/x.git"}, "has a secret", id="a secret in a URL"
        ),
        pytest.param([], {"RECONCILER_BRANCH": "a..b"}, "no name of a branch", id="no branch"),
        pytest.param([], {"RECONCILER_AUTHOR": "<x>"}, "author", id="no author"),
    ],
)
def test_settings_that_are_wrong_are_said_before_anything_is_done(
    ring: Ring, words: list[str], variables: dict[str, str], said: str
) -> None:
    ring.report("checkout", failing=12, healthy=10)
    ended = once(ring, *words, **variables)

    assert (ended.code, ended.said) == (64, "")
    assert said in ended.complained
    assert "pw" not in ended.complained


def test_no_secret_is_ever_said(ring: Ring) -> None:
    ring.report("checkout", failing=12, healthy=10)
    with an_http_remote(ring.remote, token="another") as host:
        refused = once(ring, "--output", "json", remote=host.url, RECONCILER_GIT_TOKEN=CANARY)
        assert (refused.code, CANARY in refused.said + refused.complained) == (1, False)
        assert any(CANARY in str(request.credentials) for request in host.requests)
        host.token = CANARY
        ring.hook("pre-receive", f"echo {CANARY}; exit 1")
        echoed = once(ring, remote=host.url, RECONCILER_GIT_TOKEN=CANARY, RECONCILER_TRACEBACK="1")

    assert CANARY not in echoed.said + echoed.complained
    assert CANARY not in str(ring.write_backs())
    for path in (ring.folder / "data").rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes(), path


def test_it_says_that_nothing_is_written_back_without_a_remote(ring: Ring) -> None:
    ring.pull()
    child = ring.start("run", "--once", RECONCILER_REMOTE="", RECONCILER_REPOSITORY=str(ring.person.path))
    ended = child.ended()

    assert ended.code == 0
    assert "name a remote with --remote" in ended.said


def test_a_file_of_any_text_is_told_on_one_line(ring: Ring) -> None:
    ring.commit({path_of("pages"): 'feature: pages\ntier: 1\nowner: ["a\\nb\\e[31m"]\n'})
    ended = once(ring)

    assert ended.code == 3
    assert set(facts(ended)) == {"began", "invalid"}
