"""SQL in definitions: what does not compile, what would write, what fails only when it runs."""

from __future__ import annotations

import psycopg
import pytest
from tests.bad_input.conftest import Definition, House, changed, only
from tests.helpers import column, value, work


def when(expression: str) -> Definition:
    return changed(trigger__when=expression)


def condition(expression: str) -> Definition:
    return changed(steps__0__if=expression)


def until(expression: str) -> Definition:
    return changed(steps=[{"id": "nap", "wait": {"until": expression}}])


def query(text: str) -> Definition:
    return changed(steps=[{"id": "look", "query": text}])


READS = "write one SQL expression that only reads, without a semicolon"
ONE_VALUE = "one value for one item"

EXPRESSIONS = [
    # expression, a part of the fact, a part of the hint
    pytest.param("true;", 'syntax error at or near ";"', READS, id="semicolon"),
    pytest.param("true; drop table public.users", 'syntax error at or near ";"', READS, id="two statements"),
    pytest.param("end; select 1", 'syntax error at or near "end"', READS, id="end of the function's body"),
    pytest.param("true)", 'syntax error at or near ")"', READS, id="one bracket too many"),
    pytest.param("(true", "syntax error", READS, id="one bracket too few"),
    pytest.param("true) or (select true from", "syntax error", READS, id="brackets that reach out"),
    pytest.param("true) as value, (select 1", "syntax error", READS, id="brackets that add a column"),
    pytest.param("case when true then false", "syntax error", READS, id="case without end"),
    pytest.param("true as x", 'syntax error at or near "as"', READS, id="alias"),
    pytest.param("true union select false", 'syntax error at or near "union"', READS, id="union"),
    pytest.param("-- nothing", "syntax error", READS, id="only a comment"),
    pytest.param("true /* open", 'unterminated /* comment at or near "/* open', READS, id="open comment"),
    pytest.param("trigger.email = 'open", "unterminated quoted string", READS, id="open literal"),
    pytest.param('trigger."email = true', "unterminated quoted identifier", READS, id="open name"),
    pytest.param("$tag$ open", "unterminated dollar-quoted string", READS, id="open dollar quote"),
    pytest.param("default", "DEFAULT is not allowed", READS, id="default"),
    pytest.param("\x01true", "syntax error", READS, id="control character"),
    pytest.param("trigger.“email” is null", "“email” does not exist", "", id="typographic quotes"),
    pytest.param("trigger.email = E'\\x00'", 'invalid byte sequence for encoding "UTF8"', "mend", id="NUL in a literal"),
    pytest.param("$1 = 1", "there is no parameter $1", "trigger.column", id="parameter"),
    pytest.param("trigger.nope is null", "public.users has no column nope", "did you mean done?", id="unknown column"),
    pytest.param('trigger."EMAIL" is null', "no column EMAIL", "did you mean email?", id="column in another case"),
    pytest.param("old.email is null", "there is no old row on insert", "use trigger or new", id="no old row"),
    pytest.param("nobody.email is null", 'missing FROM-clause entry for table "nobody"', "steps only below", id="unknown name"),
    pytest.param("no_such_function(1)", "function no_such_function(integer) does not exist", "No function matches", id="unknown function"),
    pytest.param("trigger.email = 3", "operator does not exist: text = integer", "type casts", id="wrong types"),
    pytest.param("trigger.visits", "is integer, not boolean", "make it a boolean", id="number"),
    pytest.param("'true'", "is text, not boolean", "make it a boolean", id="literal"),
    pytest.param("null", "is text, not boolean", "make it a boolean", id="null"),
    pytest.param("true, false", "pseudo-type record", "a type that a column can have", id="two values"),
    pytest.param("trigger.born > '2024-02-30'", "out of range", "mend", id="30 February"),
    pytest.param("trigger.born > '2023-02-29'", "out of range", "mend", id="leap day of no leap year"),
    pytest.param("1 / 0 = 1", "division by zero", "mend", id="constant division by zero"),
    pytest.param("unnest(array[true, true])", "set-returning functions are not allowed", ONE_VALUE, id="set"),
    pytest.param("generate_series(1, 3) > 1", "set-returning functions are not allowed", ONE_VALUE, id="series"),
    pytest.param("count(*) > 0", "aggregate functions are not allowed", ONE_VALUE, id="aggregate"),
    pytest.param("bool_and(trigger.done)", "aggregate functions are not allowed", ONE_VALUE, id="aggregate of a column"),
    pytest.param("row_number() over () = 1", "window functions are not allowed", ONE_VALUE, id="window function"),
    pytest.param("exists (insert into public.friends values (1))", "syntax error", READS, id="insert"),
    pytest.param("exists (with gone as (delete from public.friends returning 1) select from gone)", "data-modifying", "only reads", id="delete in WITH"),
    pytest.param("exists (select from dreamlit._settings)", "permission denied", "publishing grants nobody", id="our own tables"),
    pytest.param("pg_read_file('/etc/passwd') is null", "permission denied", "publishing grants nobody", id="a file of the server"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "fact", "hint"), EXPRESSIONS)
