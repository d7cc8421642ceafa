from broker.model.account import AccountName
from broker.model.secret import Secret
from broker.model.token import BEARER
from broker.oauth.token import TokenResponse
from broker.services.id_token_shelf import MOST_KEPT, IdTokenShelf
from tests.fakes.clock import START
from tests.services.world import HOME, WORK


def answer(id_token: str | None) -> TokenResponse:
    return TokenResponse(
        access_token=Secret("access-1"),
        token_type=BEARER,
        expires_in=None,
        refresh_token=None,
        refresh_expires_in=None,
        scopes=None,
        id_token=None if id_token is None else Secret(id_token),
    )


def held(shelf: IdTokenShelf, account: AccountName = WORK) -> str | None:
    laid = shelf.find(account)
    return None if laid is None else laid.value.reveal()


def test_the_newest_is_kept_with_its_access_token() -> None:
    shelf = IdTokenShelf()
    shelf.lay(WORK, answer("one"), START)
    shelf.lay(WORK, answer("two"), START)
    laid = shelf.find(WORK)
    assert laid is not None
    assert laid.value == Secret("two")
    assert laid.access_token == Secret("access-1")
    assert laid.obtained == START
    assert held(shelf, HOME) is None


def test_an_answer_without_one_leaves_the_last() -> None:
    shelf = IdTokenShelf()
    shelf.lay(WORK, answer("one"), START)
    shelf.lay(WORK, answer(None), START)
    assert held(shelf) == "one"


def test_what_is_dropped_is_gone() -> None:
    shelf = IdTokenShelf()
    shelf.lay(WORK, answer("one"), START)
    shelf.lay(HOME, answer("two"), START)
    shelf.drop(WORK)
    assert (held(shelf), held(shelf, HOME)) == (None, "two")
    shelf.clear()
    assert held(shelf, HOME) is None


def test_a_bounded_number_is_kept() -> None:
    shelf = IdTokenShelf()
    for number in range(MOST_KEPT + 1):
        shelf.lay(AccountName(f"a{number}"), answer("one"), START)
    assert held(shelf, AccountName("a0")) is None
    assert held(shelf, AccountName("a1")) == "one"


def test_what_was_made_for_an_audience_lies_beside_it_and_goes_with_it() -> None:
    shelf = IdTokenShelf()
    shelf.lay(WORK, answer("own"), START)
    laid = shelf.lay_made(WORK, "https://a.example", Secret("made"), START)
    assert laid.access_token is None
    assert held(shelf) == "own"
    assert shelf.find(WORK, "https://a.example") is laid
    assert shelf.find(WORK, "https://b.example") is None
    shelf.drop(WORK)
    assert shelf.find(WORK, "https://a.example") is None
