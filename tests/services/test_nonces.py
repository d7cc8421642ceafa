from broker.services.nonces import KEPT_NONCES, Nonces


def test_the_last_nonce_of_a_server_counts() -> None:
    nonces = Nonces()
    assert nonces.find("a") is None
    nonces.heard("a", "1")
    nonces.heard("b", "2")
    nonces.heard("a", "3")
    assert (nonces.find("a"), nonces.find("b")) == ("3", "2")


def test_an_answer_without_a_nonce_leaves_the_last_one() -> None:
    nonces = Nonces()
    nonces.heard("a", "1")
    nonces.heard("a", None)
    assert nonces.find("a") == "1"


def test_those_not_heard_of_for_longest_are_forgotten() -> None:
    nonces = Nonces()
    nonces.heard("first", "1")
    for number in range(KEPT_NONCES - 1):
        nonces.heard(number, "n")
    nonces.heard("first", "2")
    nonces.heard("one more", "n")
    assert nonces.find("first") == "2"
    assert nonces.find(0) is None
