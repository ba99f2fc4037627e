"""Several databases in the configuration: as words in the environment, as tables in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.config import Config

SHOP, BLOG = "postgresql://sender:shop-passw0rd@db.test/shop", "postgresql://sender@db.test/blog"


def load(path: Path | None = None, **environ: str) -> Config:
    return Config.load(path, environ={f"DREAMLIT_{key.upper()}": value for key, value in environ.items()})


def found(config: Config) -> list[tuple[str | None, int, str]]:
    return [(one.name, one.weight, one.dsn.reveal()) for one in config.databases]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_one_database_has_no_name() -> None:
    config = load(dsn=SHOP)
    assert found(config) == [(None, 1, SHOP)]
    assert config.dsn.reveal() == SHOP


def test_words_with_names_and_weights() -> None:
    config = load(databases=f"{SHOP}\n  news*3={BLOG} other={BLOG}")
    assert found(config) == [("shop", 1, SHOP), ("news", 3, BLOG), ("other", 1, BLOG)]


def test_tables_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "dreamlit.toml"
    file.write_text(
        f'dsn = "{SHOP}"\n[[sender.databases]]\ndsn = "{SHOP}"\nname = "tenant-1"\nweight = 2\n'
        '[[sender.databases]]\ndsn = "host=db.test dbname=blog"\n'
    )
    assert found(load(file)) == [("tenant-1", 2, SHOP), ("blog", 1, "host=db.test dbname=blog")]
    assert found(load(file, dsn=BLOG)) == [(None, 1, BLOG)]
    assert found(load(file, databases=f"x={BLOG}")) == [("x", 1, BLOG)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shop", "entry 1 is no database"),
        (f"{SHOP} host=x", "entry 2 is no database"),
        (f"{SHOP} {SHOP}", "2 databases of the name shop"),
        (f"shop*0={SHOP}", "weight must be a whole number"),
        (f"shop*many={SHOP}", "weight must be a whole number"),
        (f"sh.op={SHOP}", "needs a name of letters"),
        ("postgresql://sender:hush-hush@db.test", "needs a name of letters"),
        ("x=postgresql://sender:hush-hush@[db.test/x", "not a PostgreSQL connection string"),
    ],
)
def test_wrong_words_are_refused_without_being_repeated(text: str, words: str) -> None:
    with pytest.raises(DreamlitError, match=words) as refused:
        load(databases=text)
    assert "hush" not in f"{refused.value} {refused.value.hint}"
    assert "passw0rd" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("databases = []", "must be a list of tables"),
        ("databases = 3", "must be a list of tables"),
        ("[[sender.databases]]\nname = 'x'", "entry 1 has no dsn"),
        (f"[[sender.databases]]\ndsn = '{SHOP}'\nwieght = 2", "unknown key 'wieght'"),
        (f"[[sender.databases]]\ndsn = '{SHOP}'\nweight = true", "weight must be a whole number"),
        (f"[[sender.databases]]\ndsn = '{SHOP}'\nname = 3", "needs a name"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "dreamlit.toml"
    file.write_text(text if text.startswith("[[") else f"[sender]\n{text}")
    with pytest.raises(DreamlitError, match=words):
        load(file)


def test_two_answers_in_the_environment_are_refused() -> None:
    with pytest.raises(DreamlitError, match="both set"):
        load(dsn=SHOP, databases=BLOG)


def test_what_works_for_one_database_says_so() -> None:
    with pytest.raises(DreamlitError, match="several databases, and this works for one"):
        _ = load(databases=f"{SHOP} {BLOG}").dsn


def test_the_secrets_of_all_databases_are_kept() -> None:
    config = load(databases=f"{SHOP} blog=postgresql://sender:blog-passw0rd@db.test/blog")
    shown = f"{config!r} {config}"
    shown += config.redactor()(f"{SHOP} shop-passw0rd blog-passw0rd")
    assert "passw0rd" not in shown


@pytest.mark.parametrize(("text", "rate"), [("0.5", 0.5), ("1000", 1000.0)])
def test_a_rate(text: str, rate: float) -> None:
    assert load(dsn=SHOP).rate is None
    assert load(dsn=SHOP, rate=text).rate == rate


@pytest.mark.parametrize("text", ["0", "-1", "nan", "fast"])
def test_a_wrong_rate_is_refused(text: str) -> None:
    with pytest.raises(DreamlitError, match="DREAMLIT_RATE must be a number of messages a second"):
        load(dsn=SHOP, rate=text)
