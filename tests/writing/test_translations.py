"""Texts in the language of whoever gets them, with a fallback; what is missing is a fault at publish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.helpers import Connection, add_user, create_users, publish, rows, value, work, workflow

from dreamlit_pg.definition import read_workflow
from dreamlit_pg.errors import DefinitionError
from dreamlit_pg.rendering import references, render_batch

EN = {"greeting": "Hello {name}", "things": {"one": "{count} thing", "other": "{count} things"}}
DE = {"greeting": "Hallo {name}", "things": {"one": "{count} Ding", "other": "{count} Dinge"}}
FILES = {
    "locales/en.json": json.dumps(EN),
    "locales/de.json": json.dumps(DE),
    "locales/de-AT.json": json.dumps({"greeting": "Servus {name}"}),
}
HELLO = "{{ t('greeting', name=trigger.name) }}"
YAML = """\
workflow: hello
trigger: {table: public.users, on: insert}
locale: de
steps:
  - id: tell
    email: {to: "{{ trigger.email }}", subject: "{{ t('subject') }}", template: greet.mjml, locale: "{{ trigger.plan }}"}
"""
MJML = f"<mjml><mj-body><mj-section><mj-column><mj-text>{HELLO}</mj-text></mj-column></mj-section></mj-body></mjml>"


def step(html: str, **more: str) -> dict[str, str]:
    return {"to": "a@example.com", "subject": "s", "html": html, **more}


def answers(
    html: str, *locales: str | None, files: dict[str, str] = FILES, **more: str
) -> list[dict[str, Any]]:
    contexts = [{"trigger": {"name": "<b>{count}</b>", "locale": locale}} for locale in locales]
    return render_batch("email", step(html, locale="{{ trigger.locale }}", **more), files, contexts)


def shown(html: str, *locales: str | None, **more: Any) -> list[str]:
    return [answer["content"]["html"] for answer in answers(html, *locales, **more)]


def facts(*sources: str, files: dict[str, str] = FILES) -> list[str]:
    found = references(step("".join(sources)), files)
    assert all(entry["hint"] for entry in found if "error" in entry)
    return [entry["error"] for entry in found if "error" in entry]


def test_each_recipient_is_written_to_in_a_language_of_the_chain() -> None:
    html = "{{ t('greeting', name='Ann') }}"
    assert shown(html, "de-AT", "de_CH.UTF-8", "en-GB") == ["Servus Ann", "Hallo Ann", "Hello Ann"]
    assert shown(html, "fr", None, "../x") == ["Hello Ann"] * 3
    assert shown(html, "fr", "en", default_locale="de-CH") == ["Hallo Ann", "Hello Ann"]


def test_a_variant_has_what_it_lacks_from_its_language() -> None:
    assert shown("{{ t('things', count=2) }}", "de-AT") == ["2 Dinge"]


def test_a_count_takes_the_form_of_its_language() -> None:
    polish = {"n": {"one": "{count} plik", "few": "{count} pliki", "other": "{count} plików"}}
    files = {**FILES, "locales/pl.json": json.dumps(polish)}
    html = "{% for n in (1, 3, 5) %}{{ t('n', count=n) }};{% endfor %}"
    assert shown(html, "pl", files=files) == ["1 plik;3 pliki;5 plików;"]


def test_values_are_escaped_as_any_other_and_fill_nothing_themselves() -> None:
    assert shown(HELLO, "en") == ["Hello &lt;b&gt;{count}&lt;/b&gt;"]
    assert shown("{{ t('greeting', name=trigger.name|safe) }}", "en") == ["Hello &lt;b&gt;{count}&lt;/b&gt;"]


def test_a_translation_is_text_and_no_markup() -> None:
    files = {"locales/en.json": json.dumps({"a": "<i>{{ trigger.name }}</i>"})}
    assert shown("{{ t('a') }}", "en", files=files) == ["&lt;i&gt;{{ trigger.name }}&lt;/i&gt;"]


def test_a_file_that_is_included_without_context_speaks_the_same_language() -> None:
    files = {**FILES, "a.html": "{{ t('greeting', name='Ann') }}"}
    assert shown("{% include 'a.html' without context %}", "de", files=files) == ["Hallo Ann"]


def test_a_slack_message_is_translated_too() -> None:
    given = {"text": HELLO, "locale": "de"}
    (answer,) = render_batch("slack", given, FILES, [{"trigger": {"name": "A&B"}}])
    assert answer["content"]["text"] == "Hallo A&amp;B"


@pytest.mark.parametrize(
    ("html", "fact"),
    [
        ("{{ t('no' ~ 'where') }}", "there is no translation of 'nowhere' in de or en"),
        ("{{ t('greet' ~ 'ing') }}", "the translation of 'greeting' names name"),
        ("{{ t(5) }}", "t() takes the key of a translation"),
        ("{{ t('things', count='many') }}", "t(count=…) takes a number, not 'many'"),
        ("{{ t }}", "a function cannot be printed"),
    ],
)
def test_what_cannot_be_translated_fails_the_task_with_the_reason(html: str, fact: str) -> None:
    (answer,) = answers(html, "de")
    assert fact in answer["error"]["message"]


# At publish


def test_complete_translations_have_no_faults() -> None:
    assert facts(HELLO, "{{ t('things', count=trigger.n) }}") == []


def test_missing_keys_are_listed_by_language() -> None:
    files = {**FILES, "locales/fr.json": json.dumps({"bye": "Adieu"})}
    assert facts(HELLO, "{{ t('bye') }}{{ t('things', count=1) }}", files=files) == [
        "the translations of en lack bye",
        "the translations of de lack bye",
        "the translations of fr lack greeting, things",
    ]


def test_with_a_key_that_is_made_at_run_time_every_language_needs_all_keys() -> None:
    files = {
        "locales/en.json": '{"state.new": "New", "state.old": "Old"}',
        "locales/de.json": '{"state": {"new": "Neu"}}',
    }
    assert facts("{{ t('state.' ~ trigger.state) }}", files=files) == [
        "the translations of de lack state.old"
    ]


def test_a_value_that_a_translation_names_must_be_given() -> None:
    assert facts("{{ t('greeting') }}", files={"locales/en.json": json.dumps(EN)}) == [
        "the translation of greeting in en names name, which t() is not given"
    ]


def test_without_any_translations_there_is_one_fault() -> None:
    assert facts(HELLO, "{{ t('bye') }}", files={}) == ["there are no translations"]


@pytest.mark.parametrize(
    ("text", "fact"), [("[1]", "holds no mapping"), ('{"a": 1}', "a is no text"), ("{", "is no JSON")]
)
def test_translations_that_cannot_be_read_are_a_fault(text: str, fact: str) -> None:
    (found,) = facts(HELLO, files={"locales/en.json": text})
    assert fact in found


@pytest.mark.parametrize(
    ("more", "fact"),
    [
        ({"locale": "fr"}, "there are translations, and none for fr, which all others fall back to"),
        ({"locale": "5"}, '"5" is no locale'),
        ({"locale": 5}, "locale is number, not a text"),
        ({"files": {"locales/x!.json": "{}", **FILES}}, "x! is no locale"),
    ],
)
def test_a_default_that_nobody_can_fall_back_to_is_refused(
    admin: Connection, more: dict[str, Any], fact: str
) -> None:
    create_users(admin)
    tell = {"id": "tell", "email": step(HELLO)}
    with pytest.raises(psycopg.Error) as raised:
        publish(admin, {**workflow(tell), "files": FILES, **more})
    assert raised.value.sqlstate == "DL001"
    assert fact in str(raised.value)


@pytest.mark.parametrize("locale", ["de", "de-AT", "de_CH"])
def test_the_default_may_be_a_variant_of_a_language_that_there_is(admin: Connection, locale: str) -> None:
    create_users(admin)
    tell = {"id": "tell", "email": step(HELLO)}
    assert publish(admin, {**workflow(tell), "files": FILES, "locale": locale}) == 1


# From the folder to the message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.yaml").write_text(YAML, "utf-8")
    (tmp_path / "greet.mjml").write_text(MJML, "utf-8")
    (tmp_path / "locales").mkdir()
    (tmp_path / "locales" / "de.yaml").write_text("greeting: Hallo {name}\nsubject: Grüße\n", "utf-8")
    (tmp_path / "locales" / "pt_br.yml").write_text("greeting: Olá {name}\nsubject: Oi\n", "utf-8")
    return tmp_path


def test_the_files_of_locales_are_published_with_the_workflow(folder: Path) -> None:
    files = read_workflow(folder / "hello.yaml").document["files"]
    assert files["locales/de.json"] == '{"greeting": "Hallo {name}", "subject": "Grüße"}'
    assert sorted(files) == ["greet.mjml", "locales/de.json", "locales/pt-BR.json"]


def test_a_workflow_that_translates_nothing_takes_none_of_them(folder: Path) -> None:
    (folder / "hello.yaml").write_text(YAML.replace("{{ t('subject') }}", "s"), "utf-8")
    (folder / "greet.mjml").write_text(MJML.replace(HELLO, "I can't (really)"), "utf-8")
    assert sorted(read_workflow(folder / "hello.yaml").document["files"]) == ["greet.mjml"]


def test_two_files_of_one_language_are_refused(folder: Path) -> None:
    (folder / "locales" / "DE.json").write_text("{}", "utf-8")
    with pytest.raises(DefinitionError, match="another file of de"):
        read_workflow(folder / "hello.yaml")


def test_a_file_that_is_named_like_no_language_is_refused(folder: Path) -> None:
    (folder / "locales" / "notes!.yaml").write_text("a: b", "utf-8")
    with pytest.raises(DefinitionError, match="no locale"):
        read_workflow(folder / "hello.yaml")


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "fr.yaml"
    secret.write_text("a: b", "utf-8")
    (folder / "locales" / "fr.yaml").symlink_to(secret)
    with pytest.raises(DefinitionError, match="link out of the folder"):
        read_workflow(folder / "hello.yaml")


def test_both_renderers_write_to_each_in_their_language(
    admin: Connection, app: Connection, superuser: Connection, sender: Connection, folder: Path
) -> None:
    create_users(admin)
    publish(admin, read_workflow(folder / "hello.yaml").document)
    people = {"ann": "pt-BR", "bob": "xx", "cy": None}
    for name, locale in people.items():
        add_user(app, name, plan=locale)
    work(superuser, 2)
    found = rows(admin, "select recipient, content from dreamlit.messages order by recipient")
    assert [row["content"]["subject"] for row in found] == ["Oi", "Grüße", "Grüße"]
    assert ">Olá ann<" in found[0]["content"]["html"]
    admin.execute("select dreamlit.set_setting('renderer', '\"sender\"')")
    for name, locale in people.items():
        add_user(app, name, plan=locale)
    work(superuser)
    claimed = rows(sender, "select * from dreamlit.claim('render', 'me', 10)")
    given = claimed[0]["templates"]
    contexts = [row["content"]["context"] for row in claimed]
    contents = [
        answer["content"] for answer in render_batch("email", given["templates"], given["files"], contexts)
    ]
    key = lambda content: content["to"]  # noqa: E731
    # The database adds nothing to what the renderer says but its topic and tracking, of which there are none.
    assert [json.dumps(content) for content in sorted(contents, key=key)] == [
        json.dumps({name: row["content"][name] for name in content})
        for row, content in zip(found, sorted(contents, key=key), strict=True)
    ]


def test_a_missing_key_is_refused_by_the_database_in_every_language_at_once(
    admin: Connection, folder: Path
) -> None:
    create_users(admin)
    (folder / "locales" / "de.yaml").write_text("greeting: Hallo {name}\n", "utf-8")
    (folder / "locales" / "fr.yaml").write_text("subject: Salut\n", "utf-8")
    with pytest.raises(psycopg.Error) as raised:
        publish(admin, read_workflow(folder / "hello.yaml").document)
    found = [fault["fact"] for fault in json.loads(str(raised.value.diag.message_detail))]
    assert found == ["the translations of de lack subject", "the translations of fr lack greeting"]


def test_other_translations_are_another_version(admin: Connection, folder: Path) -> None:
    create_users(admin)
    assert publish(admin, read_workflow(folder / "hello.yaml").document) == 1
    assert publish(admin, read_workflow(folder / "hello.yaml").document) == 1
    (folder / "locales" / "de.yaml").write_text("greeting: Hallo {name}!\nsubject: Grüße\n", "utf-8")
    assert publish(admin, read_workflow(folder / "hello.yaml").document) == 2
    assert value(admin, "select dreamlit.rollback('hello', 1) is not null")
