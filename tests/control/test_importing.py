import json
import os
import signal
from pathlib import Path

import pytest

from broker.control.foreign.mcp_remote import server_hash
from broker.control.import_google import CLOUD_PLATFORM
from broker.control.importing import account_name
from tests.control.conftest import Listen, Run
from tests.control.foreign import samples
from tests.control.foreign.test_reading import put
from tests.fakes.broker import Received, http, in_turn, problem_reply


def taken(account: str = "alice@example.com", **members: object) -> bytes:
    body: dict[str, object] = {
        "account": account,
        "issuer": "https://accounts.google.com",
        "scopes": ["drive", "mail"],
        "refreshable": True,
        "rotated": False,
        "notes": [],
    }
    return http(201, {**body, **members})


def test_a_file_is_taken_over_and_its_copy_removed(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "token.json", samples.token_json(), 0o644)
    broker = listen(in_turn(taken()))
    result = run("import", str(path), "--yes")
    assert result.exit_code == 0, result.output
    (asked,) = broker.requests
    assert (asked.method, asked.target) == ("POST", "/v1/accounts")
    assert asked.json == {
        "account": "alice@example.com",
        "token_endpoint": "https://oauth2.googleapis.com/token",
        "client_id": "cid.apps.googleusercontent.com",
        "client_secret": samples.SECRET,
        "refresh_token": samples.TOKEN,
        "scopes": ["drive", "mail"],
    }
    assert not path.exists()
    assert "mode 0644" in result.stderr
    assert samples.TOKEN not in result.output
    assert samples.SECRET not in result.output


def test_what_was_exported_goes_back_to_its_own_issuer(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "work.json", samples.EXPORTED)
    broker = listen(in_turn(taken("work")))
    result = run("import", str(path), "--yes")
    assert result.exit_code == 0, result.output
    (asked,) = broker.requests
    assert asked.json["issuer"] == "https://issuer.example"
    assert asked.json["token_endpoint"] == "https://issuer.example/token"
    assert asked.json["account"] == "work"
    assert "local-only" in result.stderr


def test_the_copy_stays_with_keep(run: Run, listen: Listen, tmp_path: Path) -> None:
    path = put(tmp_path / "token.json", samples.token_json())
    listen(in_turn(taken(rotated=True)))
    result = run("import", str(path), "--yes", "--keep")
    assert path.exists()
    assert "the tool's copy is void" in result.stderr


def test_in_a_pipe_nothing_is_taken_without_yes(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "token.json", samples.token_json())
    broker = listen(in_turn())
    result = run("import", str(path))
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert broker.requests == []


@pytest.mark.usefixtures("at_terminal")
def test_at_a_terminal_taking_and_removing_are_asked_one_by_one(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "token.json", samples.token_json())
    listen(in_turn(taken()))
    result = run("import", str(path), typed="y\nn\n")
    assert result.exit_code == 0
    assert "must no longer use it" in result.stderr
    assert path.exists()


@pytest.mark.usefixtures("at_terminal")
def test_who_says_no_has_nothing_taken(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "token.json", samples.token_json())
    broker = listen(in_turn())
    assert run("import", str(path), typed="n\n").exit_code == 0
    assert broker.requests == []
    assert path.exists()


def test_what_the_issuer_refuses_stays_where_it_is(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "token.json", samples.token_json())
    listen(in_turn(problem_reply(409, "import_refused")))
    result = run("import", str(path), "--yes")
    assert result.exit_code == 41
    assert "the sentence of import_refused" in result.stderr
    assert path.exists()


def test_a_second_import_of_the_same_is_not_advised(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "token.json", samples.token_json())
    listen(in_turn(problem_reply(409, "account_exists")))
    result = run("import", str(path), "--yes")
    assert result.exit_code == 40
    assert "taken over before" in result.stderr
    assert str(path) in result.stderr


