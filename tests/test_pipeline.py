import threading
import time

import pytest

from dispr.pipeline import Ahead, Behind, delayed


def test_items_come_in_order_and_a_bounded_number_ahead():
    made = []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    with Ahead(items(), 3) as ahead:
        for i, item in enumerate(ahead):
            assert item == i
            time.sleep(0.005)
            assert len(made) <= i + 6
    assert made == list(range(20))


def test_errors_of_items_are_raised_where_they_are_taken():
    def items():
        yield 1
        raise ValueError("no more")

    with Ahead(items(), 3) as ahead:
        found = iter(ahead)
        assert next(found) == 1
        with pytest.raises(ValueError, match="no more"):
            next(found)


def test_the_thread_ends_where_nobody_takes_the_items():
    before = threading.active_count()
    with Ahead(iter(range(10**9)), 2) as ahead:
        assert next(iter(ahead)) == 0
    assert threading.active_count() == before


def test_calls_are_made_in_order_and_awaited():
    done = []
    with Behind(2) as behind:
        for i in range(10):
            behind.put(lambda i=i: (time.sleep(0.002), done.append(i)))
    assert done == list(range(10))
    assert behind.waited > 0


def test_an_error_of_a_call_is_raised_and_no_call_is_made_behind_it():
    done = []

    def fail():
        raise OSError("full")

    with pytest.raises(OSError, match="full"), Behind(9) as behind:
        behind.put(fail)
        behind.put(lambda: done.append(1))
    assert not done


def test_what_was_put_is_done_where_the_block_fails():
    done = []
    with pytest.raises(KeyboardInterrupt), Behind(9) as behind:
        behind.put(lambda: (time.sleep(0.01), done.append(1)))
        raise KeyboardInterrupt
    assert done == [1]


def test_delayed_items_are_given_once_later_ones_are_made():
    made = []

    def items():
        for i in range(4):
            made.append(i)
            yield i

    seen = [(item, len(made)) for item in delayed(items(), 2)]
    assert seen == [(0, 3), (1, 4), (2, 4), (3, 4)]
    assert [*delayed("abc", 0)] == ["a", "b", "c"]
