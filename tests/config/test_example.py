"""config/example.toml and the model are held together, both ways."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

import config
from config.load import example_text, parse_settings
from config.model import Settings, WalletSettings

SECTIONS = {field.name: field.type for field in msgspec.structs.fields(Settings)}


@pytest.fixture
def with_all_settings():
    """The example with every setting switched on."""
    return re.sub(r"^#(?=\w+ = )", "", example_text(), flags=re.MULTILINE)


def test_every_setting_is_documented_and_every_documented_setting_exists(with_all_settings):
    documented = {section: set(settings) for section, settings in tomllib.loads(with_all_settings).items()}
    assert documented == {
        name: {field.name for field in msgspec.structs.fields(section)} for name, section in SECTIONS.items()
    }


def test_every_documented_default_is_the_models(with_all_settings, monkeypatch):
    monkeypatch.setenv("HOME", "/h")
    wallet = WalletSettings(path=Path("/h/wallet.sqlite"), nickname="desk")
    assert parse_settings(with_all_settings, Path("example.toml"), "desk") == Settings(wallet=wallet)


def test_the_example_as_it_is_sets_the_wallets_path_and_nothing_else():
    settings = {
        (section, *each) for section, content in tomllib.loads(example_text()).items() for each in content.items()
    }
    assert settings == {("wallet", "path", "~/wallet.sqlite")}


def test_every_setting_or_group_of_settings_is_explained_above_it():
    paragraphs = re.split(r"\n\n|(?<=\])\n", example_text())
    settings = [paragraph for paragraph in paragraphs if re.search(r"^#?\w+ = ", paragraph, flags=re.MULTILINE)]
    assert len(settings) > len(SECTIONS)
    for paragraph in settings:
        assert paragraph.startswith("# "), paragraph


def test_the_manual_has_a_row_for_every_setting():
    manual = (Path(config.__file__).parent.parent / "docs/configuration.md").read_text()
    rows = re.findall(r"^\| (`\w+\.\w+`.*?) \|", manual, flags=re.MULTILINE)
    listed = re.findall(r"`(\w+)\.(\w+)`", " ".join(rows))
    fields = [(name, field.name) for name, section in SECTIONS.items() for field in msgspec.structs.fields(section)]
    assert listed == fields
