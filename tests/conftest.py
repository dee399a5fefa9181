"""Settings for Hypothesis: the same few examples in every run; HYPOTHESIS_PROFILE=explore asks for many fresh ones."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeat", deadline=None, derandomize=True, max_examples=40)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))
