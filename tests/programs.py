"""Programs that tests run and that no Python package brings: `.ci/run` installs them, so CI has to have them all."""

import os
import shutil

import pytest

PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
"""Servers lie where only root looks."""


def program(name: str) -> str:
    """Return where a program is; the test that asks is skipped where it is missing, and fails there in CI."""
    found = shutil.which(name, path=PATH)
    if found is not None:
        return found
    sentence = f"{name} is not installed"
    if "CI" in os.environ:
        pytest.fail(f"{sentence}, and in CI nothing is skipped for that; see .ci/run")
    pytest.skip(sentence)
