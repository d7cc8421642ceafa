import pytest

from broker.model.secret import Secret
from broker.oauth.pkce import VERIFIER_BYTES, code_challenge, code_verifier

# fmt: off
RFC_7636_OCTETS = bytes([
    116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173,
    187, 186, 22, 212, 37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83,
    132, 141, 121,
])
# fmt: on


def test_rfc7636_appendix_b_verifier_of_the_octets() -> None:
    verifier = code_verifier(RFC_7636_OCTETS)
    assert verifier == Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")


def test_rfc7636_appendix_b_challenge_of_the_verifier() -> None:
    challenge = code_challenge(Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
    assert challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(("count", "length"), [(VERIFIER_BYTES, 43), (96, 128)])
def test_rfc7636_section_4_1_a_verifier_has_43_to_128_characters(
    count: int, length: int
) -> None:
    assert len(code_verifier(bytes(count)).reveal()) == length


@pytest.mark.parametrize("count", [0, 31, 97])
def test_too_few_or_too_many_random_bytes_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="32 to 96"):
        code_verifier(bytes(count))
