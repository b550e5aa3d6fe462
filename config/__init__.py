"""What a person decides: settings, where files lie, and the profiles of wallet databases."""

__version__ = "0.1.0"
