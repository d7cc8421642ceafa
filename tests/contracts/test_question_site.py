"""What a site that shows questions promises: the fake's, and the real one's."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from broker.model.consent import Answer
from broker.model.question_page import QuestionPage
from broker.model.question_words import Detail, QuestionWords
from broker.model.time import Seconds
from broker.net.question_site import OpenQuestionPage, QuestionSites
from broker.services.interfaces import OpenPage, QuestionSite
from tests.contracts.browser import Shown, get, send
from tests.fakes.question_site import FakeOpenPage, FakeQuestionSite

IDLE = Seconds(0.2)
FORM = "application/x-www-form-urlencoded"


@dataclass
class Person:
    """Whoever answers, and whether that is taken."""

    takes: bool = True
    said: list[Answer] = field(default_factory=list)

    def page(self) -> QuestionPage:
        words = QuestionWords(title="May <b> have it?", details=(Detail("a", "b"),))
        offered = (Answer.ONCE, Answer.DENY)
        return QuestionPage(words=words, answers=offered, on_answer=self.on_answer)

    async def on_answer(self, answer: Answer) -> bool:
        self.said.append(answer)
        return self.takes


def token_of(shown: Shown) -> str:
    found = re.search(r'name="token" value="([^"]+)"', shown.body.decode())
    assert found is not None
    return found[1]


async def post(url: str, form: str, *lines: str, **changes: str | None) -> Shown:
    """A form as our own page sends it, but for what is changed."""
    parts = urlsplit(url)
    headers: dict[str, str | None] = {
        "Host": parts.netloc,
        "Origin": f"http://{parts.netloc}",
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": FORM,
        "Content-Length": str(len(form)),
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    head = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    request = "\r\n".join([f"POST {parts.path} HTTP/1.1", *head, *lines, "", form])
    return await send(parts.port or 80, request.encode())


async def click(opened: OpenPage, answer: Answer) -> bool:
    """What a person does, on the fake or on the real page; whether it was taken."""
    if isinstance(opened, FakeOpenPage):
        return await opened.click(answer)
    shown = await get(opened.url)
    if shown.status != 200:
        return False
    form = f"token={token_of(shown)}&answer={answer.value}"
    return (await post(opened.url, form)).status == 200


@pytest.fixture(params=["fake", "real"])
def site(request: pytest.FixtureRequest) -> QuestionSite:
    return FakeQuestionSite() if request.param == "fake" else QuestionSites(idle=IDLE)


async def test_an_answer_is_handed_on_once(site: QuestionSite) -> None:
    person = Person()
    opened = await site.open(person.page())
    assert await click(opened, Answer.ONCE)
    assert not await click(opened, Answer.DENY)
    assert person.said == [Answer.ONCE]
    await opened.close()


async def test_an_answer_that_was_not_offered_is_not_handed_on(
    site: QuestionSite,
) -> None:
    person = Person()
    opened = await site.open(person.page())
    assert not await click(opened, Answer.ALWAYS)
    assert await click(opened, Answer.DENY)
    assert person.said == [Answer.DENY]
    await opened.close()


async def test_an_answer_that_is_not_taken_can_be_said_again(
    site: QuestionSite,
) -> None:
    person = Person(takes=False)
    opened = await site.open(person.page())
    assert not await click(opened, Answer.ONCE)
    person.takes = True
    assert await click(opened, Answer.DENY)
    assert not await click(opened, Answer.DENY)
    await opened.close()
    await opened.close()


# --- the real one, and everybody who is not its page --------------------------------


@dataclass
class Real:
    """A page on a port, with its address and its one-time value."""

    person: Person
    opened: OpenQuestionPage
    shown: Shown

    @property
    def form(self) -> str:
        return f"token={token_of(self.shown)}&answer=once"


@pytest.fixture
async def real() -> AsyncIterator[Real]:
    person = Person()
    opened = await QuestionSites(idle=IDLE).open(person.page())
    yield Real(person, opened, await get(opened.url))
    await opened.close()


async def test_the_page_is_kept_nowhere_and_framed_by_nobody(real: Real) -> None:
    headers = real.shown.headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert b"May &lt;b&gt; have it?" in real.shown.body


def test_the_address_cannot_be_guessed() -> None:
    paths = {OpenQuestionPage(Person().page()).path for _ in range(20)}
    assert len(paths) == 20
    assert {len(path) for path in paths} == {len("/question/") + 43}


@pytest.mark.parametrize(
    "changes",
    [
        {"Origin": None},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Host": "evil.example"},
        {"Content_Type": "text/plain"},
        {"Content_Length": None},
    ],
)
async def test_a_form_of_anybody_else_changes_nothing(
    real: Real, changes: dict[str, str | None]
) -> None:
    assert 400 <= (await post(real.opened.url, real.form, **changes)).status < 500
    assert real.person.said == []
    assert (await post(real.opened.url, real.form)).status == 200


async def test_a_second_origin_is_one_too_many(real: Real) -> None:
    other = "Origin: https://evil.example"
    assert (await post(real.opened.url, real.form, other)).status == 403
    assert real.person.said == []


@pytest.mark.parametrize(
    "form",
    [
        "answer=once",
        "token=&answer=once",
        "token=wrong&answer=once",
        "token={token}",
        "token={token}&answer=",
        "token={token}&answer=yes",
        "token={token}&answer=once&more=1",
        "token={token}&token={token}&answer=once",
        "",
        "%ff",
        "token={token}%C3%A9&answer=once",
    ],
)
async def test_a_form_without_the_one_time_value_and_an_answer_is_a_stray(
    real: Real, form: str
) -> None:
    sent = form.replace("{token}", token_of(real.shown))
    assert (await post(real.opened.url, sent)).status == 400
    assert real.person.said == []


@pytest.mark.parametrize("more", ["x", "?a=1", "/"])
async def test_at_every_other_address_there_is_nothing(real: Real, more: str) -> None:
    assert (await get(real.opened.url + more)).status == 404
    root = real.opened.url.rpartition("/question/")[0]
    assert (await get(f"{root}/")).status == 404


async def test_an_older_browser_that_names_its_origin_alone_is_served(
    real: Real,
) -> None:
    shown = await post(real.opened.url, real.form, Sec_Fetch_Site=None)
    assert shown.status == 200
    assert b"Allowed" in shown.body


async def test_the_one_time_value_is_good_for_one_answer(real: Real) -> None:
    assert (await post(real.opened.url, real.form)).status == 200
    assert (await post(real.opened.url, real.form)).status == 400
    assert real.person.said == [Answer.ONCE]
    assert (await get(real.opened.url)).status == 404


async def test_no_other_user_is_shown_the_page_or_answers_on_it() -> None:
    asked: list[tuple[object, object]] = []

    def of_another(peer: object, here: object) -> bool:
        asked.append((peer, here))
        return False

    person = Person()
    opened = await QuestionSites(idle=IDLE, is_own=of_another).open(person.page())
    assert (await get(opened.url)).status == 403
    assert (await post(opened.url, "token=x&answer=once")).status == 403
    assert (await get(opened.url + "x")).status == 404  # that is told without a look
    assert person.said == []
    port = urlsplit(opened.url).port
    assert [here for _, here in asked] == [("127.0.0.1", port)] * 2
    await opened.close()


async def test_nothing_listens_once_the_page_is_closed(real: Real) -> None:
    await real.opened.close()
    with pytest.raises(ConnectionRefusedError):
        await get(real.opened.url)
