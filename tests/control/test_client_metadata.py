"""`brokerctl client-metadata`: a document to put somewhere."""

import json

import pytest

from broker.model.account import RedirectChoice
from broker.oauth.client_document import parse_client_document
from tests.control.conftest import Run

URL = "https://example.org/brokerd.json"


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_what_is_printed_is_a_document_that_the_broker_takes(
    run: Run, words: tuple[str, ...]
) -> None:
    said = run("client-metadata", URL, "--port", "20001", *words)
    assert said.exit_code == 0
    choice = parse_client_document(said.stdout.encode(), url=URL)
    assert choice == RedirectChoice(uri="http://127.0.0.1:20001/")


def test_a_url_that_cannot_be_a_client_is_told(run: Run) -> None:
    said = run("client-metadata", "http://example.org/brokerd.json", "--json")
    assert said.exit_code == 2
    assert json.loads(said.stdout)["code"] == "bad_request"
