import copy
import pickle

import pytest

from brokerd_client import Token

TOKEN = Token(value="s3cr3t", expires_at=1.0, scopes=("drive",), account="work")


def test_the_header_has_the_type_of_the_token() -> None:
    bound = Token(
        value="v", expires_at=None, scopes=(), account="work", token_type="DPoP"
    )
    assert (TOKEN.header, bound.header) == ("Bearer s3cr3t", "DPoP v")


def test_the_repr_of_a_token_tells_all_but_its_value() -> None:
    assert "s3cr3t" not in repr(TOKEN)
    assert "work" in repr(TOKEN)


@pytest.mark.parametrize("render", [str, "{}".format, lambda t: f"Bearer {t}"])
def test_a_token_has_no_text_form(render: type[str]) -> None:
    with pytest.raises(TypeError, match="no text form"):
        render(TOKEN)


def test_a_token_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        TOKEN.value = "other"
    with pytest.raises(AttributeError):
        del TOKEN.value
    with pytest.raises(AttributeError):
        TOKEN.note = "new"


def test_a_token_is_not_written_into_a_pickle() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(TOKEN)


def test_a_copy_of_a_token_is_the_token() -> None:
    assert copy.copy(TOKEN) is TOKEN
    assert copy.deepcopy([TOKEN])[0] is TOKEN
