"""Fixtures that several files of this folder use."""

from web_stage import feeding, show  # noqa: F401
