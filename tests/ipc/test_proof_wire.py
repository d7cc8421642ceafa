import pytest

from broker.ipc.proof_wire import ProofBody, proof_reply, proof_wanted
from broker.ipc.wire import parse_body
from broker.model.errors import BadRequestError
from broker.services.proofs import ProofServed
from tests.services.world import WORK

DIGEST = "0" * 64
BODY = (
    b'{"account": "work", "method": "GET", "url": "https://a.example/", '
    b'"access_token_sha256": "%s", "nonce": "n-1"}' % DIGEST.encode()
)


def body(**changes: object) -> ProofBody:
    members = {"method": "GET", "url": "https://a.example/"}
    return ProofBody(**{**members, "access_token_sha256": DIGEST, **changes})  # type: ignore[arg-type]


def test_every_member_of_a_request_gets_where_it_belongs() -> None:
    wanted = proof_wanted(parse_body(BODY, ProofBody))
    assert wanted.account == WORK
    assert (wanted.method, wanted.url) == ("GET", "https://a.example/")
    assert (wanted.token_digest, wanted.nonce) == (DIGEST, "n-1")


def test_account_and_nonce_may_be_left_out() -> None:
    wanted = proof_wanted(body())
    assert (wanted.account, wanted.nonce) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "-"},
        {"access_token_sha256": ""},
        {"access_token_sha256": DIGEST[1:]},
        {"access_token_sha256": "F" * 64},
        {"nonce": ""},
        {"nonce": 'a"b'},
        {"nonce": "a, b"},
        {"nonce": "x" * 1025},
    ],
)
def test_a_member_out_of_its_range_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadRequestError):
        proof_wanted(body(**changes))


def test_a_reply_has_the_proof_and_whose_it_is() -> None:
    served = ProofServed(account=WORK, proof="eyJ")
    assert proof_reply(served) == {"proof": "eyJ", "account": "work"}
