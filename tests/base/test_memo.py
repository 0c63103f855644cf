"""Remembered results: what was changed since is forgotten."""

import pytest

from metagen.base.memo import keep, recall, store


@pytest.fixture
def path(tmp_path):
    store(tmp_path / "result.json", "key", [1.5, 2.5], list[float])
    return tmp_path / "result.json"


def test_a_result_is_found_again_by_its_key(path):
    assert recall(path, "key", list[float]) == [1.5, 2.5]
    assert recall(path, "another", list[float]) is None


@pytest.mark.parametrize(("old", "new"), [("1.5", "1.6"), ("2.5", "2.5, 3"), ("[", "{"), ("1.5", "[" * 9999)])
def test_a_result_that_was_changed_is_forgotten(path, old, new):
    path.write_text(path.read_text().replace(old, new))
    assert recall(path, "key", list[float]) is None
    path.write_text(path.read_text().replace('"key": "key"', '"key": "another"'))
    assert recall(path, "another", list[float]) is None


def test_where_nothing_can_be_kept_a_warning_says_so_once_and_work_goes_on(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.warns(UserWarning, match="cache: results cannot be kept there .* METAGEN_CACHE") as said:
        keep(lambda path: store(path, "key", [1.5], list[float]), tmp_path / "cache" / "result.json")
    assert len(said) == 1
    assert (tmp_path / "cache").read_text() == "a file"
