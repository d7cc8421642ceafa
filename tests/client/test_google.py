import asyncio
import copy
import hashlib
import pickle
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from google.auth import exceptions
from google.auth.aio.transport.sessions import AsyncAuthorizedSession
from google.auth.credentials import with_scopes_if_required
from google.auth.transport.requests import AuthorizedSession
from googleapiclient.discovery import build

from brokerd_client.errors import LoginRequiredError
from brokerd_client.google import Credentials, default
from tests.fakes.api import Call, FakeApi, Said, accepts
from tests.fakes.broker import FakeBroker, in_turn, problem_reply, token_reply

FILES = {"files": [{"id": str(n), "name": f"file {n}"} for n in range(5)]}


@pytest.fixture
def path(runtime: Path) -> Path:
    return runtime / "broker.sock"


@pytest.fixture
def broker(path: Path) -> Iterator[FakeBroker]:
    """Gives tok-1 for ever, and tok-2 once tok-1 is rejected."""
    with FakeBroker(
        path,
        lambda asked: token_reply("tok-2" if "rejected" in asked.json else "tok-1"),
    ) as fake:
        yield fake


def list_files(api: FakeApi) -> list[str]:
    """The five most recently modified files, as Google's own samples ask for them."""
    drive = build(
        "drive",
        "v3",
        credentials=Credentials("work"),
        client_options={"api_endpoint": f"{api.origin}/drive/v3/"},
    )
    with drive:
        query = drive.files().list(orderBy="modifiedByMeTime desc", pageSize=5)
        return [file["name"] for file in query.execute()["files"]]


def test_the_drive_sample_lists_files(broker: FakeBroker) -> None:
    with FakeApi(lambda _: Said(200, FILES)) as api:
        names = list_files(api)

    assert names == ["file 0", "file 1", "file 2", "file 3", "file 4"]
    assert api.bearers == ["tok-1"]
    assert api.calls[0].path.startswith("/drive/v3/files?orderBy=modifiedByMeTime")
    assert broker.requests[0].json == {"account": "work", "min_ttl": 300.0}


def test_a_bound_token_is_refused_where_no_proof_can_go_with_it(path: Path) -> None:
    with FakeBroker(path, lambda _: token_reply("tok-1", token_type="DPoP")):
        credentials = Credentials("work")
        with pytest.raises(exceptions.RefreshError, match="--no-dpop") as caught:
            credentials.refresh(None)

    assert not caught.value.retryable
    assert credentials.token is None


def test_a_401_makes_google_s_client_send_the_newer_token(broker: FakeBroker) -> None:
    def wants_second(call: Call) -> Said:
        return Said(200, FILES) if call.bearer == "tok-2" else Said(401, {})

    with FakeApi(wants_second) as api:
        names = list_files(api)

    assert len(names) == 5
    assert api.bearers == ["tok-1", "tok-2"]
    assert broker.requests[1].json["rejected"] == hashlib.sha256(b"tok-1").hexdigest()


def test_requests_authorized_session_recovers_from_a_401(broker: FakeBroker) -> None:
    del broker
    with FakeApi(accepts("tok-2")) as api, AuthorizedSession(Credentials()) as session:  # type: ignore[no-untyped-call]  # google-auth has none
        session.trust_env = False
        status = session.get(f"{api.origin}/x", timeout=30).status_code

    assert status == 200
    assert api.bearers == ["tok-1", "tok-2"]


def test_the_async_session_takes_these_credentials(broker: FakeBroker) -> None:
    del broker

    async def fetch(url: str) -> int:
        session = AsyncAuthorizedSession(Credentials())
        try:
            response = await session.request("GET", url)
            return int(response.status_code)
        finally:
            await session.close()

    with FakeApi(accepts("tok-2")) as api:
        status = asyncio.run(fetch(f"{api.origin}/x"))

    assert status == 200
    assert api.bearers == ["tok-1", "tok-2"]


def test_the_expiry_is_a_naive_moment_in_utc(path: Path) -> None:
    with FakeBroker(path, in_turn(token_reply(expires_at=4102444800.5))):
        credentials = Credentials()
        credentials.refresh(None)

    assert credentials.expiry == datetime(2100, 1, 1, 0, 0, 0, 500000)  # noqa: DTZ001 - as google-auth keeps it
    assert credentials.valid


def test_a_token_without_an_end_stays_valid(path: Path) -> None:
    with FakeBroker(path, in_turn(token_reply(expires_at=None))):
        credentials = Credentials()
        credentials.refresh(None)

    assert credentials.expiry is None
    assert credentials.valid


def test_a_token_near_its_end_is_asked_for_again_and_not_called_rejected(
    path: Path,
) -> None:
    soon = time.time() + 100
    replies = in_turn(token_reply("tok-1", expires_at=soon), token_reply("tok-2"))
    with FakeBroker(path, replies) as broker:
        credentials = Credentials()
        headers: dict[str, str] = {}
        for _ in range(2):
            credentials.before_request(None, "GET", "https://api", headers)  # type: ignore[no-untyped-call]  # google-auth has none

    assert headers["authorization"] == "Bearer tok-2"
    assert "rejected" not in broker.requests[1].json


