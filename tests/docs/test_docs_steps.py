"""The page that shows what each step reads is what the steps declare."""

from steps_table import PAGE, page_with


def test_the_table_of_steps_is_as_they_are_declared():
    text = PAGE.read_text(encoding="utf-8")
    assert text == page_with(text), "run: python tests/helpers/steps_table.py"
