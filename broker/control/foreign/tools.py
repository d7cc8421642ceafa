"""The tools whose sign-ins can be taken over: a table. Knows no file at work."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

import msgspec

from broker.control.foreign.email_proxy import parse_email_proxy
from broker.control.foreign.exported import parse_exported
from broker.control.foreign.forges import parse_gh, parse_glab
from broker.control.foreign.found import Found, Parser, label_of
from broker.control.foreign.gcloud import parse_boto, parse_gcloud_database
from broker.control.foreign.google_auth import parse_google_auth
from broker.control.foreign.mcp_remote import (
    mcp_label,
    parse_mcp_tokens,
    with_mcp_client,
)
from broker.control.foreign.mutt import parse_mutt
from broker.control.foreign.oauth2l import parse_oauth2l
from broker.control.foreign.oidc_agent import parse_oidc_agent
from broker.control.foreign.pizauth import parse_pizauth
from broker.control.foreign.rclone import parse_rclone
from broker.control.foreign.running_agent import let_go


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tool keeps its files.

    Attributes:
        within: a folder: '~' for the home, '$NAME' for a variable of the tool's own, or
            'config' for the person's configuration folder.
        pattern: of the files in it, as of `Path.glob`.
    """

    within: str
    pattern: str


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of file.

    Attributes:
        name: what a person types.
        parse: reads the file.
        places: where it usually lies.
        must_stop: what is to use the token no longer, a sentence or two for people.
        password: what the person is asked for where a file is sealed, or None.
        beside: what a name ends in, and what the name of the file beside it ends in.
        with_beside: adds what that file says.
        let_go: has the tool, where it runs, forget a sign-in that has moved in; from
            the environment and the label a sentence for people, or None.
        label: which sign-in it is, from the name of a file that does not say it.
        database: whether it is SQLite, where a row is cut out and not a line.
        shares_form: whether other programs' files can be read as one of these.
    """

    name: str
    parse: Parser
    places: tuple[Place, ...] = ()
    must_stop: str
    password: str | None = None
    beside: tuple[str, str] | None = None
    with_beside: Callable[[Found, bytes], Found] | None = None
    let_go: Callable[[Mapping[str, str], str], str | None] | None = None
    label: Callable[[str], str] | None = None
    database: bool = False
    shares_form: bool = False


_GCLOUD_FOLDERS = ("$CLOUDSDK_CONFIG", "~/.config/gcloud")

TOOLS: tuple[Tool, ...] = (
    Tool(
        name="gcloud",
        parse=parse_gcloud_database,
        places=tuple(
            Place(within=folder, pattern="credentials.db") for folder in _GCLOUD_FOLDERS
        ),
        must_stop="gcloud must no longer use it, and not `gcloud auth revoke` it: "
        "that would end the sign-in here, too.",
        database=True,
    ),
    Tool(
        name="gcloud",
        parse=parse_google_auth,
        places=tuple(
            Place(within=folder, pattern=pattern)
            for folder in _GCLOUD_FOLDERS
            for pattern in (
                "application_default_credentials.json",
                "legacy_credentials/*/adc.json",
            )
        ),
        must_stop="Programs must no longer use these default credentials, and gcloud "
        "not revoke them.",
    ),
    Tool(
        name="gcloud",
        parse=parse_boto,
        shares_form=True,
        places=tuple(
            Place(within=folder, pattern="legacy_credentials/*/.boto")
            for folder in _GCLOUD_FOLDERS
        ),
        must_stop="gsutil must no longer use it.",
    ),
    Tool(
        name="google-auth",
        parse=parse_google_auth,
        places=(
            Place(within="$GOOGLE_APPLICATION_CREDENTIALS", pattern=""),
            Place(within="~", pattern="token.json"),
            Place(within="~", pattern="token.pickle"),
            Place(within="~/.credentials", pattern="*.json"),
            Place(within="~/.credentials", pattern="*.pickle"),
        ),
        must_stop="The program that wrote the file must no longer use it: give it "
        "credentials of brokerd_client.google instead.",
    ),
    Tool(
        name="brokerd",
        parse=parse_exported,
        must_stop="The broker that exported it must no longer use it: `brokerctl "
        "logout NAME --local-only` there, which revokes nothing.",
    ),
    Tool(
        name="oauth2l",
        parse=parse_oauth2l,
        shares_form=True,
        places=(Place(within="~", pattern=".oauth2l"),),
        must_stop="oauth2l must no longer use it.",
    ),
    Tool(
        name="oidc-agent",
        parse=parse_oidc_agent,
        places=(
            Place(within="$OIDC_CONFIG_DIR", pattern="*"),
            Place(within="~/.config/oidc-agent", pattern="*"),
            Place(within="~/.oidc-agent", pattern="*"),
        ),
        must_stop="oidc-agent must no longer use it; a running one is told to let go "
        "of it.",
        let_go=let_go,
        label=label_of,
        password="password of the oidc-agent account",  # noqa: S106 - a question
    ),
    Tool(
        name="pizauth",
        parse=parse_pizauth,
        must_stop="pizauth must no longer use it: end it with `pizauth shutdown`, or "
        "take the account out of its configuration.",
    ),
    Tool(
        name="gh",
        parse=parse_gh,
        shares_form=True,
        places=(
            Place(within="$GH_CONFIG_DIR", pattern="hosts.yml"),
            Place(within="config/gh", pattern="hosts.yml"),
        ),
        must_stop="gh may go on: the token is never renewed. `gh auth logout` may end "
        "it for both.",
    ),
    Tool(
        name="glab",
        parse=parse_glab,
        shares_form=True,
        places=(
            Place(within="$GLAB_CONFIG_DIR", pattern="config.yml"),
            Place(within="config/glab-cli", pattern="config.yml"),
        ),
        must_stop="glab must no longer use it.",
    ),
    Tool(
        name="mcp-remote",
        parse=parse_mcp_tokens,
        places=(
            Place(within="$MCP_REMOTE_CONFIG_DIR", pattern="*/*_tokens.json"),
            Place(within="~/.mcp-auth", pattern="*/*_tokens.json"),
        ),
        must_stop="mcp-remote must no longer use it, in any program that starts it for "
        "this server.",
        beside=("_tokens.json", "_client_info.json"),
        with_beside=with_mcp_client,
        label=mcp_label,
    ),
    Tool(
        name="email-oauth2-proxy",
        parse=parse_email_proxy,
        shares_form=True,
        places=(
            Place(within="~", pattern="emailproxy.config"),
            Place(within="config/emailproxy", pattern="emailproxy.config"),
        ),
        must_stop="email-oauth2-proxy must no longer use it: end it first, since it "
        "writes its file when it ends.",
        password="password that the mail program gives the proxy",  # noqa: S106 - ditto
    ),
    Tool(
        name="rclone",
        parse=parse_rclone,
        shares_form=True,
        places=(
            Place(within="$RCLONE_CONFIG", pattern=""),
            Place(within="config/rclone", pattern="rclone.conf"),
            Place(within="~", pattern=".rclone.conf"),
        ),
        must_stop="rclone must no longer use the remote: end its mounts and jobs.",
    ),
    Tool(
        name="mutt",
        parse=parse_mutt,
        places=(
            Place(within="~/.mutt", pattern="*.tokens"),
            Place(within="config/mutt", pattern="*.tokens"),
        ),
        must_stop="mutt_oauth2.py must no longer use it, in mutt, msmtp or what else "
        "runs it.",
    ),
)


def tool_names() -> tuple[str, ...]:
    """Each once, in the order of the table."""
    return tuple(dict.fromkeys(tool.name for tool in TOOLS))


def candidates(file_name: str) -> tuple[Tool, ...]:
    """Which tools may have written a file: by its name, else those whose form is plain.

    Configuration files are not tried under other names: much can be read as INI.
    """
    known = {
        tool.parse: tool
        for tool in TOOLS
        for place in tool.places
        if _matches(file_name, place.pattern.rpartition("/")[2])
    }
    return tuple(known.values() or (tool for tool in TOOLS if not tool.shares_form))


def _matches(name: str, pattern: str) -> bool:
    # Much is called so that is of another tool.
    return pattern not in {"", "*", "*.json"} and fnmatchcase(name, pattern)