def test_whoever_interrupts_it_is_told_that_it_may_be_done_all_the_same(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "token.json", samples.token_json())

    def answer(_: Received) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    listen(answer)
    result = run("import", str(path), "--yes")
    assert result.exit_code != 0
    assert "may be taken over all the same" in result.stderr
    assert path.exists()


def test_copies_of_one_token_are_one_sign_in_and_all_go(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    gcloud = tmp_path / ".config/gcloud"
    database = put(gcloud / "credentials.db", samples.credentials_db("a@example.com"))
    adc = put(gcloud / "application_default_credentials.json", samples.adc())
    legacy = put(gcloud / "legacy_credentials/a@example.com/adc.json", samples.adc())
    boto = put(legacy.with_name(".boto"), samples.BOTO)
    broker = listen(in_turn(taken("a@example.com")))
    result = run("import", "gcloud", "--yes", "--json")
    assert result.exit_code == 0, result.output
    assert len(broker.requests) == 1
    said = json.loads(result.stdout)
    assert len(said["taken"]) == 1
    assert said["removed"] == [str(database), str(adc), str(legacy), str(boto)]
    assert not adc.exists()
    assert not legacy.exists()
    assert samples.TOKEN.encode() not in database.read_bytes()
    assert b"[OAuth2]\nclient_id" in boto.read_bytes()
    assert samples.TOKEN.encode() not in boto.read_bytes()


def test_gsutils_copy_alone_is_told_and_not_taken(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    folder = tmp_path / ".config/gcloud/legacy_credentials/a@example.com"
    boto = put(folder / ".boto", samples.BOTO)
    broker = listen(in_turn())
    assert "gcloud\tdefault\tplaintext" in run("scan").stdout
    result = run("import", "gcloud", "--yes")
    assert result.exit_code == 43
    assert "gsutil's copy" in result.stderr
    assert broker.requests == []
    assert boto.read_bytes() == samples.BOTO


def test_several_are_taken_and_a_refused_one_is_told(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    data = samples.credentials_db("a@example.com", "b@example.com")
    database = put(tmp_path / ".config/gcloud/credentials.db", data)
    listen(in_turn(problem_reply(409, "account_exists"), taken("b@example.com")))
    result = run("import", "gcloud", "--yes", "--json")
    assert result.exit_code == 40
    said = json.loads(result.stdout)
    assert [done["account"] for done in said["taken"]] == ["b@example.com"]
    assert said["failed"][0]["label"] == "a@example.com"
    assert b"a@example.com" in database.read_bytes()


def test_a_file_of_two_is_changed_once_for_both(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    second = samples.RCLONE.replace(b"[gd]", b"[g2]").replace(b"refresh-", b"second-")
    second = second.replace(b"[disk]", b"[disk 2]")
    path = put(tmp_path / "rclone.conf", samples.RCLONE + second)
    listen(in_turn(taken("gd"), taken("g2")))
    assert run("import", str(path), "--yes").exit_code == 0
    left = path.read_bytes()
    assert b"token" not in left
    assert b"[gd]" in left
    assert b"[disk 2]" in left


def test_what_the_file_does_not_say_the_person_can(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "abc_tokens.json", samples.MCP_TOKENS)
    secret = put(tmp_path / "secret", b"the secret\n")
    broker = listen(in_turn(taken("mcp")))
    assert run("import", str(path), "--yes").exit_code == 43
    words = ["--issuer", "https://mcp.example", "--client-id", "c", "--name", "mcp"]
    words += ["--client-secret-file", str(secret), "--scope", "a b"]
    assert run("import", str(path), "--yes", *words).exit_code == 0
    assert broker.requests[0].json == {
        "account": "mcp",
        "issuer": "https://mcp.example",
        "client_id": "c",
        "client_secret": "the secret",
        "refresh_token": samples.TOKEN,
        "scopes": ["a", "b"],
    }


def two_servers(home: Path) -> str:
    """Of mcp-remote's: sign-ins at two servers, and the URL of the second."""
    url = "https://b.example/mcp"
    folder = home / ".mcp-auth/mcp-remote-0.1.18"
    second = samples.MCP_TOKENS.replace(samples.TOKEN.encode(), b"of-b")
    for begin, tokens in (("aa" * 16, samples.MCP_TOKENS), (server_hash(url), second)):
        put(folder / f"{begin}_tokens.json", tokens)
        put(folder / f"{begin}_client_info.json", samples.MCP_CLIENT)
    return url


@pytest.mark.parametrize(
    "word", ["--name", "--issuer", "--mcp", "--client-id", "--client-secret-file"]
)
def test_what_is_said_of_one_is_not_taken_for_several(
    run: Run, listen: Listen, tmp_path: Path, word: str
) -> None:
    two_servers(tmp_path)
    broker = listen(in_turn())
    result = run("import", "mcp-remote", "--yes", word, "https://c.example")
    assert result.exit_code == 2
    assert f"{word} is for one sign-in, and there are 2" in result.stderr
    assert broker.requests == []


def test_of_several_servers_the_token_of_the_one_that_is_named_is_taken(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    url = two_servers(tmp_path)
    broker = listen(in_turn(taken("b")))
    result = run("import", "mcp-remote", "--yes", "--mcp", url)
    assert result.exit_code == 0, result.output
    (asked,) = broker.requests
    assert (asked.json["mcp"], asked.json["refresh_token"]) == (url, "of-b")


def test_servers_are_told_apart_by_what_their_files_are_called(
    run: Run, tmp_path: Path
) -> None:
    url = two_servers(tmp_path)
    labels = [line.split("\t")[1] for line in run("scan").stdout.splitlines()]
    assert labels == sorted(
        ["MCP server aaaaaaaa", f"MCP server {server_hash(url)[:8]}"]
    )


def test_a_sealed_file_is_opened_with_the_password_that_was_piped(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "acc", samples.OIDC_AGENT)
    broker = listen(in_turn(taken("acc")))
    result = run("import", str(path), "--yes", typed="pw\n")
    assert result.exit_code == 0, result.output
    assert broker.requests[0].json["refresh_token"] == "refresh-of-oidc-agent"
    put(path, samples.OIDC_AGENT)
    wrong = run("import", str(path), "--yes", typed="pq\n")
    assert wrong.exit_code == 16
    assert path.exists()


def made(account: str) -> bytes:
    """What `PUT /v1/accounts/NAME` answers."""
    return taken(account, unattended="google", expires_at=None)


def test_a_service_account_is_taken_over_and_its_key_removed(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "key.json", samples.SERVICE_ACCOUNT)
    broker = listen(in_turn(made("robot")))
    result = run("import", str(path), "--yes", "--name", "robot", "--scope", "a b")
    assert result.exit_code == 0, result.output
    (asked,) = broker.requests
    assert (asked.method, asked.target) == ("PUT", "/v1/accounts/robot")
    assert asked.json == {
        "kind": "google",
        "credentials": samples.SERVICE_ACCOUNT.decode(),
        "scopes": ["a", "b"],
    }
    assert not path.exists()
    assert "PRIVATE KEY" not in result.output


def test_two_service_accounts_are_two(run: Run, listen: Listen, tmp_path: Path) -> None:
    other = samples.SERVICE_ACCOUNT.replace(b"robot@", b"other@")
    files = [
        str(put(tmp_path / "one.json", samples.SERVICE_ACCOUNT)),
        str(put(tmp_path / "two.json", other)),
    ]
    broker = listen(in_turn(made("one"), made("two")))
    assert run("import", *files, "--yes").exit_code == 0
    assert [each.target.partition("%40")[0] for each in broker.requests] == [
        "/v1/accounts/robot",
        "/v1/accounts/other",
    ]


def test_a_workloads_configuration_is_taken_over_and_stays(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    data = b'{"type": "external_account", "audience": "a"}'
    path = put(tmp_path / "workload.json", data)
    broker = listen(in_turn(made("ci")))
    result = run("import", str(path), "--yes", "--name", "ci")
    assert result.exit_code == 0, result.output
    assert broker.requests[0].json["scopes"] == [CLOUD_PLATFORM]
    assert path.exists()


def test_an_impersonated_account_is_taken_over_with_whom_it_is_made_of(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "adc.json", samples.IMPERSONATED)
    broker = listen(in_turn(taken("ci-source"), made("ci")))
    result = run("import", str(path), "--yes", "--name", "ci", "--scope", "drive")
    assert result.exit_code == 0, result.output
    source, target = broker.requests
    assert (source.method, source.target) == ("POST", "/v1/accounts")
    assert source.json["account"] == "ci-source"
    assert source.json["refresh_token"] == samples.TOKEN
    assert source.json["scopes"] == []
    assert target.target == "/v1/accounts/ci"
    assert target.json == {
        "kind": "google",
        "from": "ci-source",
        "scopes": ["drive"],
        "impersonate": samples.TARGET,
        "delegates": ["d@project.iam.gserviceaccount.com"],
    }
    assert not path.exists()


def test_of_an_impersonated_account_nothing_is_taken_over_half(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "adc.json", samples.IMPERSONATED)
    refused = problem_reply(403, "impersonation_refused")
    broker = listen(in_turn(taken("ci-source"), refused, taken("ci-source")))
    result = run("import", str(path), "--yes", "--name", "ci")
    assert result.exit_code == 36
    undone = broker.requests[2]
    assert undone.method == "DELETE"
    assert undone.target == "/v1/accounts/ci-source?local_only=true"
    assert path.exists()


def test_of_an_impersonated_account_what_was_rotated_is_not_thrown_away(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "adc.json", samples.IMPERSONATED)
    refused = problem_reply(403, "impersonation_refused")
    broker = listen(in_turn(taken("ci-source", rotated=True), refused))
    result = run("import", str(path), "--yes", "--name", "ci")
    assert result.exit_code == 36
    assert [one.method for one in broker.requests] == ["POST", "PUT"]
    assert "'ci-source' is taken over" in result.stderr


def test_what_cannot_be_undone_is_told(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "adc.json", samples.IMPERSONATED)
    refused = problem_reply(403, "impersonation_refused")
    fails = problem_reply(500, "store_failed")
    listen(in_turn(taken("ci-source"), refused, fails))
    result = run("import", str(path), "--yes", "--name", "ci")
    assert result.exit_code == 36
    assert "could not be forgotten" in result.stderr


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["rclone"], "there is nothing of rclone"),
        (["gone.json"], "no file gone.json here, and no tool"),
        (["./gone.json"], "no such file"),
        (["glcoud"], "the tools are gcloud, google-auth"),
        (["{home}/many.db", "--name", "x"], "--name is for one"),
    ],
)
def test_what_cannot_be_meant_is_told(
    run: Run, listen: Listen, tmp_path: Path, words: list[str], what: str
) -> None:
    put(tmp_path / "many.db", samples.credentials_db("a", "b"))
    listen(in_turn())
    result = run("import", *(word.format(home=tmp_path) for word in words), "--yes")
    assert result.exit_code in {2, 43}
    assert what in result.stderr


def test_one_of_many_is_chosen_by_its_label(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    path = put(tmp_path / "many.db", samples.credentials_db("a", "b"))
    broker = listen(in_turn(taken("x")))
    result = run("import", str(path), "--only=b", "--name=x", "--yes", "--keep")
    assert result.exit_code == 0, result.output
    assert broker.requests[0].json["refresh_token"] == samples.TOKEN + "1"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("alice@example.com", "alice@example.com"),
        ("work mail", "work-mail"),
        ("default", "gcloud"),
        ("…", "gcloud"),
        ("https://x.example/a b", "https-x.example-a-b"),
    ],
)
def test_an_account_is_called_like_its_label(label: str, name: str) -> None:
    assert account_name(label, "gcloud") == name
