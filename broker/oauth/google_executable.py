"""Programs that give a workload's own token (`credential_source.executable`).

Starts none, and knows no clock. What such a program says, or leaves in its output file,
is for Google's STS; the person's hand runs it, and the daemon reads what it has left.

Source: https://google.aip.dev/auth/4117 and google-auth's pluggable.py, 2.62.
"""

import json
import shlex
from collections.abc import Mapping

import msgspec

from broker.model.errors import CredentialFileError
from broker.model.secret import Secret
from broker.model.strict_json import parse_json
from broker.model.text import safe_text
from broker.model.time import Seconds, UnixTime
from broker.oauth.google_credentials import impersonated_email, parse_google_file

VERSION = 1
USUAL_SECONDS = 30
MOST_SECONDS = 120

_TYPES = "urn:ietf:params:oauth:token-type:"
_MEMBERS = {
    _TYPES + "jwt": "id_token",
    _TYPES + "id_token": "id_token",
    _TYPES + "saml2": "saml_response",
}
"""Where the token lies, by what it says that it is."""


class Executable(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and how.

    Attributes:
        words: the program and its arguments; no shell is asked.
        environment: what it is told.
        seconds: for so long at most.
        output: absolute path of the file that its answer is left in.
    """

    words: tuple[str, ...]
    environment: dict[str, str]
    seconds: Seconds
    output: str


class ExecutableAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What it said.

    Attributes:
        token: of the workload's platform.
        expires_at: on the wall clock.
    """

    token: Secret
    expires_at: UnixTime


class ExecutableAnswerError(Exception):
    """There is no living token in what a program said.

    Attributes:
        what: why, as the end of a sentence about its answer.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def parse_executable(text: str) -> Executable:
    """What a workload's configuration has run.

    Args:
        text: `{"type": "external_account", "credential_source": {"executable":
            {"command": str, "timeout_millis"?: int, "output_file": str}}, ...}`

    Raises:
        CredentialFileError: it is no such configuration, or not whole.
    """
    parse_google_file(text)  # all that the daemon asks of it
    file = json.loads(text.removeprefix("\ufeff"))
    made = file["credential_source"].get("executable")
    if made is None:
        raise CredentialFileError(what="its source runs no program")
    output = made["output_file"]
    told = {
        "AUDIENCE": file["audience"],
        "TOKEN_TYPE": file["subject_token_type"],
        "INTERACTIVE": "0",
        "REVOKE": "0",
        "OUTPUT_FILE": output,
    }
    email = impersonated_email(file.get("service_account_impersonation_url") or "")
    if email is not None:
        told["IMPERSONATED_EMAIL"] = email
    return Executable(
        words=_words(made),
        environment={f"GOOGLE_EXTERNAL_ACCOUNT_{k}": v for k, v in told.items()},
        seconds=_seconds(made),
        output=output,
    )


def parse_executable_answer(data: bytes, now: UnixTime) -> ExecutableAnswer:
    """The token in what a program said, or left in its output file.

    Args:
        data: `{"version": 1, "success": true, "token_type": str, "id_token" or
            "saml_response": str, "expiration_time": int}`, or `{"version": 1,
            "success": false, "code": str, "message": str}`
        now: on the wall clock.

    Raises:
        ExecutableAnswerError: it is something else, or has expired.
    """
    try:
        said = parse_json(data)
    except ValueError:
        raise ExecutableAnswerError("it is no JSON") from None
    if not isinstance(said, dict) or said.get("version") != VERSION:
        raise ExecutableAnswerError(f"it is no answer of the version {VERSION}")
    if said.get("success") is not True:
        raise ExecutableAnswerError(_refusal(said))
    token = said.get(_MEMBERS.get(str(said.get("token_type")), ""))
    if not isinstance(token, str) or not token:
        raise ExecutableAnswerError("it holds no token of a type that is known")
    # Optional to google-auth where nothing is kept; but here it lies in a file.
    end = said.get("expiration_time")
    if not isinstance(end, int) or isinstance(end, bool):
        raise ExecutableAnswerError("it does not say when the token expires")
    if end <= now:
        raise ExecutableAnswerError("its token has expired")
    return ExecutableAnswer(token=Secret(token), expires_at=UnixTime(end))


def _refusal(said: Mapping[str, object]) -> str:
    words = [str(said[name]) for name in ("code", "message") if name in said]
    told = ": ".join(safe_text(word) for word in words)
    return f"it refused ({told})" if told else "it refused, and did not say why"


def _words(made: Mapping[str, object]) -> tuple[str, ...]:
    command = made.get("command")
    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError:
        words = []
    if not words:
        what = "the 'command' of its source is no command"
        raise CredentialFileError(what=what)
    return tuple(words)


def _seconds(made: Mapping[str, object]) -> Seconds:
    millis = made.get("timeout_millis", USUAL_SECONDS * 1000)
    if isinstance(millis, bool) or not isinstance(millis, int) or millis <= 0:
        what = "the 'timeout_millis' of its source is no number"
        raise CredentialFileError(what=what)
    return Seconds(min(millis / 1000, MOST_SECONDS))
