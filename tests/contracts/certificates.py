"""An authority of our own and the certificates that it issues."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Authority:
    """Issues certificates into a folder; `path` is what trusts it."""

    def __init__(self, folder: Path, name: str = "Test Authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        itself = (
            _builder(self._name, self._key, self._name, datetime.now(UTC) + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.path = folder / f"{name}.pem".lower().replace(" ", "-")
        self.path.write_bytes(itself.public_bytes(serialization.Encoding.PEM))

    def server(self, name: str, *, expired: bool = False) -> ssl.SSLContext:
        """For a server of this name or address."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.pair(name, "server.pem", expired=expired))
        return context

    def pair(self, name: str, file: str, *, expired: bool = False) -> Path:
        """A file with a certificate for this name or address, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        end = datetime.now(UTC) + (-DAY if expired else 30 * DAY)
        alternative = x509.SubjectAlternativeName([_general(name)])
        issued = (
            _builder(_name(name), key, self._name, end)
            .add_extension(alternative, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path = self._folder / file
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + issued.public_bytes(serialization.Encoding.PEM)
        )
        return path


def _builder(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - 31 * DAY)
        .not_valid_after(end)
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
