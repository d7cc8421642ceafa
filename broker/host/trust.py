"""Which authorities' certificates TLS trusts on this system. Knows no network.

Linux and its kin: the file of the system, where OpenSSL was built to look for it, else
where distributions put it (a Python that was built elsewhere looks in vain). macOS and
Windows: what the system itself says of each certificate, through truststore. So the
authority of a company, installed by its administrators, is trusted on all of them.
"""

import asyncio
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

from broker.model.errors import ConfigError

CA_FILE_SETTING = "network.ca_file"
CA_FILE_VARIABLE = "SSL_CERT_FILE"
SYSTEM = "the system's store of certificates"

SYSTEM_FILES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Arch, Alpine, Gentoo
    Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),  # Fedora, RHEL
    Path("/etc/ssl/ca-bundle.pem"),  # SUSE
    Path("/etc/ssl/cert.pem"),  # BSD
)

Places = tuple[Path | None, Path | None]
"""A file of certificates and a folder of them, for OpenSSL."""


class Trust:
    """The TLS context to send with: made when first asked for, again after a change.

    A file that the person names is all that is trusted, as with curl's --cacert;
    without one SSL_CERT_FILE is such a file, and without that it is the system's.

    Args:
        ca_file: of the configuration; '~' is the home.
        environ: for SSL_CERT_FILE.

    Raises:
        ConfigError: `ca_file` cannot be used. What the environment or the system
            lacks is said by `context`.
    """

    def __init__(
        self, *, ca_file: str | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        variable = (environ or {}).get(CA_FILE_VARIABLE) or None
        self._named_by = (
            CA_FILE_SETTING if ca_file else CA_FILE_VARIABLE if variable else SYSTEM
        )
        self._named = _absolute(ca_file, variable)
        self._context: ssl.SSLContext | None = None
        self._stamp: object = None
        if ca_file:
            self._load()

    async def context(self) -> ssl.SSLContext:
        """The context, with the certificates that are there now.

        Raises:
            ConfigError: the file that is named cannot be used, or there is none.
        """
        # An authority is added while the daemon runs, and nobody thinks of a restart.
        if self._context is None or self._stamp != _stamp(self._places()):
            # Some hundred certificates: 25 ms in which nobody would be answered.
            return await asyncio.to_thread(self._load)
        return self._context

    def _load(self) -> ssl.SSLContext:
        places = self._places()
        stamp = _stamp(places)
        context = _systems_own() if places == (None, None) else self._opened(places)
        self._context, self._stamp = context, stamp
        return context

    def _places(self) -> Places:
        """Both None: the system is asked of each certificate.

        Raises:
            ConfigError: no certificates lie on this system.
        """
        if self._named is not None:
            return self._named, None
        if sys.platform in {"darwin", "win32"}:
            return None, None
        return system_places()

    def _opened(self, places: Places) -> ssl.SSLContext:
        # No create_default_context: from Python 3.13 on it refuses what many companies'
        # authorities have issued, and browsers and curl accept.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(*places)
        except OSError as exc:
            words = (
                "holds no certificates"
                if isinstance(exc, ssl.SSLError)
                else f"cannot be read: {exc.strerror}"
            )
            what = f"{places[0]} {words}"
            raise ConfigError(path=self._named_by, what=what) from None
        return context


def system_places() -> Places:
    """Where this Linux, BSD or their like has its certificates.

    Raises:
        ConfigError: nowhere.
    """
    built_in = ssl.get_default_verify_paths()
    file = Path(built_in.cafile) if built_in.cafile else None
    folder = Path(built_in.capath) if built_in.capath else None
    if file or (folder and _holds_certificates(folder)):
        return file, folder
    for known in SYSTEM_FILES:
        if known.is_file():
            return known, None
    raise ConfigError(
        path=SYSTEM,
        what="there is none; install the package ca-certificates, or name a file "
        f"with {CA_FILE_SETTING} in config.toml",
    )


def _holds_certificates(folder: Path) -> bool:
    """Whether OpenSSL finds some: it looks for names such as '5ed36f99.0'."""
    return any(folder.glob("????????.[0-9]"))


def _absolute(ca_file: str | None, variable: str | None) -> Path | None:
    """The file that is named, the configuration before the environment.

    Raises:
        ConfigError: the configuration names a relative path.
    """
    if ca_file is None:
        return Path(variable).absolute() if variable else None
    path = Path(ca_file).expanduser()
    if not path.is_absolute():
        raise ConfigError(
            path=CA_FILE_SETTING, what="it is neither an absolute path nor one with ~"
        )
    return path


def _stamp(places: Places) -> object:
    """Differs once one of them has changed."""
    return tuple(_seen(place) for place in places if place is not None)


def _seen(place: Path) -> object:
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _systems_own() -> ssl.SSLContext:
    # Only there: elsewhere it would read the whole file again for every connection.
    import truststore  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # type: ignore[no-any-return,unused-ignore]