def test_a_condition_that_cannot_be_is_refused_at_publish(
    house: House, expression: str, fact: str, hint: str
) -> None:
    found = house.faults(when(expression))
    assert [one for one in found if one.place == "trigger.when" and fact in one.fact and hint in one.hint], (
        found
    )
    # Nobody is shown the SQL that we put around it.
    assert not [one for one in found if "dreamlit_item" in one.fact or "\n" in one.fact]


OTHERS = [
    # definition, place, a part of the fact, a part of the hint
    pytest.param(condition("true;"), "steps[0].if", 'syntax error at or near ";"', READS, id="if: semicolon"),
    pytest.param(condition("trigger.visits"), "steps[0].if", "is integer, not boolean", "make it a boolean", id="if: number"),
    pytest.param(condition("count(*) > 0"), "steps[0].if", "aggregate functions", ONE_VALUE, id="if: aggregate"),
    pytest.param(condition("unnest(array[true, true])"), "steps[0].if", "set-returning", ONE_VALUE, id="if: set"),
    pytest.param(until("'tomorrow'"), "steps[0].wait.until", "is text, not timestamp with time zone", "make it", id="until: text"),
    pytest.param(until("trigger.born"), "steps[0].wait.until", "is date, not", "make it", id="until: date"),
    pytest.param(until("timestamp '2030-03-31 02:30'"), "steps[0].wait.until", "timestamp without time zone", "make it", id="until: no zone"),
    pytest.param(until("'2024-02-30'::timestamptz"), "steps[0].wait.until", "out of range", "mend", id="until: 30 February"),
    pytest.param(until("'294277-01-01'::timestamptz"), "steps[0].wait.until", "out of range", "mend", id="until: year 294277"),
    pytest.param(until("'4714-01-01 BC'::timestamptz"), "steps[0].wait.until", "out of range", "mend", id="until: 4714 BC"),
    pytest.param(until("generate_series(now(), now() + interval '3 days', interval '1 day')"), "steps[0].wait.until", "set-returning", ONE_VALUE, id="until: set"),
    pytest.param(until("max(trigger.seen_at)"), "steps[0].wait.until", "aggregate functions", ONE_VALUE, id="until: aggregate"),
    pytest.param(changed(trigger__key="count(*)"), "trigger.key", "aggregate functions", ONE_VALUE, id="key: aggregate"),
    pytest.param(changed(trigger__key="unnest(array['a'])"), "trigger.key", "set-returning", ONE_VALUE, id="key: set"),
    pytest.param(changed(trigger__key="trigger.nope"), "trigger.key", "no column nope", "done", id="key: unknown column"),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "place", "fact", "hint"), OTHERS)
def test_a_key_or_moment_that_cannot_be_is_refused_at_publish(
    house: House, definition: Definition, place: str, fact: str, hint: str
) -> None:
    house.assert_fault(definition, place, fact, hint)


READS_QUERY = "write one SQL query that only reads, without a semicolon"

