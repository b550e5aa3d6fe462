"""What is built and installed: three generic package names that must stay ours, and the data files beside them."""

import os
import re
import tomllib
import zipfile
from importlib import metadata, resources
from pathlib import Path

import pytest
from hatchling import build

import config

ROOT = Path(config.__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The names of the files in a freshly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    before = Path.cwd()
    os.chdir(ROOT)  # the interface of build backends: they build the working directory
    try:
        with zipfile.ZipFile(folder / build.build_wheel(str(folder))) as opened:
            return set(opened.namelist())
    finally:
        os.chdir(before)


@pytest.mark.parametrize("package", ["daemon", "ipc", "config"])
def test_no_other_distribution_owns_a_package_of_ours(package):
    # An editable installation lists no packages at all; then nobody may own them.
    owners = metadata.packages_distributions().get(package, ["walletsync"])
    assert set(owners) == {"walletsync"}


def test_a_wheel_holds_our_three_packages_and_no_other(wheel):
    packages = {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert packages == {"daemon", "ipc", "config"}


def test_a_wheel_holds_the_data_that_the_program_reads(wheel):
    profiles = {f"config/profiles/{file.name}" for file in (ROOT / "config/profiles").iterdir()}
    units = {f"config/systemd/{file.name}" for file in (ROOT / "systemd").iterdir()}
    assert {"config/profiles/taler.toml", "config/profiles/taler.sql"} <= profiles
    assert {"config/systemd/walletsyncd.service", "config/systemd/walletsyncd@.service"} <= units
    assert wheel >= {"config/example.toml", *profiles, *units}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)


def test_the_units_are_found_as_resources():
    units = resources.files("config").joinpath("systemd")
    assert {file.name for file in units.iterdir()} == {file.name for file in (ROOT / "systemd").iterdir()}


def test_everything_that_the_project_names_is_locked_with_hashes_and_nothing_of_this_machine():
    lock = (ROOT / "requirements.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==\S+ \\\n    --hash=sha256:", lock, flags=re.MULTILINE))
    named = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    assert {re.split(r"[^A-Za-z0-9-]", each)[0].lower() for each in named} <= locked
    assert not re.findall(r"^-|://|^.*(?:\s|=|@)/\S", lock, flags=re.MULTILINE)
