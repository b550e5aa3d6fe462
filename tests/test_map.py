"""The map of the daemon, for whoever reads it first."""

import re
from pathlib import Path

import daemon


def test_the_daemons_map_names_nothing_that_is_not_there() -> None:
    folder = Path(daemon.__file__).parent
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    named = set(re.findall("``(.+?)``", daemon.__doc__ or ""))
    assert named
    assert named <= modules
