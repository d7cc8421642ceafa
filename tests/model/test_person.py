from broker.model.person import Person


def test_what_is_missing_is_taken_from_another() -> None:
    name, email = Person(name="Robin"), Person(name="R", email="r@x.example")
    assert name.filled_from(email) == Person(name="Robin", email="r@x.example")
    assert email.filled_from(name) == email
    assert Person().filled_from(Person()) == Person()


def test_whoever_has_a_name_and_an_address_is_known() -> None:
    assert Person(name="Robin", email="r@x.example").is_known
    assert not Person(name="Robin").is_known
    assert not Person(email="r@x.example").is_known
