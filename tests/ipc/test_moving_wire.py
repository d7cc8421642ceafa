import pytest

from broker.ipc.moving_wire import (
    ExportBody,
    ForeignBody,
    export_reply,
    foreign_grant,
    require_meant,
)
from broker.model.errors import BadRequestError
from broker.model.secret import Secret
from tests.services.world import WORK, a_grant

BODY = {
    "account": "new",
    "client_id": "cid",
    "issuer": "https://issuer.example",
    "refresh_token": "r",
}


def test_a_sign_in_of_another_tool_is_read() -> None:
    foreign = foreign_grant(ForeignBody(**BODY, client_secret="s", scopes=["b", "a"]))
    assert (foreign.account, foreign.issuer) == ("new", BODY["issuer"])
    assert foreign.client.client_secret == Secret("s")
    assert foreign.refresh_token == Secret("r")
    assert set(foreign.scopes) == {"a", "b"}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"issuer": None}, "issuer"),
        ({"refresh_token": None}, "one of them"),
        ({"access_token": "a"}, "one of them"),
        ({"refresh_token": ""}, "empty"),
        ({"client_id": ""}, "empty"),
        ({"account": "-"}, "account name"),
        ({"scopes": ["a b"]}, "scope"),
    ],
)
def test_what_is_not_whole_is_refused(changes: dict[str, object], what: str) -> None:
    with pytest.raises(BadRequestError, match=what):
        foreign_grant(ForeignBody(**{**BODY, **changes}))  # type: ignore[arg-type]


def test_an_export_must_name_the_account_twice() -> None:
    require_meant(WORK, ExportBody(account="work"))
    with pytest.raises(BadRequestError, match="again"):
        require_meant(WORK, ExportBody(account="home"))


def test_an_export_has_the_refresh_token_and_what_it_needs() -> None:
    reply = export_reply(a_grant())
    assert reply["refresh_token"] == "refresh-1"
    assert reply["access_token"] is None
    assert reply["token_endpoint"] == "https://issuer.example/token"


def test_an_mcp_server_stands_for_its_issuer() -> None:
    body = ForeignBody(
        account="new", client_id="c", refresh_token="r", mcp="https://mcp.example"
    )
    assert foreign_grant(body).mcp == "https://mcp.example"
