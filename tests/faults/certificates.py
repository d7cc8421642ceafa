"""A certificate authority that lives as long as a test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files.

    Attributes:
        authority: what SSL_CERT_FILE is to name.
        good: key and certificate for the names that were asked for.
        wrong: key and certificate of the same authority, for another name.
    """

    authority: Path
    good: Path
    wrong: Path


def make_certificates(folder: Path, *names: str) -> Certificates:
    """An authority, and its certificates for `names` and for another one."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = _signed(key, key, "the authority of a test", ())
    authority = folder / "authority.pem"
    authority.write_bytes(own.public_bytes(Encoding.PEM))
    return Certificates(
        authority=authority,
        good=_leaf(folder / "good.pem", key, names),
        wrong=_leaf(folder / "wrong.pem", key, ("other.test",)),
    )


def _leaf(
    path: Path, authority: ec.EllipticCurvePrivateKey, names: tuple[str, ...]
) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed(key, authority, "an issuer of a test", names)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


def _signed(
    key: ec.EllipticCurvePrivateKey,
    authority: ec.EllipticCurvePrivateKey,
    subject: str,
    names: tuple[str, ...],
) -> x509.Certificate:
    start = datetime.now(UTC) - timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("the authority of a test"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            critical=False,
        )
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
    )
    if names:
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(authority, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
