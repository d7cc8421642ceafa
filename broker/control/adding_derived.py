"""`brokerctl add`: accounts that are made of other accounts."""

import click

from broker.control.adding_oauth import client_members
from broker.control.adding_words import (
    AddWords,
    Option,
    body_of_any,
    required,
)
from broker.control.broker import Json

OPTIONS: tuple[Option, ...] = (
    click.option(
        "--from",
        "from_account",
        metavar="ACCOUNT",
        help="The account that it is made of: a view of it, or had for its token.",
    ),
    click.option(
        "--allow-wider",
        is_flag=True,
        help="Serve a view also where the issuer's token can do more.",
    ),
    click.option(
        "--exchange",
        is_flag=True,
        help="Show that account's token for another one (RFC 8693).",
    ),
    click.option(
        "--audience",
        multiple=True,
        metavar="AUDIENCE",
        help="For whom the other token is to be, by a name that its issuer knows.",
    ),
    click.option(
        "--requested-token-type",
        metavar="TYPE",
        help="Of the other token: access_token, jwt, id_token, saml1, saml2, or a URI.",
    ),
    click.option(
        "--subject-token-type",
        metavar="TYPE",
        help="What is shown of that account: access_token, jwt or id_token.",
    ),
)


def view_body(words: AddWords) -> Json:
    """The request for a view of another account."""
    body = body_of_any(words, "view")
    wider = words["allow_wider"] or None
    return {**body, "from": words["from_account"], "allow_wider": wider}


def token_exchange_body(words: AddWords) -> Json:
    """The request for one that shows another account's token.

    Raises:
        BrokerError: something is missing, or a file cannot be read.
    """
    required(words, "from_account")
    return {
        **body_of_any(words, "token_exchange"),
        **client_members(words),
        "from": words["from_account"],
        "audiences": list(words["audience"]) or None,
        "requested_token_type": words["requested_token_type"],
        "subject_token_type": words["subject_token_type"],
    }
