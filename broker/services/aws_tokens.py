"""A workload's own token on AWS: a signed question who it is, which Google sends on.

Of the machine's metadata service alone. google-auth's own supplier would look at
AWS_* of the environment first, which in a daemon is that of whichever shell began it.

Sources: google-auth's aws.py, 2.62, and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from google.auth import aws, identity_pool

from broker.model.strict_json import parse_json
from broker.oauth.google_endpoints import shown_origin
from broker.services.google_transport import LoopRequest
from broker.services.workload_tokens import WorkloadFileError

SESSION_SECONDS = 300
_ROLE = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_ZONE = re.compile(
    r"([a-z]{2,3}(?:-[a-z]+)+-[0-9]+)(?:[a-z]|-[a-z]+-[0-9]+[a-z])", re.ASCII
)
"""A region and a letter; of a local zone, what lies between."""


class AwsTokens(identity_pool.SubjectTokenSupplier):
    """Satisfies google-auth's interface of a workload's own token.

    Args:
        source: as `checked_source` gave it.
        audience: of the workload's pool; it is signed, so that nobody else can use it.
    """

    def __init__(self, source: Mapping[str, object], audience: str) -> None:
        self._source = source
        self._audience = audience

    def get_subject_token(self, _: object, request: LoopRequest) -> str:
        """The signed question, as it is to be sent to Google.

        Raises:
            WorkloadFileError: the metadata service says something else.
            TransportError: see `LoopRequest`.
        """
        headers = self._session(request)
        zone = _ZONE.fullmatch(self._said(request, "region_url", headers))
        if zone is None:
            raise self._odd("region_url", "it names no zone")
        region = zone[1]
        keys = self._keys(request, headers)
        url = str(self._source["regional_cred_verification_url"])
        signer: Any = aws.RequestSigner  # google-auth has no types for it
        place = url.replace("{region}", region)
        signed = signer(region).get_request_options(keys, place, "POST")
        return self._written(signed)

    def _session(self, request: LoopRequest) -> dict[str, str]:
        """What proves to the metadata service that we are on this machine (IMDSv2)."""
        url = self._source.get("imdsv2_session_token_url")
        if url is None:
            return {}
        life = {"X-aws-ec2-metadata-token-ttl-seconds": str(SESSION_SECONDS)}
        answer = request(str(url), "PUT", headers=life)
        return {"X-aws-ec2-metadata-token": answer.data.decode(errors="replace")}

    def _said(
        self, request: LoopRequest, name: str, headers: dict[str, str], more: str = ""
    ) -> str:
        answer = request(f"{self._source[name]}{more}", headers=headers)
        return answer.data.decode(errors="replace").strip()

    def _keys(
        self, request: LoopRequest, headers: dict[str, str]
    ) -> aws.AwsSecurityCredentials:
        role = self._said(request, "url", headers)
        if not _ROLE.fullmatch(role):
            raise self._odd("url", "it names no role")
        text = self._said(request, "url", headers, f"/{role}")
        try:
            members = parse_json(text.encode())
        except ValueError:
            members = None
        found = members if isinstance(members, dict) else {}
        names = ("AccessKeyId", "SecretAccessKey", "Token")
        key, secret, token = (str(found.get(name) or "") for name in names)
        if not (key and secret and token):
            raise self._odd("url", "it gives no keys of the role")
        return aws.AwsSecurityCredentials(key, secret, token)

    def _written(self, signed: Mapping[str, object]) -> str:
        said = signed.get("headers")
        headers = dict(said) if isinstance(said, dict) else {}
        headers["x-goog-cloud-target-resource"] = self._audience
        document = {
            "url": signed["url"],
            "method": signed["method"],
            "headers": [{"key": k, "value": v} for k, v in headers.items()],
        }
        return quote(json.dumps(document, separators=(",", ":"), sort_keys=True))

    def _odd(self, name: str, what: str) -> WorkloadFileError:
        return WorkloadFileError(shown_origin(str(self._source[name])), what)
