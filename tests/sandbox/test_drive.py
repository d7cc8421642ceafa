import pytest

from broker.model.time import UnixTime
from broker.sandbox.drive import ParameterError, about, list_files
from broker.sandbox.files import INVENTED_FILES

START = UnixTime(1_800_000_000.0)


def names(**query: str) -> list[str]:
    listed = list_files({"fields": "files(name)", **query}, START)["files"]
    assert isinstance(listed, list)
    return [file["name"] for file in listed]


def test_the_five_files_i_changed_last() -> None:
    assert names(orderBy="modifiedByMeTime desc", pageSize="5") == [
        "Packing list Lisbon",
        "Household budget",
        "Talk outline.md",
        "Reading notes",
        "Choir plan",
    ]


def test_a_file_that_only_others_changed_comes_last() -> None:
    assert names(orderBy="modifiedByMeTime desc")[-1] == "Club minutes"


def test_the_first_key_decides_before_the_second() -> None:
    ordered = names(orderBy="folder,name desc")
    assert ordered[0] == "Photos"
    assert ordered[1:] == sorted(ordered[1:], key=str.casefold, reverse=True)


def test_pages_together_are_the_whole_list() -> None:
    query = {"pageSize": "4", "orderBy": "name", "fields": "files(id),nextPageToken"}
    pages: list[object] = []
    while True:
        found = list_files(query, START)
        pages.append(found["files"])
        if "nextPageToken" not in found:
            break
        query["pageToken"] = str(found["nextPageToken"])
    assert [len(page) for page in pages if isinstance(page, list)] == [4, 4, 2]
    assert [f for page in pages for f in page] == list_files(  # type: ignore[attr-defined] # each is a list
        {"orderBy": "name", "fields": "files(id)"}, START
    )["files"]


def test_without_fields_drive_answers_four_members_of_a_file() -> None:
    found = list_files({}, START)
    assert set(found) == {"kind", "incompleteSearch", "files", "sandbox"}
    files = found["files"]
    assert isinstance(files, list)
    assert set(files[0]) == {"kind", "id", "name", "mimeType"}
    assert len(files) == len(INVENTED_FILES)


def test_times_are_rfc_3339_and_before_the_start() -> None:
    query = {"fields": "files(modifiedTime)", "orderBy": "modifiedTime desc"}
    files = list_files(query, START)["files"]
    assert isinstance(files, list)
    assert files[0] == {"modifiedTime": "2027-01-15T07:38:00.000Z"}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("orderBy", "modifiedByMeTime descending"),
        ("orderBy", "size"),
        ("orderBy", ",".join(["name"] * 50)),
        ("pageSize", "0"),
        ("pageSize", "-1"),
        ("pageSize", "ten"),
        ("pageToken", "sandbox-page-99"),
        ("pageToken", "~!!~"),
        ("fields", "files("),
        ("q", "name contains 'x'"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(parameter: str, value: str) -> None:
    with pytest.raises(ParameterError) as refused:
        list_files({parameter: value}, START)
    assert refused.value.parameter == parameter


@pytest.mark.parametrize(
    "key", ["createdTime", "name_natural", "quotaBytesUsed", "recency", "starred desc"]
)
def test_every_sort_key_of_drive_sorts(key: str) -> None:
    assert sorted(names(orderBy=key)) == sorted(file.name for file in INVENTED_FILES)


def test_about_demands_fields_as_drive_does() -> None:
    with pytest.raises(ParameterError) as refused:
        about({})
    assert refused.value.parameter == "fields"
    assert about({"fields": "user/displayName"}) == {
        "user": {"displayName": "Robin Sample"},
        "sandbox": True,
    }
