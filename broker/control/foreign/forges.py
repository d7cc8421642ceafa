"""gh's `hosts.yml` and glab's `config.yml`.

gh keeps a token that never expires and cannot be renewed, mostly in the keyring; glab
one that lives two hours, and a refresh token. The client ids are theirs, of public
clients, as their sources have them.
"""

from collections.abc import Mapping

from broker.control.foreign.found import Found, label_of
from broker.control.foreign.marked import Marked, parse_mappings
from broker.model.secret import Secret

_GH_CLIENT_ID = "178c6fc778ccc68e1d6a"
_GLAB_CLIENT_ID = "41d48f9422ebd655dd9cf2947d6979681dfaddc6d0c56f7628f6ada59559af1e"

_OAUTH_TOKEN = "gho_"  # noqa: S105 - how GitHub begins the tokens of OAuth apps


def parse_gh(data: bytes, _: Secret | None = None) -> tuple[Found, ...]:
    """`HOST: {oauth_token, user, users: {NAME: {oauth_token}}}`, a sign-in a token."""
    values = parse_mappings(data)
    hosts = dict.fromkeys(path[0] for path in values)
    return tuple(_gh_host(host, values) for host in hosts)


def _gh_host(host: str, values: Mapping[tuple[str, ...], Marked]) -> Found:
    own = [
        marked
        for path, marked in values.items()
        if path[0] == host and path[-1] == "oauth_token" and marked.value
    ]
    user = values.get((host, "user"))
    label = label_of(f"{user.value}@{host}" if user and user.value else host)
    if not own:
        return Found(label=label, obstacle="lies in the keyring, and not in the file")
    token = own[-1].value if len(own) == 1 else _of_user(host, user, values, own)
    obstacle = None
    if host != "github.com":
        obstacle = "is of a GitHub Enterprise Server, whose client gh does not say"
    elif not token.startswith(_OAUTH_TOKEN):
        obstacle = "is a token that was made by hand, and no sign-in"
    return Found(
        label=label,
        issuer="github" if host == "github.com" else None,
        client_id=_GH_CLIENT_ID if host == "github.com" else None,
        access_token=Secret(token),
        obstacle=obstacle,
        lines=tuple(line for marked in own for line in marked.lines),
    )


def _of_user(
    host: str,
    user: Marked | None,
    values: Mapping[tuple[str, ...], Marked],
    own: list[Marked],
) -> str:
    """Gh writes the token of the user in use twice, beside those of the others."""
    top = values.get((host, "oauth_token"))
    by_name = values.get((host, "users", user.value if user else "", "oauth_token"))
    return (top or by_name or own[0]).value


def parse_glab(data: bytes, _: Secret | None = None) -> tuple[Found, ...]:
    """`hosts: {HOST: {token, is_oauth2, oauth2_refresh_token, client_id}}`."""
    values = parse_mappings(data)
    hosts = dict.fromkeys(p[1] for p in values if p[0] == "hosts" and len(p) > 1)
    of = {
        host: {
            p[2]: marked
            for p, marked in values.items()
            if p[:2] == ("hosts", host) and p[2:] and not p[3:]
        }
        for host in hosts
    }
    return tuple(
        _glab_host(host, members)
        for host, members in of.items()
        if any(
            members[name].value for name in ("token", "use_keyring") if name in members
        )
    )


def _glab_host(host: str, members: Mapping[str, Marked]) -> Found:
    def said(name: str) -> str | None:
        marked = members.get(name)
        return marked.value or None if marked else None

    refresh_token, token = said("oauth2_refresh_token"), said("token")
    is_oauth = said("is_oauth2") == "true"
    obstacle = None
    if not token:
        obstacle = "lies in the keyring, and not in the file"
    elif not is_oauth:
        obstacle = "is a token that was made by hand, and no sign-in"
    elif not refresh_token:
        obstacle = "holds no refresh token"
    user = said("user")
    secrets = [members[n] for n in ("token", "oauth2_refresh_token") if n in members]
    usual = _GLAB_CLIENT_ID if host == "gitlab.com" else None
    return Found(
        label=label_of(f"{user}@{host}" if user else host),
        issuer=f"https://{host}",
        client_id=said("client_id") or usual,
        refresh_token=Secret(refresh_token) if refresh_token and is_oauth else None,
        access_token=Secret(token) if token and obstacle else None,
        obstacle=obstacle,
        lines=tuple(line for marked in secrets for line in marked.lines),
    )
