"""The line between a client and a supervisor, with a supervisor of the test's own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

from ecirun.api.line import Line
from ecirun.linux import sockets
from ecirun.linux.sockets import Socket
from ecirun.runtime import messages


@pytest.fixture
def ends() -> Iterator[tuple[Line, Socket]]:
    ours, theirs = sockets.pair()
    line = Line(ours, "test")
    yield line, theirs
    line.close()
    theirs.close()


def test_what_is_said_is_heard_in_order(ends):
    line, supervisor = ends
    for message in ({"started": "one"}, {"started": "two"}, {"step": "of no interest"}, {"ended": {"exited": 3}}):
        messages.send(supervisor, message)
    assert line.until(lambda: line.ended is not None)
    assert (line.started, line.ended, line.gone) == ({"one", "two"}, {"exited": 3}, False)


def test_notes_and_warnings_are_kept_and_logged(ends, caplog):
    line, supervisor = ends
    messages.send(supervisor, {"note": "one"})
    messages.send(supervisor, {"warning": "two"})
    line.hear_all()
    assert line.notes == ["one", "two"]
    assert caplog.messages == ["pod test: one", "pod test: two"]


def test_waiting_ends_in_time(ends):
    line, _supervisor = ends
    assert not line.until(lambda: False, timeout=0.01)
    assert not line.gone


def test_waiting_ends_when_the_supervisor_has_gone(ends):
    line, supervisor = ends
    supervisor.close()
    assert not line.until(lambda: False)
    assert line.gone
    assert not line.send({"stop": 0})


def test_each_question_gets_its_own_answer(ends):
    line, supervisor = ends
    answers: dict[str, dict[str, int] | None] = {}
    asking = [threading.Thread(target=lambda name=name: answers.update({name: line.status()})) for name in "abcdefgh"]
    for thread in asking:
        thread.start()
    asked = [messages.receive(supervisor)[0]["status"] for _ in asking]
    for number in reversed(asked):
        messages.send(supervisor, {"status": {"number": number}, "asked": number})
    for thread in asking:
        thread.join()
    assert sorted(answer["number"] for answer in answers.values()) == sorted(asked)


def test_a_question_without_an_answer_ends_with_the_supervisor(ends):
    line, supervisor = ends
    supervisor.close()
    assert line.status() is None


def test_an_answer_gets_through_where_nobody_has_listened_for_long(ends):
    line, supervisor = ends
    # Until the socket takes no more: an offer is dropped from then on.
    with contextlib.suppress(BlockingIOError):
        while True:
            messages._send(supervisor, {"note": "x" * 1000}, (), now=True)

    def answer() -> None:
        asked, _descriptors = messages.receive(supervisor)
        messages.offer(supervisor, {"status": {"phase": "Running"}, "asked": asked["status"]})

    answering = threading.Thread(target=answer)
    answering.start()
    assert line.status() == {"phase": "Running"}
    answering.join()
    assert len(line.notes) > 10


def test_many_threads_wait_for_what_one_of_them_hears(ends):
    line, supervisor = ends
    heard: list[bool] = []
    waiting = [threading.Thread(target=lambda: heard.append(line.until(lambda: line.ended is not None))) for _ in range(8)]
    for thread in waiting:
        thread.start()
    messages.send(supervisor, {"ended": {"exited": 0}})
    for thread in waiting:
        thread.join()
    assert heard == [True] * 8


def test_hanging_up_ends_the_waiting_of_others(ends):
    line, _supervisor = ends
    heard: list[bool] = []
    waiting = threading.Thread(target=lambda: heard.append(line.until(lambda: False)))
    waiting.start()
    line.close()
    waiting.join()
    assert (heard, line.gone) == ([False], True)
    line.close()


def test_messages_that_are_too_large_for_a_socket_arrive_whole(ends):
    line, supervisor = ends
    null, theirs = sockets.pair()
    line.send({"exec": "x" * 1_000_000}, (theirs.fileno(),))
    message, descriptors = messages.receive(supervisor)
    assert (message, len(descriptors)) == ({"exec": "x" * 1_000_000}, 1)
    sockets.adopt(descriptors[0]).close()
    null.close()
    theirs.close()


def test_a_line_of_a_parent_is_silent_in_the_child(ends):
    line, supervisor = ends
    line.forget()
    assert (line.gone, line.foreign, line.send({"stop": 0}), line.status()) == (True, True, False, None)
    assert messages.receive(supervisor) == (None, ())
