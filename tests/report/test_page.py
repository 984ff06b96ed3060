import base64
import dataclasses
from html.parser import HTMLParser
from math import nan

import pytest
from made_runs import made_run, predicted_run

from maskless.report.page import Extra, Page, Section, html
from maskless.report.pictures import find_source, picture
from maskless.report.results import read_result
from maskless.report.tables import tables

VOID = {"meta", "link", "br", "img"}


class Reader(HTMLParser):
    """The elements of a page in order, its words, and whether every element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(*runs, **more) -> Page:
    sections = [Section(table) for table in tables([read_result(run) for run in runs])]
    return Page("a title", "made now", sections, **more)


def text_of(page: Page) -> str:
    return " ".join(" ".join(Reader(html(page)).words).split())


def test_the_table_names_what_was_scored_and_how(tmp_path):
    run = made_run(tmp_path, "supervised", 4, {"1": {"aji": 0.25}, "2": {"aji": 0.75}}, epochs=1)
    text = text_of(page_of(run))
    assert "1 run scored on the test part of synthetic, 2 images" in text
    assert "split official; licence of the data CC0; fingerprint 0123456789ab." in text
    assert "supervised synthetic 4 finished 0.500 ± 0.354" in text
    assert "maskless evaluate method=supervised 'note=two words'" in text


def test_a_value_that_few_images_define_says_so(tmp_path):
    run = made_run(tmp_path, scores={"1": {"aji": 0.25, "dice": 0.5}, "2": {"aji": 0.75, "dice": nan}})
    assert "0.500 1 images" in text_of(page_of(run))


def test_the_best_is_bold(tmp_path):
    runs = [made_run(tmp_path, name, scores={"1": {"aji": v}}) for name, v in (("a", 0.25), ("b", 0.75))]
    page = html(page_of(*runs))
    assert page.count("<strong>") == 1
    assert "<strong>0.750</strong>" in page


def test_runs_of_one_method_are_told_apart(tmp_path):
    runs = [made_run(tmp_path, scores={"1": {"aji": 0.5}}) for _ in range(2)]
    text = text_of(page_of(*runs))
    for run in runs:
        assert f"threshold {run.path.name} no training" in text


def test_runs_that_read_different_data_are_told_apart(tmp_path):
    other = {"main": {"name": "synthetic", "licence": "CC0", "split": "official", "sha256": "ffff"}}
    runs = [
        made_run(tmp_path, "a", scores={"1": {"aji": 0.5}}),
        made_run(tmp_path, "b", scores={"1": {"aji": 0.5}}, data=other),
        made_run(tmp_path, "c", scores={"1": {"aji": 0.5}}, data={}),
    ]
    text = text_of(page_of(*runs))
    assert "licence of the data CC0;" in text
    assert "fingerprint 0123456789ab (a), ffff (b)." in text


def test_the_pixels_of_a_picture_are_in_the_page_once(tmp_path):
    page = page_of(predicted_run(tmp_path, "a"), predicted_run(tmp_path, "b", lost=1))
    table = page.sections[0].table
    shown = [picture(table, find_source(table), image, "best") for image in ("test-0000", "test-0001")]
    page = dataclasses.replace(page, sections=[Section(table, shown, notes=["a note"])])
    reader = Reader(html(page))
    images = reader.all("image")
    assert [base64.b64decode((image["href"] or "").partition(",")[2]) for image in images] == [
        one.tissue for one in shown
    ]
    assert [use["href"] for use in reader.all("use")] == [
        f"#{image['id']}" for image in images for _ in range(2)
    ]
    assert [path["d"] for path in reader.all("path")] == [
        panel.outlines for one in shown for panel in one.panels
    ]
    assert "a note" in reader.words


def test_nothing_is_fetched_and_nothing_runs(tmp_path):
    extras = [Extra("p.png", b"\x89PNG")]
    page = html(page_of(made_run(tmp_path, scores={"1": {"aji": 0.5}}), extras=extras, curves="<svg></svg>"))
    reader = Reader(page)
    tags = {tag for tag, _ in reader.elements}
    assert not tags & {"script", "iframe", "object", "embed", "base", "form", "a"}
    for _, attributes in reader.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in str(reader.all("meta"))


@pytest.mark.parametrize(
    "word", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt;", "a'b"]
)
def test_every_word_is_escaped(tmp_path, word):
    data = {"main": {"name": word, "split": word, "licence": word, "sha256": word[:12]}}
    scores = {word: {word: 0.5, "aji": 0.5}}
    runs = [
        made_run(tmp_path, word, seed, scores, word, part=word, state="failed", why=word, data=data, epochs=1)
        for seed in (0, 1)
    ]
    page = page_of(*runs, left_out=[word], extras=[Extra(word, b"")])
    page = dataclasses.replace(
        page, title=word, made=word, sections=[Section(page.sections[0].table, notes=[word])]
    )
    reader = Reader(html(page))
    assert not reader.all("script")
    assert len(reader.all("img")) == 1
    assert reader.all("img")[0]["alt"] == word
    assert reader.words.count(word) >= 8
