"""Replacing the generated parts of documents."""

import pytest

from tools.documents import CALL, replace_between


def test_replace_between_changes_what_stands_between_the_marks_alone():
    text = "before\n<!-- table: made by hand -->\nold\n<!-- /table -->\nafter\n"
    assert replace_between(text, "table", r"new \1" + "\n") == (
        "before\n<!-- table: made by hand -->\nnew \\1\n<!-- /table -->\nafter\n"
    )


def test_replace_between_refuses_a_text_without_the_marks():
    with pytest.raises(ValueError, match="no marks for 'table'"):
        replace_between("<!-- tables -->\n<!-- /tables -->", "table", "")


def test_call_finds_each_command_with_its_answer():
    text = "```console\n$ first\nanswer\n```\n\n```sh\n$ no\n```\n\n```console\n$ second\n{}\n```\n"
    assert [call["command"] for call in CALL.finditer(text)] == ["first", "second"]
