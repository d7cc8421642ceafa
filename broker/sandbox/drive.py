"""`files.list` and `about.get` in the shape of Drive v3. Knows no HTTP."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.model.time import UnixTime
from broker.sandbox.files import FOLDER_TYPE, INVENTED_FILES, file_resource
from broker.sandbox.selection import parse_fields, select
from broker.sandbox.signing import PERSON_EMAIL, PERSON_NAME

_GOOGLE = "https://www.googleapis.com/auth/"
DRIVE_SCOPES = frozenset(
    _GOOGLE + name
    for name in (
        "drive",
        "drive.appdata",
        "drive.file",
        "drive.metadata",
        "drive.metadata.readonly",
        "drive.photos.readonly",
        "drive.readonly",
    )
)
"""Each lets both methods through, as the discovery document of Drive v3 says."""

_LIST_FIELDS = "kind,incompleteSearch,nextPageToken,files(kind,id,name,mimeType)"
_DEFAULT_PAGE = 100
_LARGEST_PAGE = 1000
_PAGE_TOKEN = re.compile(r"sandbox-page-([0-9]{1,6})")
_ALL_FILES = re.compile(r"\s*trashed\s*=\s*false\s*")

Resource = dict[str, object]
SortValue = tuple[object, ...]


@dataclass(eq=False, kw_only=True)
class ParameterError(Exception):
    """A query parameter cannot be used: Drive's `invalidParameter`."""

    parameter: str
    what: str


def list_files(query: Mapping[str, str], start: UnixTime) -> Resource:
    """A `FileList`: `{"kind": "drive#fileList", "files": [...], …}`.

    Args:
        query: orderBy, pageSize, pageToken, fields, q; others are ignored.
        start: when the sandbox started; the files' times lie before it.

    Raises:
        ParameterError: a parameter that Drive would refuse, or a `q` that the
            sandbox does not know: a wrong list would be worse than none.
    """
    if not _ALL_FILES.fullmatch(query.get("q", "trashed=false")):
        raise ParameterError(parameter="q", what="only trashed=false is known here")
    files = [file_resource(file, start) for file in INVENTED_FILES]
    _sort(files, query.get("orderBy", "modifiedTime desc"))
    first, size = _first(query, len(files)), _page_size(query)
    found: Resource = {
        "kind": "drive#fileList",
        "incompleteSearch": False,
        "files": files[first : first + size],
    }
    if first + size < len(files):
        found["nextPageToken"] = f"sandbox-page-{first + size}"
    return _selected(found, query.get("fields", _LIST_FIELDS))


def about(query: Mapping[str, str]) -> Resource:
    """An `About`: who the person is and how much is stored.

    Raises:
        ParameterError: `fields` is missing; Drive demands it for this method.
    """
    if "fields" not in query:
        raise ParameterError(parameter="fields", what="this method needs it")
    used = str(sum(file.size for file in INVENTED_FILES))
    document: Resource = {
        "kind": "drive#about",
        "user": {
            "kind": "drive#user",
            "displayName": PERSON_NAME,
            "me": True,
            "permissionId": "sandbox-person-1",
            "emailAddress": PERSON_EMAIL,
        },
        "storageQuota": {"limit": "16106127360", "usage": used, "usageInDrive": used},
    }
    return _selected(document, query["fields"])


def _selected(document: Resource, fields: str) -> Resource:
    try:
        found = select(document, parse_fields(fields))
    except ValueError as exc:
        raise ParameterError(parameter="fields", what=str(exc)) from None
    # A member that Drive has not: whoever prints the answer is to see it.
    return {**(found if isinstance(found, dict) else {}), "sandbox": True}


def _page_size(query: Mapping[str, str]) -> int:
    text = query.get("pageSize", str(_DEFAULT_PAGE))
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise ParameterError(parameter="pageSize", what="a number from 1 to 1000")
    return min(int(text), _LARGEST_PAGE)


def _first(query: Mapping[str, str], count: int) -> int:
    if "pageToken" not in query:
        return 0
    match = _PAGE_TOKEN.fullmatch(query["pageToken"])
    if match is None or int(match[1]) >= count:
        raise ParameterError(parameter="pageToken", what="not one of this list's")
    return int(match[1])


def _text(name: str) -> Callable[[Resource], SortValue]:
    # A file without the member counts as the oldest or first of all.
    return lambda file: (str(file.get(name, "")),)


def _natural(file: Resource) -> SortValue:
    parts = re.split(r"([0-9]+)", str(file["name"]).casefold())
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def _recency(file: Resource) -> SortValue:
    times = ("createdTime", "modifiedTime", "modifiedByMeTime")
    return (max(str(file.get(name, "")) for name in times),)


_SORT_KEYS: dict[str, Callable[[Resource], SortValue]] = {
    "createdTime": _text("createdTime"),
    "folder": lambda file: (file["mimeType"] != FOLDER_TYPE,),
    "modifiedByMeTime": _text("modifiedByMeTime"),
    "modifiedTime": _text("modifiedTime"),
    "name": lambda file: (str(file["name"]).casefold(),),
    "name_natural": _natural,
    "quotaBytesUsed": lambda file: (int(str(file["quotaBytesUsed"])),),
    "recency": _recency,
    "sharedWithMeTime": _text("sharedWithMeTime"),
    "starred": lambda file: (not file["starred"],),
    "viewedByMeTime": _text("viewedByMeTime"),
}


def _sort(files: list[Resource], order_by: str) -> None:
    keys = order_by.split(",")
    if len(keys) > len(_SORT_KEYS):
        raise ParameterError(parameter="orderBy", what="more keys than there are")
    # The last key first: Python's sort is stable.
    for key in reversed(keys):
        name, _, direction = key.strip().partition(" ")
        if name not in _SORT_KEYS or direction not in {"", "asc", "desc"}:
            raise ParameterError(parameter="orderBy", what="an unknown sort key")
        files.sort(key=_SORT_KEYS[name], reverse=direction == "desc")
