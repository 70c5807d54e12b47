"""What holds for every test: no property is a race against the clock.

A busy machine is no defect of the program, so Hypothesis' time limit for one example is off; all
else of the profile in force (that of continuous integration, say) stays.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile(
    "untimed", settings.get_profile(settings.get_current_profile_name()), deadline=None
)
settings.load_profile("untimed")