def test_a_401_that_another_thread_has_seen_to_asks_nothing(
    broker: FakeBroker,
) -> None:
    credentials = Credentials()
    credentials.before_request(None, "GET", "https://api", {})  # type: ignore[no-untyped-call]  # google-auth has none
    credentials.token = "tok-newer"

    credentials.refresh(None)

    assert credentials.token == "tok-newer"
    assert len(broker.requests) == 1


@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [("login_required", 409, False), ("issuer_unreachable", 502, True)],
)
def test_a_problem_becomes_a_refresh_error_with_sentence_and_hint(
    path: Path, code: str, status: int, *, retryable: bool
) -> None:
    with (
        FakeBroker(path, in_turn(problem_reply(status, code, account="work"))),
        pytest.raises(exceptions.RefreshError) as caught,
    ):
        Credentials("work").refresh(None)

    assert f"the sentence of {code}" in caught.value.args[0]
    assert f"the hint of {code}" in caught.value.args[0]
    assert caught.value.args[1]["code"] == code
    assert caught.value.retryable is retryable


def test_scopes_are_required_and_default_scopes_are_a_wish(path: Path) -> None:
    refused = problem_reply(403, "scope_not_granted", missing=["cloud"])
    replies = in_turn(refused, token_reply("whole"), token_reply("narrow"), refused)
    with FakeBroker(path, replies) as broker:
        wish = Credentials(default_scopes=["cloud"])
        wish.refresh(None)
        granted = Credentials(default_scopes=["drive"])
        granted.refresh(None)
        with pytest.raises(exceptions.RefreshError):
            Credentials(scopes=["cloud"], default_scopes=["drive"]).refresh(None)

    assert wish.token == "whole"
    assert granted.token == "narrow"
    asked = [request.json.get("scopes") for request in broker.requests]
    assert asked == [["cloud"], None, ["drive"], ["cloud"]]


def test_libraries_do_not_widen_the_scopes_by_themselves() -> None:
    credentials = Credentials("work", scopes=["drive"])

    assert with_scopes_if_required(credentials, ["everything"]) is credentials  # type: ignore[no-untyped-call]  # google-auth has none


def test_a_copy_has_what_was_changed_and_no_token(broker: FakeBroker) -> None:
    del broker
    first = Credentials("work", quota_project_id="one", min_ttl=600)
    first.refresh(None)

    scoped = first.with_scopes(["drive"]).with_quota_project("two").with_account("home")

    assert (scoped.token, scoped.expiry) == (None, None)
    assert (scoped.account, scoped.quota_project_id) == ("home", "two")
    assert scoped._scopes == ["drive"]
    assert scoped._min_ttl == 600
    assert first.token == "tok-1"
    assert first.quota_project_id == "one"


@pytest.mark.parametrize(
    "clone",
    [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))],  # noqa: S301 - our own bytes
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_clone_asks_for_itself(broker: FakeBroker, clone: type[Credentials]) -> None:
    first = Credentials("work", scopes=["drive"])
    first.with_non_blocking_refresh()  # type: ignore[no-untyped-call]  # google-auth has none
    first.refresh(None)

    second = clone(first)  # type: ignore[arg-type]  # any way of cloning

    assert second.token is None
    second.before_request(None, "GET", "https://api", {})  # type: ignore[no-untyped-call]  # as above
    assert second.token == "tok-1"
    assert broker.requests[1].json == broker.requests[0].json


def test_no_token_lies_in_a_pickle_or_a_repr(broker: FakeBroker) -> None:
    del broker
    credentials = Credentials("work")
    credentials.refresh(None)

    assert b"tok-1" not in pickle.dumps(credentials)
    assert "tok-1" not in repr(credentials)


def test_what_google_adds_to_its_messages_names_socket_and_account(
    broker: FakeBroker, path: Path
) -> None:
    del broker
    credentials = Credentials()
    assert credentials.get_cred_info()["principal"] == ""
    credentials.refresh(None)

    assert credentials.get_cred_info() == {
        "credential_source": f"brokerd socket {path}",
        "credential_type": "user credentials",
        "principal": "work",
    }


def test_the_quota_project_is_sent(broker: FakeBroker) -> None:
    del broker
    headers: dict[str, str] = {}
    credentials = Credentials(quota_project_id="billed")
    credentials.before_request(None, "GET", "https://api", headers)  # type: ignore[no-untyped-call]  # google-auth has none

    assert headers["x-goog-user-project"] == "billed"


def test_default_is_like_google_s_own(runtime: Path) -> None:
    del runtime
    credentials, project = default(["drive"], account="work")

    assert project is None
    assert credentials.account == "work"
    assert credentials._scopes == ["drive"]
    assert credentials.universe_domain == "googleapis.com"


def test_the_cause_of_a_refresh_error_is_the_broker_s_error(path: Path) -> None:
    with (
        FakeBroker(path, in_turn(problem_reply(409, "login_required"))),
        pytest.raises(exceptions.RefreshError) as caught,
    ):
        Credentials().refresh(None)

    assert isinstance(caught.value.__cause__, LoginRequiredError)
