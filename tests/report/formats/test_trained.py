from made_tables import made_table
from page_reader import Reader

from maskless.report.drawings.charts import Chart
from maskless.report.formats.page import Extra, Page, Section, Trained, html

CHART = Chart("a <chart>", '<svg viewBox="0 0 1 1"></svg>', "what it shows")


def page_of(*trained: Trained) -> Reader:
    return Reader(html(Page("t", "m", [Section(made_table())], trained=trained)))


def test_charts_and_sheets_stand_below_the_name_of_their_run():
    reader = page_of(
        Trained("<gan>, seed 1", [CHART], [Extra("gan-epoch-0005.png", b"\x89PNG")]), Trained("plain")
    )
    assert "Training <gan>, seed 1 a <chart> what it shows gan-epoch-0005.png" in reader.text
    assert [str(image["src"])[:15] for image in reader.all("img")] == ["data:image/png;"]
    assert "plain" not in reader.text


def test_without_any_there_is_no_such_section():
    assert "Training" not in page_of(Trained("plain")).text
