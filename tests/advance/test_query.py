from __future__ import annotations

from tests.helpers import Connection, add_user, column, email, publish, rows, value, work, workflow

from .conftest import Run, states


def query(text: str, step: str = "each", **more: object) -> dict[str, object]:
    return {"id": step, "query": text, **more}


def test_each_row_becomes_an_item(run: Run, superuser: Connection) -> None:
    run(
        query("select 'u' || n || '@x.org' as address from generate_series(1, 3) as n"),
        email(to="{{ each.address }}"),
    )
    assert column(superuser, "select recipient from dreamlit.messages order by 1") == [
        "u1@x.org",
        "u2@x.org",
        "u3@x.org",
    ]


def test_ten_thousand_rows_become_ten_thousand_messages(run: Run, superuser: Connection) -> None:
    run(
        query("select 'u' || n || '@x.org' as address from generate_series(1, 10000) as n"),
        email(to="{{ each.address }}"),
        passes=12,
    )
    assert value(superuser, "select count(*) from dreamlit.messages") == 10000
    assert value(superuser, "select count(distinct recipient) from dreamlit.messages") == 10000
    assert column(superuser, "select open_tasks from dreamlit.runs") == [10000]


def test_a_large_fan_out_does_not_hold_up_another_step(
    run: Run, admin: Connection, app: Connection, superuser: Connection
) -> None:
    run(query("select n from generate_series(1, 5000) as n"), email(lane="bulk"), passes=2)
    publish(admin, workflow(email(), name="reset", when="new.plan = 'reset'"))
    add_user(app, "ann", plan="reset")
    work(superuser)
    assert column(superuser, "select state from dreamlit.tasks where workflow = 'reset'") == ["sending"]
    assert value(superuser, "select count(*) from dreamlit._tasks where state = 'due'") > 0


def test_messages_of_a_fan_out_are_bulk_and_a_single_one_is_urgent(run: Run, superuser: Connection) -> None:
    run(query("select n from generate_series(1, 2) as n"), email("many"), email("one", after="trigger"))
    found = rows(superuser, "select step, lane, count(*) from dreamlit.messages group by 1, 2 order by 1")
    assert [(row["step"], row["lane"]) for row in found] == [("many", "bulk"), ("one", "urgent")]


def test_no_rows_end_the_branch(run: Run, superuser: Connection) -> None:
    run(query("select 1 as n where false"), email())
    assert states(superuser, "each") == ["done"]
    assert states(superuser, "tell") == []
    assert column(superuser, "select state from dreamlit.runs") == ["done"]


def test_collect_makes_one_item_of_all_rows(run: Run, superuser: Connection) -> None:
    step = email()
    step["email"] = {
        "to": "{{ trigger.email }}",
        "subject": "Hi",
        "text": "{% for row in each %}{{ row.n }};{% endfor %}",
    }
    run(query("select n from generate_series(1, 3) as n order by n", collect=True), step)
    assert column(superuser, "select content ->> 'text' from dreamlit.messages") == ["1;2;3;"]


def test_collect_of_no_rows_is_an_empty_list_and_goes_on(run: Run, superuser: Connection) -> None:
    step = email()
    step["email"] = {"to": "{{ trigger.email }}", "subject": "Hi", "text": "{{ each | length }}"}
    run(query("select 1 as n where false", collect=True), step)
    assert column(superuser, "select content ->> 'text' from dreamlit.messages") == ["0"]


def test_a_query_below_a_query_reads_the_item(run: Run, superuser: Connection) -> None:
    run(
        query("select n from generate_series(1, 3) as n", "outer_"),
        query("select m from generate_series(1, outer_.n) as m", "inner_"),
        email(),
    )
    assert len(states(superuser, "inner_")) == 3
    assert len(states(superuser, "tell")) == 6


def test_the_items_of_a_batch_do_not_mix(run: Run, superuser: Connection) -> None:
    run(query("select trigger.name || '@x.org' as address"), email(to="{{ each.address }}"), users=20)
    found = rows(superuser, "select recipient, content ->> 'text' as text from dreamlit.messages")
    assert len(found) == 20
    assert all(row["text"] == "Hello " + row["recipient"].removesuffix("@x.org") for row in found)


def test_a_query_that_raises_fails_its_own_task_only(
    run: Run, app: Connection, superuser: Connection
) -> None:
    run(query("select 10 / trigger.visits as n", attempts=1), email(), users=0)
    for name, visits in (("a", 1), ("b", 0), ("c", 2)):
        add_user(app, name, visits=visits)
    work(superuser, 3)
    assert states(superuser, "each") == ["done", "failed", "done"]
    assert len(states(superuser, "tell")) == 2
    (run_,) = rows(superuser, "select last_error from dreamlit.runs where state = 'failed'")
    assert run_["last_error"]["step"] == "each"
    assert run_["last_error"]["message"] == "division by zero"


def test_a_batch_of_a_thousand_runs_is_one_pass(run: Run, superuser: Connection) -> None:
    run(query("select 1 as n"), email(), users=1000, passes=1)
    assert states(superuser, "each") == ["done"] * 1000


def test_one_bad_row_of_a_thousand_fails_alone(run: Run, app: Connection, superuser: Connection) -> None:
    run(query("select 10 / (trigger.visits - 500) as n", attempts=1), users=1000, passes=1)
    assert states(superuser, "each").count("failed") == 1
    assert states(superuser, "each").count("done") == 999


def test_a_pass_takes_no_more_of_a_step_than_the_setting_says(
    run: Run, admin: Connection, superuser: Connection
) -> None:
    admin.execute("select dreamlit.set_setting('batch', '10')")
    run(email(), users=25, passes=1)
    assert value(superuser, "select count(*) from dreamlit.messages") == 10
    work(superuser, 2)
    assert value(superuser, "select count(*) from dreamlit.messages") == 25


def test_values_keep_their_types_through_the_queries(run: Run, superuser: Connection) -> None:
    run(
        query("select 12.50::numeric as price, array['a', 'b'] as tags, null::text as nothing, true as yes"),
        query(
            "select each.price * 2 as double, each.tags[2] as second,"
            " each.yes and each.nothing is null as ok",
            "next_",
        ),
        {
            "id": "tell",
            "email": {
                "to": "a@x.org",
                "subject": "{{ next_.double }} {{ next_.second }} {{ next_.ok }}",
                "text": "-",
            },
        },
    )
    assert column(superuser, "select subject from dreamlit.messages") == ["25.00 b True"]
