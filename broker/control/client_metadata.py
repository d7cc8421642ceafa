"""`brokerctl client-metadata`: the document of a client that nobody has registered."""

import json

import click

from broker.control.output import bad_usage, json_option, say, say_json, tells_errors
from broker.oauth.client_document import PORT, client_document, is_document_url


@click.command(
    "client-metadata",
    short_help="Print the document of a client that nobody registers.",
)
@click.argument("url")
@click.option(
    "--port",
    type=click.IntRange(1024, 65535),
    metavar="PORT",
    default=PORT,
    show_default=True,
    help="Where sign-ins with it are awaited on this machine.",
)
@json_option
@tells_errors
def client_metadata(*, url: str, port: int, as_json: bool) -> None:
    """Print the client ID metadata document that is to lie at URL.

    Put it there for everyone to read, and name it in config.toml:
    client_id_metadata = "URL" under [login].
    """
    if not is_document_url(url):
        raise bad_usage(
            "the document needs an https URL with a path",
            "for example https://example.org/brokerd.json, where you can put a file",
        )
    document = client_document(url, port=port)
    if as_json:
        say_json(document)
    else:
        say(json.dumps(document, indent=2))
