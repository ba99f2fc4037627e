from __future__ import annotations

import psycopg
import pytest

from dreamlit_cli.demo import story
from dreamlit_cli.demo.stage import SHORT_WAIT, examples, with_short_waits
from dreamlit_cli.output import format_seconds
from dreamlit_pg.cluster import Cluster
from dreamlit_pg.definition import read_folder


def test_the_examples_can_be_read_and_their_templates_parse() -> None:
    definitions = read_folder(examples())
    assert [definition.name for definition in definitions] == ["comment", "payment_failed", "welcome"]
    for definition in definitions:
        references = definition.document["references"]
        assert not [each for step in references.values() for each in step if "error" in each]


def test_short_waits_change_nothing_else() -> None:
    document = next(each.document for each in read_folder(examples()) if each.name == "welcome")
    short = with_short_waits(document)
    assert [step["wait"] for step in short["steps"] if "wait" in step] == [SHORT_WAIT]
    assert [step["wait"] for step in document["steps"] if "wait" in step] == ["3 days"]
    assert short["files"] == document["files"]


def test_the_story_plays_on_the_application_alone(cluster: Cluster) -> None:
    dsn = cluster.create_database("story")
    try:
        with psycopg.connect(dsn) as connection:
            connection.execute((examples() / "schema.sql").read_bytes())
        told: list[str] = []
        story.play(dsn, pause=0, tell=told.append)
        assert len(told) == len(list(story.scenes()))
        with psycopg.connect(dsn) as connection:
            counts = connection.execute(
                "select (select count(*) from users), (select count(*) from comments),"
                " (select count(*) from payments where state = 'failed')"
            ).fetchone()
        assert counts == (5, 2, 1)
    finally:
        cluster.drop_database("story")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.25, "250ms"), (-3, "-3.0s"), (90, "1m 30s"), (86400, "1d"), (187200, "2d 4h")]
)
def test_spans_of_time_are_short(seconds: float, words: str) -> None:
    assert format_seconds(seconds) == words
