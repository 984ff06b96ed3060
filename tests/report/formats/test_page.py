import base64
import dataclasses
import hashlib
import re
from pathlib import Path

import pytest
from made_runs import made_run, predicted_run
from made_tables import made_intervals, made_table
from page_reader import Reader
from test_scored_images import table_of

from maskless.report.drawings.charts import Chart
from maskless.report.drawings.pictures import pictures
from maskless.report.formats import page as module
from maskless.report.formats.page import Extra, Page, Section, html

CHART = Chart("a chart", '<svg viewBox="0 0 1 1"></svg>', "what it shows")


def full_page(tmp_path) -> Page:
    """A page of one section with something in every place."""
    table = table_of(predicted_run(tmp_path, "a"), predicted_run(tmp_path, "b", lost=1))
    paper = dataclasses.replace(made_table(), title="As printed", paper="liu_2022")
    shown, _ = pictures(table, 2)
    section = Section(table, [paper], "threshold", made_intervals(), [CHART], shown, ["a note"])
    return Page("a title", "made now", [section], ["a failed"], CHART, [Extra("p.png", b"\x89PNG")])


def test_everything_is_in_its_place(tmp_path):
    reader = Reader(html(full_page(tmp_path)))
    text = reader.text
    places = [
        "a title", "made now", "synthetic, test: 5 images", "As printed", "difference to threshold",
        "Failed, unfinished, not scored or not readable a failed", "Pictures of synthetic, test: 5 images",
        "a chart what it shows", "What was found", "a note", "Training", "Further pictures p.png",
    ]  # fmt: skip
    assert [place for place in places if place not in text] == []
    assert sorted(places, key=text.index) == places
    assert [len(reader.all(f"h{level}")) for level in (1, 2, 3)] == [1, 5, 3]


def test_a_page_of_a_table_alone_has_no_empty_headings():
    reader = Reader(html(Page("t", "m", [Section(made_table())])))
    assert len(reader.all("h2")) == 1
    assert reader.all("h3") == []


def test_two_sections_share_no_id(tmp_path):
    page = full_page(tmp_path)
    reader = Reader(html(dataclasses.replace(page, sections=page.sections * 2)))
    ids = [attributes["id"] for _, attributes in reader.elements if attributes.get("id")]
    assert len(ids) > 10
    assert len(set(ids)) == len(ids)


def test_nothing_is_fetched_and_nothing_runs_but_the_script_of_the_page(tmp_path):
    page = html(full_page(tmp_path))
    reader = Reader(page)
    tags = {tag for tag, _ in reader.elements}
    assert not tags & {"iframe", "object", "embed", "base", "form", "a"}
    for _, attributes in reader.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    assert set(re.findall(r"url\(.", page)) == {"url(#"}
    assert "@import" not in page

    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert script == Path(module.__file__).with_name("page.js").read_text()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [str(meta["content"]) for meta in reader.all("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy.partition("script-src")[2]


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
    table = dataclasses.replace(table_of(*runs), notes=(word,))
    printed = dataclasses.replace(table.rows[0], name=f"{word} printed", runs=(), citation=word, lacks=word)
    paper = dataclasses.replace(table, rows=(*table.rows, printed), paper="liu_2022", title=word)
    shown, _ = pictures(table_of(predicted_run(tmp_path)), 1)
    tissue = dataclasses.replace(shown[0].tissue, image=word, cut=word)
    shown = [dataclasses.replace(shown[0], row=word, stands_for=word, caption=word, tissue=tissue)]
    chart = dataclasses.replace(CHART, title=word, caption=word)
    section = Section(table, [paper], word, {}, [chart], shown, [word])
    reader = Reader(html(Page(word, word, [section], [word], chart, [Extra(word, b"")])))
    assert len(reader.all("script")) == 1
    assert len(reader.all("img")) == 1
    assert reader.all("img")[0]["alt"] == word
    assert reader.words.count(word) >= 12


def test_areas_have_the_papers_colours():
    """True positives blue, false positives red, false negatives green."""
    style = Path(module.__file__).with_name("page.css").read_text()
    for area, colour in (
        ("correct", "fill: #0072b2"),
        ("wrong", "fill: #d55e00"),
        ("missed", "stroke: #009e73"),
    ):
        (rule,) = (line for line in style.splitlines() if line.startswith(f".{area} {{"))
        assert colour in rule