QUERIES = [
    # query, a part of the fact, a part of the hint
    pytest.param(";", "syntax error", READS_QUERY, id="semicolon"),
    pytest.param("select 1 as x;;", "syntax error", READS_QUERY, id="two semicolons"),
    pytest.param("select 1 as x; drop table public.users", "syntax error", READS_QUERY, id="two statements"),
    pytest.param("begin; select 1 as x; commit", "syntax error", READS_QUERY, id="transaction"),
    pytest.param("select 1 as x) as r, (select 2 as y", "syntax error", READS_QUERY, id="brackets that reach out"),
    pytest.param("select 1 as x /* open", "unterminated /* comment", READS_QUERY, id="open comment"),
    pytest.param("-- nothing", "syntax error", READS_QUERY, id="only a comment"),
    pytest.param("insert into public.friends values (1) returning name", "syntax error", READS_QUERY, id="insert"),
    pytest.param("update public.friends set name = 'x' returning name", "syntax error", READS_QUERY, id="update"),
    pytest.param("delete from public.friends returning name", "syntax error", READS_QUERY, id="delete"),
    pytest.param("truncate public.friends", "syntax error", READS_QUERY, id="truncate"),
    pytest.param("merge into public.friends using public.users on true when matched then delete", "syntax error", READS_QUERY, id="merge"),
    pytest.param("with d as (insert into public.friends values (1) returning *) select * from d", "data-modifying", "only reads", id="insert in WITH"),
    pytest.param("with d as (update public.friends set name = '' returning *) select * from d", "data-modifying", "only reads", id="update in WITH"),
    pytest.param("select name from public.friends for update", "FOR UPDATE is not allowed", "only reads", id="for update"),
    pytest.param("select name from public.friends for share", "FOR SHARE is not allowed", "only reads", id="for share"),
    pytest.param("select * into public.copy from public.friends", "INTO is not allowed", READS_QUERY, id="select into"),
    pytest.param("copy public.friends to stdout", "syntax error", READS_QUERY, id="copy"),
    pytest.param("do $$ begin end $$", "syntax error", READS_QUERY, id="do"),
    pytest.param("call dreamlit.work(0)", "syntax error", READS_QUERY, id="call"),
    pytest.param("set role postgres", "syntax error", READS_QUERY, id="set role"),
    pytest.param("explain select 1", "syntax error", READS_QUERY, id="explain"),
    pytest.param("select $1 as x", "there is no parameter $1", "trigger.column", id="parameter"),
    pytest.param("select 1", "a column without a name", "select … as name", id="column without a name"),
    pytest.param("select 1 as a, 2 as a", "more than once", "mend", id="one name twice"),
    pytest.param("select row(1, 2) as r", "pseudo-type record", "a type that a column can have", id="record"),
    pytest.param("select * from public.freinds", "does not exist", "with their schema", id="unknown table"),
    pytest.param("select trigger.idd as x", "no column idd", "did you mean id?", id="unknown column"),
    pytest.param("select greet.x as y", 'missing FROM-clause entry for table "greet"', "steps only below", id="unknown step"),
    pytest.param("select * from trigger", 'relation "trigger" does not exist', "steps only below", id="the trigger as a table"),
    pytest.param("select 1 as x limit -1", "LIMIT must not be negative", "mend", id="negative limit"),
    pytest.param("select * from pg_authid", "permission denied", "publishing grants nobody", id="passwords"),
    pytest.param("select lo_import('/etc/passwd') as x", "permission denied", "publishing grants nobody", id="a file of the server"),
    pytest.param("select " + ", ".join(f"{n} as c{n}" for n in range(1665)), "at most 1664 entries", "mend", id="1665 columns"),
    pytest.param("select " + "(" * 20_000 + "1" + ")" * 20_000 + " as x", "memory exhausted", READS_QUERY, id="20000 brackets"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fact", "hint"), QUERIES)
def test_a_query_that_cannot_be_is_refused_at_publish(house: House, text: str, fact: str, hint: str) -> None:
    found = house.faults(query(text))
    assert [
        one for one in found if one.place == "steps[0].query" and fact in one.fact and hint in one.hint
    ], found
    assert not [one for one in found if "dreamlit_row" in one.fact]


SOUND = [
    pytest.param(when("new.visits > 0 -- a comment at the end"), id="when: comment at the end"),
    pytest.param(when("new.email <> $$; end; --$$"), id="when: dollar quotes"),
    pytest.param(when("new.email <> 'end;'"), id="when: keyword in a literal"),
    pytest.param(when("new . email /* what */ is\tnot\r\nnull"), id="when: blanks and comments"),
    pytest.param(when("new.email = '🎉 שלום e\u0301'"), id="when: emoji, RTL and combining characters"),
    pytest.param(when("new.seen_at < 'infinity' and new.born > '-infinity' and new.visits::float8 <> 'NaN'"), id="when: infinities and NaN"),
    pytest.param(when("new is not null"), id="when: the whole row"),
    pytest.param(when("(select count(*) from public.friends as f where f.user_id = new.id) > 0"), id="when: aggregate of its own query"),
    pytest.param(when("select true"), id="when: a query of one value"),
    pytest.param(query("select 1 as x;"), id="query: one semicolon"),
    pytest.param(query("select ';' as x, $$;$$ as y -- ;"), id="query: semicolons within"),
    pytest.param(query("table public.friends"), id="query: table"),
    pytest.param(query("values (1), (2)"), id="query: values"),
    pytest.param(query('select 1 as "select", 2 as "we""ird", 3 as "100%s", 4 as "😀"'), id="query: odd names"),
    pytest.param(query(f"select 1 as {'x' * 70}"), id="query: a name that PostgreSQL cuts"),
    pytest.param(query("select null as n, 'sad'::public.mood as m, array[1] as a, '{}'::json as j, users as u from public.users"), id="query: odd types"),
    pytest.param(query("select " + ", ".join(f"{n} as c{n}" for n in range(1000))), id="query: 1000 columns"),
    pytest.param(query("select " + "(" * 1_000 + "1" + ")" * 1_000 + " as x"), id="query: 1000 brackets"),
]  # fmt: skip


@pytest.mark.parametrize("definition", SOUND)
def test_sql_that_only_looks_odd_is_published(house: House, definition: Definition) -> None:
    house.try_publishing(definition)


def test_an_endless_query_is_stopped_by_the_publishers_own_limit(house: House) -> None:
    endless = "with recursive r as (select 1 as n union all select n from r) select n from r"
    house.admin.execute("set statement_timeout = '300ms'")
    try:
        with pytest.raises(psycopg.errors.QueryCanceled):
            house.try_publishing(query(endless))
    finally:
        house.admin.execute("reset statement_timeout")


def test_nothing_of_a_refused_definition_has_run(house: House) -> None:
    before = value(house.superuser, "select last_value from public.counter")
    house.faults(query("select nextval('public.counter') as n, 1"))
    house.faults(condition("nextval('public.counter') > 0 and nobody.x"))
    assert value(house.superuser, "select last_value from public.counter") == before
    assert column(house.superuser, "select name from public.friends") == []


# What shows only at run time ---------------------------------------------------------------------

FAILING = [
    # condition over an integer column c, the value, SQLSTATE, a part of the message
    pytest.param("1 / new.c > 0", "0", "22012", "division by zero", id="division by zero"),
    pytest.param("new.c * 2147483647 > 0", "2", "22003", "out of range", id="overflow"),
    pytest.param("repeat('(', new.c) ~ repeat('(', new.c)", "3", "2201B", "regular expression", id="bad regular expression"),
    pytest.param("(('{\"a\": ' || new.c || '}')::jsonb -> 'a')::text::date < now()", "1", "22007", "invalid input syntax for type date", id="no date"),
    pytest.param("(array[1, 2])[new.c] = (select generate_series(1, new.c) as n)", "2", "21000", "more than one row", id="subquery of two rows"),
    pytest.param("timestamp '2030-01-01' at time zone ('Nowhere/Land' || repeat('x', new.c)) > now()", "1", "22023", "not recognized", id="unknown time zone"),
    pytest.param("interval '1 day' * power(10, new.c) > '1 day'", "300", "22008", "out of range", id="interval overflow"),
    pytest.param("set_config('role', 'postgres', new.c = 0) is null", "1", "42501", "cannot set parameter", id="another role"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "written", "code", "message"), FAILING)
def test_a_condition_that_fails_at_run_time_neither_stops_the_write_nor_loses_the_event(
    house: House, expression: str, written: str, code: str, message: str
) -> None:
    name = house.watch("c integer", [only(changed()["steps"]) | {"email": NOBODY}], when=expression)
    house.insert(name, written)
    outcome = house.outcome(name)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert (outcome.error["step"], outcome.error["sqlstate"]) == ("trigger", code)
    assert message in outcome.error["message"]
    assert outcome.contents == []


NOBODY = {"to": "nobody@example.com", "subject": "s", "text": "t"}


def test_one_row_with_a_failing_condition_harms_none_of_its_statement(house: House) -> None:
    name = house.watch("c integer", [{"id": "tell", "email": NOBODY}], when="1 / new.c > 0")
    house.app.execute(f"insert into public.{name} values (1, 1), (2, 0), (3, 1)".encode())
    work(house.admin, 2)
    states = column(house.reader, "select state from dreamlit.runs where workflow = %s order by run_id", name)
    assert states == ["running", "failed", "running"]
    assert len(house.claim()) == 2
