"""What is raised where a setting, a profile or a folder cannot be used: all problems found, not only the first."""

from collections.abc import Sequence


class ConfigError(Exception):
    """The configuration cannot be used. ``problems`` are sentences for a person, each naming file and setting."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ProfileError(ConfigError):
    """A profile cannot be read, or contradicts itself."""
