"""Pages of questions: one a question, gone with it."""

import pytest

from broker.model.consent import Answer
from broker.model.errors import PortInUseError, UnknownQuestionError
from broker.model.time import Seconds
from tests.fakes.clock import run_until_idle
from tests.services.test_consents import asking, pending
from tests.services.world import a_grant, a_world


async def test_a_click_on_the_page_is_the_answer_and_the_page_is_gone() -> None:
    world = await a_world(a_grant())
    task = await asking(world)
    question_id = world.consents.open[0].question_id
    url = await world.question_pages.open(question_id)
    page = world.question_site.opened[0]
    assert url == page.url
    assert page.page.words.title == "May curl have an access token of work?"
    assert await page.click(Answer.ONCE)
    assert await task == "you, once"
    await run_until_idle()
    assert page.closed


async def test_whoever_asks_for_the_page_again_is_given_the_same_one() -> None:
    world = await a_world(a_grant())
    question_id = await pending(world)
    first = await world.question_pages.open(question_id)
    assert await world.question_pages.open(question_id) == first
    assert len(world.question_site.opened) == 1


@pytest.mark.parametrize("answered", [True, False])
async def test_a_page_ends_with_its_question_however_that_ends(
    *, answered: bool
) -> None:
    world = await a_world(a_grant())
    question_id = await pending(world)
    await world.question_pages.open(question_id)
    if answered:
        await world.consents.answer(question_id, Answer.DENY)
    await world.clock.advance(Seconds(600))
    assert world.question_site.opened[0].closed
    assert not await world.question_site.opened[0].click(Answer.ALWAYS)
    await world.question_pages.close()
    with pytest.raises(UnknownQuestionError):
        await world.question_pages.open(question_id)


async def test_an_answer_that_cannot_be_kept_is_told_on_the_page() -> None:
    world = await a_world(a_grant())
    await world.question_pages.open(await pending(world))
    world.store.fail_next_save()
    assert not await world.question_site.opened[0].click(Answer.ALWAYS)
    assert len(world.consents.open) == 1


async def test_a_site_without_a_port_is_told_and_may_be_tried_again() -> None:
    world = await a_world(a_grant())
    question_id = await pending(world)
    world.question_site.refuse(PortInUseError(host="127.0.0.1", port=0))
    with pytest.raises(PortInUseError):
        await world.question_pages.open(question_id)
    assert await world.question_pages.open(question_id)
