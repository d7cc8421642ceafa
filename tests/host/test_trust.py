import ssl
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from broker.host import trust
from broker.host.trust import Trust, expiry_fault, system_places
from broker.model.errors import ConfigError
from broker.model.time import UnixTime
from tests.contracts.certificates import Authority

NOWHERE = ssl.get_default_verify_paths()._replace(cafile="", capath="")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Python that was built for another system, which has its file elsewhere."""
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: NOWHERE)
    known = (tmp_path / "none.pem", tmp_path / "test-authority.pem")
    monkeypatch.setattr(trust, "SYSTEM_FILES", known)


def names(context: ssl.SSLContext) -> list[str]:
    return [str(one["subject"]) for one in context.get_ca_certs()]


async def test_peers_are_verified_by_name_with_tls_1_2_at_least(
    authority: Authority,
) -> None:
    context = await Trust(ca_file=str(authority.path)).context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_file_that_is_named_is_all_that_is_trusted(
    authority: Authority,
) -> None:
    context = await Trust(ca_file=str(authority.path)).context()
    (name,) = names(context)
    assert "Test Authority" in name


async def test_a_tilde_is_the_home(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert authority.path.parent == tmp_path
    context = await Trust(ca_file="~/test-authority.pem").context()
    assert len(names(context)) == 1


async def test_the_same_context_serves_until_the_file_changes(
    authority: Authority, tmp_path: Path
) -> None:
    kept = Trust(ca_file=str(authority.path))
    first = await kept.context()
    assert await kept.context() is first
    with authority.path.open("ab") as appended:
        appended.write(Authority(tmp_path, "Other").path.read_bytes())
    second = await kept.context()
    assert second is not first
    assert len(names(second)) == 2


async def test_the_systems_authorities_are_trusted_where_none_is_named() -> None:
    assert len(names(await Trust().context())) > 20


async def test_an_empty_variable_names_nothing() -> None:
    context = await Trust(environ={"SSL_CERT_FILE": ""}).context()
    assert len(names(context)) > 20


@pytest.mark.usefixtures("authority", "_elsewhere")
async def test_a_python_built_elsewhere_finds_the_systems_file_too() -> None:
    assert len(names(await Trust().context())) == 1


@pytest.mark.usefixtures("authority", "_elsewhere")
def test_an_empty_folder_of_certificates_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    places = NOWHERE._replace(capath=str(folder))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: places)
    assert system_places() == (tmp_path / "test-authority.pem", None)
    (folder / "5ed36f99.0").write_text("")
    assert system_places() == (None, folder)


@pytest.mark.usefixtures("_elsewhere")
async def test_a_system_without_any_is_told_what_to_install() -> None:
    with pytest.raises(ConfigError, match="install the package ca-certificates"):
        await Trust().context()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "holds no certificates"),
        ("no certificate", "holds no certificates"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "holds no certificates",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_once(
    tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError) as refused:
        Trust(ca_file=str(path))
    assert refused.value.path == "network.ca_file"
    assert refused.value.what == f"{path} {words}"


def test_a_relative_path_is_refused(authority: Authority) -> None:
    with pytest.raises(ConfigError, match="neither an absolute path nor one with ~"):
        Trust(ca_file=authority.path.name)


@pytest.mark.parametrize("system", ["darwin", "win32"])
async def test_where_the_system_verifies_itself_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    class Asking(ssl.SSLContext):
        """As truststore's, which only those systems have."""

    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setitem(sys.modules, "truststore", SimpleNamespace(SSLContext=Asking))
    assert isinstance(await Trust().context(), Asking)


@pytest.mark.parametrize(
    ("built", "taken"),
    [
        (ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
    ],
)
async def test_a_python_that_was_built_to_take_old_tls_takes_none_here(
    monkeypatch: pytest.MonkeyPatch, built: ssl.TLSVersion, taken: ssl.TLSVersion
) -> None:
    def lax() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = built
        return context

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(trust, "_systems_own", lax)
    assert (await Trust().context()).minimum_version is taken


async def test_a_file_that_is_named_counts_there_too(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    context = await Trust(environ={"SSL_CERT_FILE": str(authority.path)}).context()
    assert len(names(context)) == 1


def test_a_certificate_of_ours_that_has_ended_or_not_begun_is_told(
    authority: Authority,
) -> None:
    file = str(authority.pair("robot", "robot.pem"))
    now = UnixTime(time.time())
    assert expiry_fault(file, now) is None
    assert "has expired on" in str(expiry_fault(file, UnixTime(now + 40 * 86_400)))
    assert "is valid from" in str(expiry_fault(file, UnixTime(now - 40 * 86_400)))
    assert expiry_fault(f"{file}.gone", now) is None
