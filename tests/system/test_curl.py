"""What a shell does without any client library."""

from tests.system.issuers import Sandbox
from tests.system.person import Person
from tests.system.sign_in import sign_in

LINE = (
    'curl -s --unix-socket "$SOCK" http://broker/v1/token '
    "-H 'Accept: text/plain' -d '{\"account\":\"demo\"}'"
)


def test_curl_on_the_socket_prints_the_bare_token(
    person: Person, quick_sandbox: Sandbox
) -> None:
    sign_in(person, "demo", quick_sandbox)
    said = person.run("bash", "-c", LINE, SOCK=str(person.socket))
    assert said.status == 0, said
    assert said.output == said.output.strip()
    assert quick_sandbox.accepts(said.output)


def test_curl_with_a_misspelt_member_is_told_so_and_gets_no_token(
    person: Person, quick_sandbox: Sandbox
) -> None:
    sign_in(person, "demo", quick_sandbox)
    misspelt = LINE.replace('"account"', '"acount"')
    said = person.run("bash", "-c", misspelt, SOCK=str(person.socket))
    assert '"code":"bad_request"' in said.output.replace(" ", "")
    assert "access_token" not in said.output
