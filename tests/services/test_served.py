"""What a peer asks for, and what it gets."""

from broker.model.secret import Secret
from broker.model.token import AccessToken
from broker.services.served import TokenServed
from tests.fakes.clock import START
from tests.services.world import WORK


def test_an_answer_shows_no_token_even_when_it_was_written() -> None:
    token = AccessToken(
        value=Secret("tok"),
        token_type="Bearer",
        scopes=frozenset(),
        obtained=START,
        life=None,
    )
    served = TokenServed(account=WORK, token=token)
    served.written["json"] = (b"HTTP", b"tok")
    assert "tok'" not in repr(served)
    assert "HTTP" not in repr(served)
