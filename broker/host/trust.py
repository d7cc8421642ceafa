"""Which authorities TLS trusts on this system, and whom it shows. Knows no network.

Linux and its kin: the file of the system, where OpenSSL was built to look for it, else
where distributions put it (a Python that was built elsewhere looks in vain). macOS and
Windows: what the system itself says of each certificate, through truststore. So the
authority of a company, installed by its administrators, is trusted on all of them.
"""

import asyncio
import ssl
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from broker.model.errors import ConfigError
from broker.model.time import UnixTime

CA_FILE_SETTING = "network.ca_file"
CA_FILE_VARIABLE = "SSL_CERT_FILE"
CLIENT_CERTIFICATE = "the client's certificate"
SYSTEM = "the system's store of certificates"
OLDEST_TLS = ssl.TLSVersion.TLSv1_2

SYSTEM_FILES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Arch, Alpine, Gentoo
    Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),  # Fedora, RHEL
    Path("/etc/ssl/ca-bundle.pem"),  # SUSE
    Path("/etc/ssl/cert.pem"),  # BSD
)

Places = tuple[Path | None, Path | None]
"""A file of certificates and a folder of them, for OpenSSL."""

Shown = tuple[str, str | None]
"""Paths of a certificate with its chain, and of its key; None: both are in one file."""


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
        self._contexts: dict[Shown | None, tuple[object, ssl.SSLContext]] = {}
        if ca_file:
            self._load(None)

    async def context(self, shown: Shown | None = None) -> ssl.SSLContext:
        """The context, with the certificates that are there now.

        Args:
            shown: the certificate that is shown to whoever asks for one, or None.

        Raises:
            ConfigError: the file that is named cannot be used, or there is none; or
                `shown` cannot be.
        """
        # An authority is added while the daemon runs, and nobody thinks of a restart.
        stamp, context = self._contexts.get(shown, (None, None))
        if context is None or stamp != _stamp((*self._places(), *_files(shown))):
            # Some hundred certificates: 25 ms in which nobody would be answered.
            return await asyncio.to_thread(self._load, shown)
        return context

    def _load(self, shown: Shown | None) -> ssl.SSLContext:
        places = self._places()
        stamp = _stamp((*places, *_files(shown)))
        context = _systems_own() if places == (None, None) else self._opened(places)
        # Left to Python, it is as old as OpenSSL takes where a distribution builds it
        # so (Debian), or whatever an openssl.cnf says.
        context.minimum_version = max(context.minimum_version, OLDEST_TLS)
        if shown is not None:
            _show(context, shown)
        self._contexts[shown] = stamp, context
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


def _files(shown: Shown | None) -> list[Path]:
    return [Path(path) for path in shown or () if path is not None]


def _show(context: ssl.SSLContext, shown: Shown) -> None:
    """Have the certificate shown.

    Raises:
        ConfigError: the files cannot be used.
    """
    certificate, key = shown
    fault = next((fault for path in _files(shown) if (fault := _unfit(path))), None)
    if fault is not None:
        raise ConfigError(path=CLIENT_CERTIFICATE, what=fault)
    try:
        # OpenSSL would ask for a passphrase at the daemon's terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError):
        what = f"{certificate} and its key are no pair of PEM files without passphrase"
        raise ConfigError(path=CLIENT_CERTIFICATE, what=what) from None


def expiry_fault(certificate: str, now: UnixTime) -> str | None:
    """That a certificate of ours has ended or has not begun, or None.

    Looked at once a server has hung up: with TLS 1.3 it may do so before its alert is
    heard, or say nothing.

    Args:
        certificate: path of its PEM.
        now: on the wall clock.
    """
    from cryptography.x509 import (  # noqa: PLC0415 - few daemons show any
        load_pem_x509_certificate,
    )

    try:
        found = load_pem_x509_certificate(Path(certificate).read_bytes())
    except (OSError, ValueError):
        return None
    if now < found.not_valid_before_utc.timestamp():
        return f"{certificate} is valid from {found.not_valid_before_utc:%Y-%m-%d} on"
    if now >= found.not_valid_after_utc.timestamp():
        return f"{certificate} has expired on {found.not_valid_after_utc:%Y-%m-%d}"
    return None


def _unfit(path: Path) -> str | None:
    """Why this file cannot be read, or None."""
    try:
        with path.open("rb"):
            return None
    except OSError as exc:
        return f"{path} cannot be read: {exc.strerror}"


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


def _stamp(places: Iterable[Path | None]) -> object:
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
