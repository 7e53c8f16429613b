"""What may be set, and that no password is ever told."""

from __future__ import annotations

import pytest

from reconciler.errors import UsageError
from reconciler.settings import Settings, check_reason, normal_root, without_password


@pytest.mark.parametrize("root", ["rollouts.d", "rollouts.d/staging", "./rollouts.d/", "a b/ü"])
def test_a_root_is_a_folder_inside_the_repository(root: str) -> None:
    assert Settings(root=root).root == root


@pytest.mark.parametrize("root", ["", " ", "/etc", "..", "a/../b", "a\\b", "a\x00b", "a\nb", ".", "./"])
def test_a_root_never_leads_out_of_it(root: str) -> None:
    with pytest.raises(UsageError, match="root"):
        Settings(root=root)


@pytest.mark.parametrize(
    ("written", "normal"), [("./a//b/", "a/b"), ("a", "a"), ("a/./b", "a/b")], ids=["odd", "plain", "dot"]
)
def test_a_root_has_one_spelling(written: str, normal: str) -> None:
    assert normal_root(written) == normal


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        pytest.param({"dsn": ""}, "connection string", id="empty DSN"),
        pytest.param({"branch": " "}, "branch", id="empty branch"),
        pytest.param({"actor": ""}, "actor is empty", id="nobody"),
        pytest.param({"actor": "ü" * 129}, "actor has 258 bytes, the limit is 256", id="long name"),
        pytest.param({"actor": "a\x1b[31m"}, "control characters", id="steering name"),
    ],
)
def test_a_setting_that_is_wrong_says_what_to_do(settings: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Settings(**settings)  # type: ignore[arg-type]  # each case names one text


def test_a_reason_is_kept_whole_or_refused() -> None:
    assert check_reason("x" * 2048) == "x" * 2048
    with pytest.raises(UsageError, match="2049 bytes"):
        check_reason("x" * 2049)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("postgresql://ada:pw1@db/x", "postgresql://ada:***@db/x", id="address"),
        pytest.param("postgres://ada:p%40w@db:1/x?a=b", "postgres://ada:***@db:1/x?a=b", id="escaped"),
        pytest.param("postgresql://ada:p@w@db/x", "postgresql://ada:***@db/x", id="raw @"),
        pytest.param("postgresql://ada@db/x", "postgresql://ada@db/x", id="none"),
        pytest.param("postgresql://db/x?password=pw1&a=b", "postgresql://db/x?password=***&a=b", id="query"),
        pytest.param("host=db password=pw1 user=ada", "host=db password=*** user=ada", id="word"),
        pytest.param("password = 'p w\\'1' user=ada", "password = *** user=ada", id="quoted word"),
        pytest.param("sslpassword=pw1", "sslpassword=***", id="key's password"),
    ],
)
def test_no_password_is_shown(text: str, shown: str) -> None:
    assert without_password(text) == shown
