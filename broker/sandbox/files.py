"""The ten invented files. Their times lie before the sandbox's start."""

from datetime import UTC, datetime

import msgspec

from broker.model.time import UnixTime
from broker.sandbox.signing import PERSON_EMAIL, PERSON_NAME

FOLDER_TYPE = "application/vnd.google-apps.folder"
_DOCUMENT = "application/vnd.google-apps.document"
_SHEET = "application/vnd.google-apps.spreadsheet"

_HOUR = 3600
_DAY = 24 * _HOUR


class InventedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file; ages in seconds before the start.

    Attributes:
        modified_by_me: None where only others have changed it.
        size: bytes; 0 for what Google's editors make, as they count for nothing.
    """

    id: str
    name: str
    mime_type: str
    created: int
    modified: int
    modified_by_me: int | None
    size: int = 0
    starred: bool = False


def _file(
    name: str,
    mime_type: str,
    *ages: int,
    by_me: int | None,
    size: int = 0,
    starred: bool = False,
) -> InventedFile:
    modified, created = ages
    return InventedFile(
        id="sandbox-" + name.lower().replace(" ", "-").replace(".", "-"),
        name=name,
        mime_type=mime_type,
        created=created,
        modified=modified,
        modified_by_me=by_me,
        size=size,
        starred=starred,
    )


INVENTED_FILES = (
    _file("Packing list Lisbon", _DOCUMENT, 22 * 60, 3 * _DAY, by_me=22 * 60),
    _file("Household budget", _SHEET, _HOUR, 400 * _DAY, by_me=5 * _HOUR, starred=True),
    _file("Talk outline.md", "text/markdown", _DAY, 9 * _DAY, by_me=_DAY, size=3_172),
    _file("Reading notes", _DOCUMENT, 2 * _DAY, 90 * _DAY, by_me=2 * _DAY),
    _file("Choir plan", _SHEET, 3 * _HOUR, 30 * _DAY, by_me=6 * _DAY),
    _file("Photos", FOLDER_TYPE, 11 * _DAY, 800 * _DAY, by_me=11 * _DAY),
    _file(
        "IMG 0417.jpg",
        "image/jpeg",
        11 * _DAY,
        11 * _DAY,
        by_me=11 * _DAY,
        size=2_481_907,
    ),
    _file(
        "Lease.pdf",
        "application/pdf",
        70 * _DAY,
        70 * _DAY,
        by_me=70 * _DAY,
        size=418_220,
    ),
    _file(
        "Bread recipe",
        _DOCUMENT,
        131 * _DAY,
        600 * _DAY,
        by_me=131 * _DAY,
        starred=True,
    ),
    _file("Club minutes", _DOCUMENT, 4 * _DAY, 4 * _DAY, by_me=None),
)


def file_resource(file: InventedFile, start: UnixTime) -> dict[str, object]:
    """The `File` resource of Drive v3, as far as an invented file has one."""
    owner = {
        "kind": "drive#user",
        "displayName": PERSON_NAME,
        "me": True,
        "emailAddress": PERSON_EMAIL,
    }
    resource: dict[str, object] = {
        "kind": "drive#file",
        "id": file.id,
        "name": file.name,
        "mimeType": file.mime_type,
        "createdTime": _rfc3339(start - file.created),
        "modifiedTime": _rfc3339(start - file.modified),
        "modifiedByMe": file.modified_by_me is not None,
        "owners": [owner],
        "ownedByMe": True,
        "starred": file.starred,
        "trashed": False,
        "quotaBytesUsed": str(file.size),
    }
    if file.modified_by_me is not None:
        resource["modifiedByMeTime"] = _rfc3339(start - file.modified_by_me)
    if file.size:
        resource["size"] = str(file.size)
    return resource


def _rfc3339(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
