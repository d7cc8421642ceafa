import asyncio

import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from tests.sandbox.program import Program


async def test_googleapiclient_lists_the_five_files_i_changed_last(
    program: Program,
) -> None:
    tokens = await program.sign_in()

    def listing() -> list[str]:
        credentials = Credentials(tokens["access_token"])  # type: ignore[no-untyped-call] # google-auth has no types here
        with build(
            "drive",
            "v3",
            credentials=credentials,
            client_options={"api_endpoint": program.sandbox.api},
        ) as drive:
            files = drive.files().list(orderBy="modifiedByMeTime desc", pageSize=5)
            return [file["name"] for file in files.execute()["files"]]

    names = await asyncio.to_thread(listing)
    assert names[0] == "Packing list Lisbon"
    assert len(names) == 5


async def test_googleapiclient_understands_the_403(program: Program) -> None:
    tokens = await program.sign_in(scope="my:own")

    def refusal() -> tuple[int, str]:
        credentials = Credentials(tokens["access_token"])  # type: ignore[no-untyped-call] # google-auth has no types here
        options = {"api_endpoint": program.sandbox.api}
        with (
            build(
                "drive", "v3", credentials=credentials, client_options=options
            ) as drive,
            pytest.raises(HttpError) as refused,
        ):
            drive.files().list().execute()
        return refused.value.status_code, refused.value.reason

    status, reason = await asyncio.to_thread(refusal)
    assert status == 403
    assert "no Drive scope" in reason


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "Bearer \xe9"]
)
async def test_without_a_good_token_the_401_has_googles_shape(
    program: Program, header: str
) -> None:
    answer = await program.get("drive/v3/files", Authorization=header)
    error = answer.json()["error"]
    assert answer.status == 401
    assert isinstance(error, dict)
    assert error["code"] == 401
    assert error["status"] == "UNAUTHENTICATED"
    assert error["errors"][0]["reason"] in {"authError", "required"}
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_a_refresh_token_is_no_access_token(program: Program) -> None:
    tokens = await program.sign_in()
    assert (await program.files(tokens["refresh_token"])).status == 401


async def test_without_a_drive_scope_the_403_has_googles_shape(
    program: Program,
) -> None:
    answer = await program.files((await program.sign_in(scope="x"))["access_token"])
    error = answer.json()["error"]
    assert isinstance(error, dict)
    assert error["status"] == "PERMISSION_DENIED"
    assert error["errors"][0]["reason"] == "insufficientPermissions"
    assert error["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


async def test_about_names_the_invented_person(program: Program) -> None:
    token = (await program.sign_in())["access_token"]
    answer = await program.get(
        "drive/v3/about?fields=user", Authorization=f"Bearer {token}"
    )
    user = answer.json()["user"]
    assert isinstance(user, dict)
    assert user["emailAddress"] == "robin@sandbox.invalid"


async def test_a_bad_parameter_is_a_400_in_googles_shape(program: Program) -> None:
    token = (await program.sign_in())["access_token"]
    answer = await program.get(
        "drive/v3/files?orderBy=size", Authorization=f"Bearer {token}"
    )
    error = answer.json()["error"]
    assert isinstance(error, dict)
    assert (answer.status, error["errors"][0]["location"]) == (400, "orderBy")
